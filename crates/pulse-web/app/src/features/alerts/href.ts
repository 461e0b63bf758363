// Where the resource of an alert is shown, by what the page knows of it.

import { backupServers, kubernetesClusters, mailGateways, storage } from "../../api/live";
import { resourceHref } from "./model";

export function hrefOf(alert: { resourceId: string; id: string }): string {
  const { resourceId } = alert;
  if (storage().has(resourceId)) return `/proxmox/storage?open=${encodeURIComponent(resourceId)}`;
  if (backupServers().has(resourceId)) return "/proxmox/backups";
  if (mailGateways().has(resourceId)) return "/proxmox/mail";
  if (kubernetesClusters().has(resourceId)) return "/kubernetes";
  return resourceHref(alert);
}
