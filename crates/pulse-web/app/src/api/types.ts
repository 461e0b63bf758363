// The parts of the state that the page reads, by the names and types of the OpenAPI document: a field
// that is renamed or changed in the server is an error here. What a source may not know is optional,
// though the document may promise it: a cell then shows a dash, whatever server sent the row.

import type { components } from "./schema.gen";

type Schemas = components["schemas"];

/** Absent is absent: the state holds no null, and a delta's null takes the field away. */
type WithoutNull<T> = T extends readonly (infer Item)[] ? readonly Item[] : Exclude<T, null>;

/** Only the named fields are sure to be there. */
type Sure<Shape, Names extends keyof Shape> = {
  [Key in Names]: WithoutNull<Shape[Key]>;
} & {
  [Key in Exclude<keyof Shape, Names>]?: WithoutNull<Exclude<Shape[Key], null>>;
};

/** Why a value is not there: field name → a text for a person. Sent beside the values. */
export type MissingReasons = Readonly<Record<string, string>>;

/** Bytes; `usage` in percent. */
export type Memory = Sure<Schemas["Memory"], "total" | "used">;
/** Bytes; `usage` in percent. */
export type Disk = Sure<Schemas["Disk"], "total" | "used">;
export type NetworkInterface = Sure<Schemas["Interface"], "name">;

/** A Proxmox node. `cpu` is a fraction. */
export type Node = Sure<
  Omit<Schemas["NodeShape"], "memory" | "disk" | "cpuInfo" | "temperature">,
  "id" | "name" | "instance" | "status"
> & {
  memory?: Memory;
  disk?: Disk;
  cpuInfo?: Partial<Schemas["CpuInfo"]>;
  temperature?: Sure<Schemas["Temperature"], never>;
};

/** A VM or container of Proxmox. `cpu` is a fraction, I/O is bytes per second. */
export type Guest = Sure<
  Omit<Schemas["GuestShape"], "memory" | "disk" | "disks" | "networkInterfaces">,
  "id" | "vmid" | "name" | "node" | "instance" | "status" | "type"
> & {
  memory?: Memory;
  disk?: Disk;
  disks?: readonly Disk[];
  networkInterfaces?: readonly NetworkInterface[];
};

export type Storage = Sure<Schemas["StorageShape"], "id" | "name" | "node" | "instance">;

export type PhysicalDisk = Sure<Schemas["PhysicalDiskShape"], "id" | "node" | "instance" | "devPath">;

export type CephCluster = Sure<
  Omit<Schemas["CephShape"], "pools" | "services">,
  "id" | "instance" | "name" | "health"
> & {
  pools?: readonly Sure<Schemas["CephPoolShape"], "id" | "name">[];
  services?: readonly Sure<Schemas["CephServiceShape"], "type">[];
};

export type ReplicationJob = Sure<Schemas["ReplicationShape"], "id" | "instance" | "jobId">;

/** A backup server. `memory` in percent. */
export type BackupServer = Sure<Omit<Schemas["PbsShape"], "datastores">, "id" | "name" | "status"> & {
  datastores?: readonly Datastore[];
  missing?: MissingReasons;
};
export type Datastore = Sure<Omit<Schemas["DatastoreShape"], "namespaces">, "name"> & {
  namespaces?: readonly Schemas["NamespaceShape"][];
};

/** A backup on a backup server. */
export type PbsBackup = Sure<
  Schemas["PbsBackupShape"],
  "id" | "instance" | "backupType" | "vmid" | "backupTime"
>;
/** A backup on a storage of Proxmox VE. */
export type StorageBackup = Sure<Schemas["StorageBackupShape"], "id" | "instance" | "vmid" | "storage">;
export type BackupTask = Sure<Schemas["BackupTaskShape"], "id" | "instance" | "node" | "vmid" | "status">;
export type GuestSnapshot = Sure<Schemas["GuestSnapshotShape"], "id" | "instance" | "node" | "vmid" | "name">;
export type PmgBackup = Sure<Schemas["PmgBackupShape"], "id">;

