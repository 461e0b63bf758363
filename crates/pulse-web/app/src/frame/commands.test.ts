import { describe, expect, it } from "vitest";
import { commands, find } from "./commands";

const GUEST = { vmid: 101, node: "pve1", instance: "lab", status: "running", clockAt: 0 } as const;
const NONE = () => new Map();
const all = commands(
  {
    nodes: NONE,
    vms: () =>
      new Map([
        ["lab:pve1:101", { ...GUEST, id: "lab:pve1:101", name: "web-10", type: "qemu", tags: "prod" }],
        ["lab:pve1:102", { ...GUEST, id: "lab:pve1:102", vmid: 102, name: "web-9", type: "qemu" }],
      ]),
    containers: NONE,
    dockerHosts: () =>
      new Map([
        [
          "d",
          {
            id: "d",
            hostname: "docker-1",
            status: "online",
            clockAt: 0,
            containers: [{ id: "c", name: "my-web" }],
          },
        ],
      ]),
    hosts: NONE,
    storage: NONE,
    kubernetesClusters: NONE,
  },
  [{ href: "/docker", title: "Docker" }],
);

describe("search over everything", () => {
  it("puts first what begins so, in the order of names", () => {
    expect(find(all, "web").map((command) => command.title)).toEqual(["web-9", "web-10", "my-web"]);
  });

  it("finds by number and label, and wants every word", () => {
    expect(find(all, "101").map((command) => command.title)).toEqual(["web-10"]);
    expect(find(all, "web prod").map((command) => command.title)).toEqual(["web-10"]);
    expect(find(all, "web nothing")).toEqual([]);
  });

  it("offers actions and settings behind the pages", () => {
    const more = {
      href: "/settings/system?field=x",
      title: "Public address",
      kind: "Setting",
      text: "public address",
    };
    const none = {
      nodes: NONE,
      vms: NONE,
      containers: NONE,
      dockerHosts: NONE,
      hosts: NONE,
      storage: NONE,
      kubernetesClusters: NONE,
    };
    const some = commands(none, [{ href: "/docker", title: "Docker" }], [more]);
    expect(find(some, "").map((command) => command.title)).toEqual(["Docker", "Public address"]);
    expect(find(some, "addr")[0]?.href).toBe(more.href);
  });
  it("leads to the open drawer", () => {
    expect(find(all, "my-web")[0]?.href).toBe("/docker?open=d%2Fc");
  });
});
