// Backups: the backup servers, who has no backup, the calendar, and a list: all backups, guests without one, tasks, snapshots.

import { createMemo, type JSX, Match, Show, Switch } from "solid-js";
import {
  backupServers,
  backupTasks,
  containers,
  pbsBackups,
  serverNow,
  storageBackups,
  vms,
} from "../../api/live";
import { day, parseTime } from "../../state/format";
import { oneOf } from "../../state/options";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Button, Segmented } from "../../ui/controls";
import type { LiveGuest } from "../proxmox/model";
import { BackupTable } from "./BackupTable";
import { Calendar } from "./Calendar";
import { CoverageLine, UnclearTable, useCoverage } from "./Coverage";
import { GuestDayTable } from "./GuestDayTable";
import { allBackups, calendar, daysOfGuests, exposed, guestNames, lastDays } from "./model";
import { Servers } from "./Servers";
import { SnapshotTable } from "./SnapshotTable";
import { TaskTable, taskHealth } from "./TaskTable";
import { UnprotectedTable } from "./UnprotectedTable";

const LISTS = [
  { id: "backups", title: t("Backups") },
  { id: "unprotected", title: t("Unprotected guests") },
  { id: "days", title: t("By guest and day") },
  { id: "unclear", title: t("Unclear") },
  { id: "tasks", title: t("Tasks") },
  { id: "snapshots", title: t("Snapshots") },
] as const;
/** A guest is protected by a backup that is not older than this; 0 takes any. */
const LIMITS = [
  { id: "0", title: t("any age") },
  { id: "1", title: t("1 day") },
  { id: "7", title: t("7 days") },
  { id: "30", title: t("30 days") },
] as const;
const CALENDAR_DAYS = 35;
const STRIP_DAYS = 28;

export default function BackupsPage(): JSX.Element {
  const view = useView("backups", ["sort", "list", "limit"]);
  const guests = createMemo<ReadonlyMap<string, LiveGuest>>(() => new Map([...vms(), ...containers()]));
  const backups = createMemo(() => allBackups(pbsBackups(), storageBackups()));
  const coverage = useCoverage();
  const list = createMemo(() => oneOf(view.get("list"), LISTS, "backups"));
  const limit = createMemo(() => Number(oneOf(view.get("limit"), LIMITS, "7")));
  // By the hour: the clock alone must not make all of it anew every second.
  const now = createMemo(() => Math.ceil(serverNow() / 3_600_000) * 3_600_000);
  const failures = createMemo(() =>
    [...backupTasks().values()].flatMap((task) => {
      const at = parseTime(task.startTime);
      return taskHealth(task) === "crit" && at !== undefined ? [at] : [];
    }),
  );
  const days = createMemo(() =>
    calendar(backups().values(), failures(), serverNow() || now(), CALENDAR_DAYS),
  );
  /** What the server says of each guest; nothing before its first answer. */
  const states = createMemo(() => {
    const latest = coverage.latest();
    return latest && new Map(latest.guests.map((guest) => [guest.id, guest.state]));
  });
  const unprotected = createMemo(() => exposed(guests().values(), states(), now(), limit()));
  const stripDays = createMemo(() => lastDays(now(), STRIP_DAYS));
  const byGuest = createMemo(() =>
    list() === "days" ? daysOfGuests(guests().values(), backups().values(), stripDays()) : new Map(),
  );
  const onDay = createMemo(() => {
    const at = Number(view.get("day"));
    return Number.isFinite(at) && at > 0 ? at : undefined;
  });
  const tools = (): JSX.Element => (
    <>
      <Segmented
        label={t("List")}
        options={LISTS}
        value={list()}
        onChange={(id) => view.set({ list: id, sort: undefined, q: undefined })}
      />
      <Show when={list() === "unprotected"}>
        <Segmented
          label={t("Newest backup at most")}
          options={LIMITS}
          value={String(limit()) as (typeof LIMITS)[number]["id"]}
          onChange={(id) => view.set({ limit: id })}
        />
      </Show>
      <Show when={list() === "backups" && onDay()}>
        {(at) => (
          <Button isSmall icon="close" onClick={() => view.set({ day: undefined })}>
            {day(at())}
          </Button>
        )}
      </Show>
    </>
  );
  const names = createMemo(() => guestNames(guests().values()));

  return (
    <>
      <h1 class="sr">{t("Backups")}</h1>
      <Show when={backupServers().size > 0}>
        <Servers view={view} />
      </Show>
      <CoverageLine
        data={coverage}
        onUnprotected={() => view.set({ list: "unprotected", sort: undefined, q: undefined })}
      />
      <Calendar
        days={days()}
        chosen={onDay()}
        onChoose={(at) =>
          view.set({ day: at === undefined ? undefined : String(at), list: "backups", sort: undefined })
        }
      />
      <Switch>
        <Match when={list() === "backups"}>
          <BackupTable view={view} rows={backups()} onDay={onDay()} names={names()} tools={tools()} />
        </Match>
        <Match when={list() === "unprotected"}>
          <UnprotectedTable view={view} rows={unprotected()} tools={tools()} limit={limit()} />
        </Match>
        <Match when={list() === "days"}>
          <GuestDayTable view={view} rows={byGuest()} days={stripDays()} tools={tools()} />
        </Match>
        <Match when={list() === "unclear"}>
          <UnclearTable data={coverage} tools={tools()} />
        </Match>
        <Match when={list() === "tasks"}>
          <TaskTable view={view} names={names()} tools={tools()} />
        </Match>
        <Match when={list() === "snapshots"}>
          <SnapshotTable view={view} names={names()} tools={tools()} />
        </Match>
      </Switch>
    </>
  );
}