export type MailQueue = Sure<Schemas["QueueShape"], never>;
export type MailNode = Sure<Omit<Schemas["PmgNodeShape"], "queueStatus">, "name"> & {
  queueStatus?: MailQueue;
};
/** A mail gateway. */
export type MailGateway = Sure<
  Omit<Schemas["PmgShape"], "nodes" | "mailStats" | "quarantine">,
  "id" | "name" | "status"
> & {
  nodes?: readonly MailNode[];
  mailStats?: Sure<Schemas["MailStatsShape"], never>;
  quarantine?: Sure<Schemas["QuarantineShape"], never>;
  missing?: MissingReasons;
};

export type KubernetesNode = Sure<Schemas["K8sNodeShape"], "uid" | "name">;
export type PodContainer = Sure<Schemas["PodContainerShape"], "name">;
export type Pod = Sure<Omit<Schemas["PodShape"], "containers">, "uid" | "name" | "namespace"> & {
  containers?: readonly PodContainer[];
};
export type Deployment = Sure<Schemas["DeploymentShape"], "uid" | "name" | "namespace">;
/** A Kubernetes cluster with an agent. */
export type Cluster = Sure<
  Omit<Schemas["ClusterShape"], "nodes" | "pods" | "deployments">,
  "id" | "displayName" | "status"
> & {
  nodes?: readonly KubernetesNode[];
  pods?: readonly Pod[];
  deployments?: readonly Deployment[];
  missing?: MissingReasons;
};

/** An alert that is raised now, in the short form of the state. */
export type ActiveAlert = Sure<
  Schemas["AlertShape"],
  "id" | "type" | "level" | "resourceId" | "resourceName" | "message" | "startTime" | "acknowledged"
>;

/** `cpuPercent` is of one processor: 200 is two of them. */
export type DockerContainer = Sure<Schemas["ContainerShape"], "id" | "name">;
export type DockerService = Sure<Schemas["ServiceShape"], "id" | "name">;
export type DockerTask = Sure<Schemas["TaskShape"], "id">;

/** A Docker or Podman host. CPU in percent of all its processors. */
export type DockerHost = Sure<
  Omit<
    Schemas["DockerHostShape"],
    "memory" | "disks" | "networkInterfaces" | "containers" | "services" | "tasks"
  >,
  "id" | "hostname" | "status"
> & {
  memory?: Memory;
  disks?: readonly Disk[];
  networkInterfaces?: readonly NetworkInterface[];
  containers?: readonly DockerContainer[];
  services?: readonly DockerService[];
  tasks?: readonly DockerTask[];
};

/** A machine with an agent. CPU in percent. */
export type Host = Sure<
  Omit<Schemas["HostShape"], "memory" | "disks" | "networkInterfaces" | "sensors">,
  "id" | "hostname" | "status"
> & {
  memory?: Memory;
  disks?: readonly Disk[];
  networkInterfaces?: readonly NetworkInterface[];
  sensors?: Sure<Schemas["SensorsShape"], never>;
};

/** What every entity has. */
export interface Entity {
  id: string;
}

/** The collections that the page keeps; the server's other ones are not read. */
export interface Collections {
  nodes: Node;
  vms: Guest;
  containers: Guest;
  storage: Storage;
  physicalDisks: PhysicalDisk;
  cephClusters: CephCluster;
  replicationJobs: ReplicationJob;
  pbs: BackupServer;
  pbsBackups: PbsBackup;
  storageBackups: StorageBackup;
  backupTasks: BackupTask;
  guestSnapshots: GuestSnapshot;
  pmg: MailGateway;
  pmgBackups: PmgBackup;
  dockerHosts: DockerHost;
  kubernetesClusters: Cluster;
  hosts: Host;
  activeAlerts: ActiveAlert;
}

export type CollectionName = keyof Collections;

/** The lists that the wire keeps one level down, in `pveBackups`. */
type PveBackups = "storageBackups" | "backupTasks" | "guestSnapshots";

/** `GET /api/state`, and the `state` of a snapshot message. */
export type WireState = {
  [Name in Exclude<CollectionName, PveBackups>]?: readonly Collections[Name][] | null;
} & {
  pveBackups?: { [Name in PveBackups]?: readonly Collections[Name][] | null } | null;
  lastUpdate?: number;
  connectionHealth?: Readonly<Record<string, boolean>>;
};
