// Lists that several drawers show.

import { For, type JSX, Show } from "solid-js";
import type { Disk, NetworkInterface } from "../../api/types";
import { bytes, bytesOf } from "../../state/format";
import { t } from "../../text";
import { DISK_LIMITS, Meter } from "../../ui/Meter";
import styles from "./lists.module.css";

/** Percent; a usage below 0 says that only the size is known. */
function usageOf(disk: Disk): number | undefined {
  if (disk.total <= 0 || (disk.usage ?? 0) < 0) return undefined;
  return disk.usage ?? (disk.used / disk.total) * 100;
}

export function DiskList(props: { disks: readonly Disk[] }): JSX.Element {
  return (
    <table class={styles.list} aria-label={t("File systems")}>
      <thead>
        <tr>
          <th scope="col">{t("Mounted at")}</th>
          <th scope="col">{t("Used")}</th>
        </tr>
      </thead>
      <tbody>
        <For each={props.disks}>
          {(disk) => (
            <tr>
              <td>
                <div class="cut" title={disk.device}>
                  {disk.mountpoint || disk.device || t("disk")}
                </div>
                <Show when={disk.type}>
                  <div class={styles.small}>{disk.type}</div>
                </Show>
              </td>
              <td>
                <Meter value={usageOf(disk)} limits={DISK_LIMITS} detail={bytesOf(disk.used, disk.total)} />
              </td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}

export function InterfaceList(props: { interfaces: readonly NetworkInterface[] }): JSX.Element {
  return (
    <table class={styles.list} aria-label={t("Network interfaces")}>
      <thead>
        <tr>
          <th scope="col">{t("Interface")}</th>
          <th scope="col">{t("Addresses")}</th>
          <th scope="col" class="number">
            {t("Received")}
          </th>
          <th scope="col" class="number">
            {t("Sent")}
          </th>
        </tr>
      </thead>
      <tbody>
        <For each={props.interfaces}>
          {(each) => (
            <tr>
              <td>
                <div class="cut">{each.name}</div>
                <div class={styles.small}>{each.mac}</div>
              </td>
              <td class={styles.wrap}>
                <For each={each.addresses ?? []}>{(address) => <div class="mono">{address}</div>}</For>
              </td>
              <td class="number">{each.rxBytes === undefined ? "" : bytes(each.rxBytes)}</td>
              <td class="number">{each.txBytes === undefined ? "" : bytes(each.txBytes)}</td>
            </tr>
          )}
        </For>
      </tbody>
    </table>
  );
}
