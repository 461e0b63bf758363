// How rows of clusters are grouped.

import { t } from "../../text";
import type { Grouping } from "../../ui/table/Table";
import { clusterName, type Of } from "./model";

export function byCluster<T>(): Grouping<Of<T>> {
  return {
    id: "cluster",
    title: t("By cluster"),
    of: ({ cluster }) => ({ key: cluster.id, title: clusterName(cluster) }),
  };
}

export function byNamespace<T extends { namespace: string }>(): Grouping<Of<T>> {
  return {
    id: "namespace",
    title: t("By namespace"),
    of: ({ cluster, it }) => ({ key: `${cluster.id}/${it.namespace}`, title: it.namespace }),
  };
}
