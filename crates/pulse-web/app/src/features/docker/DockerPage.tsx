// Docker and Podman: hosts above, services of a swarm and containers below, details on the right.

import { createEffect, createMemo, type JSX, lazy, Show, Suspense } from "solid-js";
import { dockerHosts, hasData } from "../../api/live";
import { address } from "../../base";
import { oneOf } from "../../state/options";
import { shown } from "../../state/shown";
import { useView } from "../../state/view";
import { t } from "../../text";
import { Empty, Segmented } from "../../ui/controls";
import { Waiting } from "../../ui/Waiting";
import { ContainerTable } from "./ContainerTable";
import { HostTable } from "./HostTable";
import { type ContainerRow, containerRows, serviceRows, successor } from "./model";
import { ServiceDrawer } from "./ServiceDrawer";
import { ServiceTable } from "./ServiceTable";

const ContainerDrawer = lazy(() => import("./ContainerDrawer"));
const DockerHostDrawer = lazy(() => import("./DockerHostDrawer"));

const LISTS = [
  { id: "all", title: t("All") },
  { id: "containers", title: t("Containers") },
  { id: "services", title: t("Services") },
] as const;

export default function DockerPage(): JSX.Element {
  const view = useView("docker", ["sort", "group", "list"]);
  const machines = createMemo(() => shown(dockerHosts()));
  const rows = createMemo(() => containerRows(machines().values()));
  const services = createMemo(() => serviceRows(machines().values()));
  const open = (): string => view.get("open") ?? "";
  const openRow = (key: string): void => (open() === "" ? view.go({ open: key }) : view.set({ open: key }));
  const close = (): void => view.set({ open: undefined });
  // A container that is made anew has another id: who looks at it goes on looking at it.
  createEffect<ContainerRow | undefined>((last) => {
    const key = open();
    const row = rows().get(key);
    if (row !== undefined || last === undefined || last.key !== key) return row;
    const next = successor(last, rows());
    if (next === undefined) return last;
    view.set({ open: next.key });
    return next;
  });
  const list = createMemo(() =>
    services().size === 0 ? "containers" : oneOf(view.get("list"), LISTS, "all"),
  );
  const lists = (): JSX.Element => (
    <Show when={services().size > 0}>
      <Segmented
        label={t("List")}
        options={LISTS}
        value={list()}
        onChange={(id) => view.set({ list: id, sort: undefined, group: undefined })}
      />
    </Show>
  );

  return (
    <div class="page">
      <h1 class="sr">Docker</h1>
      <Show when={hasData()} fallback={<Waiting what={t("Docker hosts")} />}>
        <Show
          when={machines().size > 0}
          fallback={
            <Empty title={t("No Docker or Podman host yet")}>
              <p>
                {t(
                  "Start pulse-agent on a host with Docker or Podman, with an API token that has the scope docker:report, and its containers appear here with the first report.",
                )}
              </p>
              <p>
                <a href={address("/settings/agents")}>{t("How to install the agent")}</a>
              </p>
            </Empty>
          }
        >
          <HostTable
            view={view}
            rows={machines()}
            onOpen={openRow}
            isSmall={services().size > 0 && list() === "all"}
          />
          <Show when={list() !== "containers"}>
            <ServiceTable
              view={view}
              rows={services()}
              onOpen={openRow}
              isAmongOthers={list() === "all"}
              tools={lists()}
            />
          </Show>
          <Show when={list() !== "services"}>
            <ContainerTable view={view} rows={rows()} onOpen={openRow} tools={lists()} />
          </Show>
        </Show>
        <Suspense>
          <Show when={rows().get(open())}>
            {(row) => <ContainerDrawer row={row()} view={view} onClose={close} />}
          </Show>
          <Show when={dockerHosts().get(open())}>
            {(host) => <DockerHostDrawer host={host()} view={view} onClose={close} />}
          </Show>
          <Show when={services().get(open())}>{(row) => <ServiceDrawer row={row()} onClose={close} />}</Show>
        </Suspense>
      </Show>
    </div>
  );
}
