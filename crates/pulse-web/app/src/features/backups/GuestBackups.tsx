// The backups of one guest, in its drawer.

import { createMemo, createResource, For, type JSX, Show } from "solid-js";
import { guestCoverage } from "../../api/backups";
import { containers, pbsBackups, serverNow, storageBackups, vms } from "../../api/live";
import type { Guest } from "../../api/types";
import { bytes, moment } from "../../state/format";
import { settled } from "../../state/settled";
import { t, tn } from "../../text";
import { Badge } from "../../ui/controls";
import { DrawerSection } from "../../ui/Drawer";
import lists from "../parts/lists.module.css";
import { DayStrip } from "./DayStrip";
import { backupsOf, lastDays } from "./model";
import { daysOf, ownBackups, sharesNumber } from "./owners";

/** More would push everything else out of sight; the Backups page has them all. */
const MOST_BACKUPS = 20;
/** Five weeks, as on the Backups page. */
const STRIP_DAYS = 35;

export function GuestBackups(props: { guest: Guest }): JSX.Element {
  // The drawer's row is a new one every second; who it is stays.
  const guest = createMemo(() => props.guest, undefined, {
    equals: (a, b) => a.id === b.id && a.instance === b.instance && a.type === b.type,
  });
  const ofNumber = createMemo(() => backupsOf(guest(), pbsBackups(), storageBackups()));
  const [coverage] = createResource(
    // Asked again when there are others than before.
    () => (ofNumber().length === 0 ? undefined : `${ofNumber().length} ${guest().id}`),
    () => guestCoverage(guest().id),
  );
  const isShared = createMemo(() => sharesNumber(guest(), [...vms().values(), ...containers().values()]));
  const backups = createMemo(() =>
    ownBackups(
      guest(),
      ofNumber(),
      settled(coverage),
      isShared(),
      t("several clusters have a guest of that number"),
    ),
  );
  const days = createMemo(() => lastDays(Math.ceil(serverNow() / 3_600_000) * 3_600_000, STRIP_DAYS), [], {
    equals: (a, b) => a[0] === b[0],
  });
  return (
    <Show when={backups().length > 0}>
      <DrawerSection title={t("Backups")}>
        <DayStrip days={days()} of={daysOf(backups(), days())} />
        <table class={lists.list} aria-label={t("Backups")}>
          <thead>
            <tr>
              <th scope="col">{t("Made")}</th>
              <th scope="col">{t("Where")}</th>
              <th scope="col" class="number">
                {t("Size")}
              </th>
            </tr>
          </thead>
          <tbody>
            <For each={backups().slice(0, MOST_BACKUPS)}>
              {({ backup, doubt }) => (
                <tr>
                  <td>{backup.at === undefined ? "" : moment(backup.at)}</td>
                  <td class={lists.wrap}>
                    <span class="row">
                      {backup.where}
                      <Show when={doubt}>
                        {(why) => <Badge title={why()}>{t("another guest's?")}</Badge>}
                      </Show>
                    </span>
                    <div class={lists.small}>
                      {[
                        doubt ?? "",
                        backup.isVerified ? t("verified") : "",
                        backup.isProtected ? t("protected") : "",
                        backup.notes,
                      ]
                        .filter(Boolean)
                        .join(", ")}
                    </div>
                  </td>
                  <td class="number">{backup.size ? bytes(backup.size) : ""}</td>
                </tr>
              )}
            </For>
          </tbody>
        </table>
        <Show when={backups().length > MOST_BACKUPS}>
          <p class="soft">{tn("and {n} older one", "and {n} older ones", backups().length - MOST_BACKUPS)}</p>
        </Show>
      </DrawerSection>
    </Show>
  );
}
