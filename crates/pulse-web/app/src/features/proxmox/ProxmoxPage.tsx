// Proxmox: the second line of tabs, and the page below it. A tab is absent when there is nothing to show.

import { createMemo, type JSX, Show } from "solid-js";
import {
  backupServers,
  cephClusters,
  hasData,
  mailGateways,
  nodes,
  pbsBackups,
  physicalDisks,
  replicationJobs,
  storage,
  storageBackups,
} from "../../api/live";
import { address } from "../../base";
import { t } from "../../text";
import { Empty } from "../../ui/controls";
import { SubTabs } from "../../ui/SubTabs";
import { Waiting } from "../../ui/Waiting";
import { TroubleNote } from "./TroubleNote";

export default function ProxmoxPage(props: { children?: JSX.Element }): JSX.Element {
  const tabs = createMemo(() => {
    const list = [{ href: "/proxmox", title: t("Overview"), isThere: true }];
    const add = (href: string, title: string, isThere: boolean): void => {
      list.push({ href: `/proxmox/${href}`, title, isThere });
    };
    add("storage", t("Storage"), storage().size > 0);
    add("disks", t("Disks"), physicalDisks().size > 0);
    add("ceph", t("Ceph"), cephClusters().size > 0);
    add("replication", t("Replication"), replicationJobs().size > 0);
    add(
      "backups",
      t("Backups"),
      nodes().size + backupServers().size + pbsBackups().size + storageBackups().size > 0,
    );
    add("mail", t("Mail gateway"), mailGateways().size > 0);
    return list.filter((tab) => tab.isThere);
  });
  const isEmpty = (): boolean => nodes().size + backupServers().size + mailGateways().size === 0;

  return (
    <div class="page">
      <Show when={hasData()} fallback={<Waiting what={t("nodes and guests")} />}>
        <TroubleNote />
        <Show
          when={!isEmpty()}
          fallback={
            <>
              <h1 class="sr">Proxmox</h1>
              <Empty title={t("No Proxmox node yet")}>
                <p>
                  {t(
                    "Add one node of a cluster and all its nodes, VMs, containers and storage appear here by themselves.",
                  )}
                </p>
                <p>
                  <a href={address("/settings/nodes?do=add")}>{t("Add your first node")}</a>
                </p>
              </Empty>
            </>
          }
        >
          <SubTabs label="Proxmox" tabs={tabs()} />
          {props.children}
        </Show>
      </Show>
    </div>
  );
}
