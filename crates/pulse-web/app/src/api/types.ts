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

/** `cpuPercent` is of one processor: 200 is two of them. */
export type DockerContainer = Sure<Schemas["ContainerShape"], "id" | "name">;

/** A Docker or Podman host. CPU in percent of all its processors. */
export type DockerHost = Sure<
  Omit<Schemas["DockerHostShape"], "memory" | "disks" | "networkInterfaces" | "containers">,
  "id" | "hostname" | "status"
> & {
  memory?: Memory;
  disks?: readonly Disk[];
  networkInterfaces?: readonly NetworkInterface[];
  containers?: readonly DockerContainer[];
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
  dockerHosts: DockerHost;
  hosts: Host;
}

export type CollectionName = keyof Collections;

/** `GET /api/state`, and the `state` of a snapshot message. */
export type WireState = {
  [Name in CollectionName]?: readonly Collections[Name][] | null;
} & {
  lastUpdate?: number;
  connectionHealth?: Readonly<Record<string, boolean>>;
};
