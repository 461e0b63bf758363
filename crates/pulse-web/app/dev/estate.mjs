// Made-up machines for the mock: enough variety that every state of a cell is seen.

const GB = 1024 ** 3;
const NAMES = [
  "web",
  "db",
  "mail",
  "git",
  "ci-runner",
  "proxy",
  "dns",
  "wiki",
  "monitor",
  "backup",
  "media",
  "auth",
  "cache",
  "queue",
];
const pick = (list) => list[Math.floor(Math.random() * list.length)];
const between = (low, high) => low + Math.random() * (high - low);

export function estate({ guests, isEmpty, isBroken }) {
  const now = Date.now();
  const host = ownHost(now);
  const state = {
    nodes: [],
    vms: [],
    containers: [],
    storage: [],
    dockerHosts: [],
    hosts: [host],
    lastUpdate: now,
    connectionHealth: { lab: true },
  };
  if (isEmpty) return state;
  const nodeCount = Math.max(3, Math.ceil(guests / 50));
  for (let index = 1; index <= nodeCount; index += 1)
    state.nodes.push(node(index, now, isBroken && index === 2));
  for (let index = 0; index < guests; index += 1) {
    const where = state.nodes[index % nodeCount];
    const one = guest(index, where, now);
    (one.type === "qemu" ? state.vms : state.containers).push(one);
  }
  for (const where of state.nodes) {
    state.storage.push({
      id: `lab-${where.name}-local`,
      name: "local",
      node: where.name,
      instance: "lab",
      type: "dir",
      status: "available",
      total: 100 * GB,
      used: 42 * GB,
      usage: 42,
      shared: false,
    });
    state.storage.push({
      id: `lab-${where.name}-ceph`,
      name: "ceph-vm",
      node: where.name,
      instance: "lab",
      type: "rbd",
      status: "available",
      total: 8000 * GB,
      used: 6900 * GB,
      usage: 86,
      shared: true,
    });
  }
  state.hosts.push({
    ...ownHost(now),
    id: "nas",
    hostname: "nas",
    displayName: "nas",
    osName: "Debian",
    cpuUsage: 3,
    sensors: undefined,
  });
  state.hosts.push({
    ...ownHost(now),
    id: "old",
    hostname: "old-box",
    displayName: "old-box",
    status: "offline",
    lastSeen: now - 7_200_000,
  });
  state.dockerHosts.push(dockerHost("docker-1", 12, now), dockerHost("docker-2", 7, now), {
    ...dockerHost("attic", 3, now),
    status: "offline",
  });
  return state;
}

function ownHost(now) {
  return {
    id: "self",
    hostname: "pulse",
    displayName: "pulse",
    platform: "linux",
    osName: "Debian GNU/Linux",
    osVersion: "12",
    kernelVersion: "6.1.0-28-amd64",
    architecture: "x86_64",
    cpuCount: 8,
    cpuUsage: 17,
    loadAverage: [0.42, 0.51, 0.6],
    status: "online",
    uptimeSeconds: 86400 * 12 + 4000,
    lastSeen: now,
    intervalSeconds: 10,
    agentVersion: "5.1.0",
    memory: { total: 32 * GB, used: 19 * GB, usage: 59, swapTotal: 4 * GB, swapUsed: GB / 2 },
    disks: [
      { mountpoint: "/", device: "/dev/nvme0n1p2", type: "ext4", total: 230 * GB, used: 88 * GB, usage: 38 },
      {
        mountpoint: "/srv/media/with/a/long/path",
        device: "/dev/sda1",
        type: "xfs",
        total: 7300 * GB,
        used: 6790 * GB,
        usage: 93,
      },
    ],
    networkInterfaces: [
      {
        name: "enp3s0",
        mac: "02:00:5e:10:00:01",
        addresses: ["192.0.2.20/24", "2001:db8::20/64"],
        rxBytes: 912 * GB,
        txBytes: 204 * GB,
      },
      { name: "wg0", addresses: ["198.51.100.2/32"], rxBytes: 3 * GB, txBytes: GB },
    ],
    sensors: {
      temperatureCelsius: { cpu_package: 54, nvme0: 41 },
      fanRpm: { fan1: 980 },
      smart: [
        { device: "/dev/sda", model: "Example 8 TB", temperature: 36, health: "PASSED" },
        { device: "/dev/sdb", model: "Example 8 TB", temperature: 0, standby: true },
      ],
    },
  };
}

function node(index, now, isOffline) {
  const total = 128 * GB;
  const used = between(40, 120) * GB;
  return {
    id: `lab-pve${index}`,
    name: `pve${index}`,
    displayName: `pve${index}`,
    instance: "lab",
    clusterName: "lab",
    isClusterMember: true,
    host: `https://pve${index}.lan:8006`,
    status: isOffline ? "offline" : "online",
    cpu: between(0.05, 0.7),
    memory: { total, used, usage: (used / total) * 100 },
    disk: { total: 400 * GB, used: 170 * GB, usage: 42.5 },
    uptime: Math.floor(between(86400, 86400 * 90)),
    loadAverage: [1.2, 1.1, 0.9],
    kernelVersion: "6.8.12-4-pve",
    pveVersion: "pve-manager/8.3.1/fb48e850ef9dde27",
    cpuInfo: { model: "AMD EPYC 7302P 16-Core", cores: 32, sockets: 1, mhz: "2999" },
    connectionHealth: isOffline ? "error" : "healthy",
    lastSeen: now,
    ...(index === 1 ? { temperature: { available: true, cpuPackage: 61 } } : {}),
  };
}

function guest(index, where, now) {
  const isVm = index % 3 !== 0;
  const isRunning = where.status === "online" && index % 7 !== 5;
  const total = pick([0.5, 1, 2, 4, 8, 16, 32]) * GB;
  const used = total * between(0.2, index % 11 === 0 ? 0.99 : 0.8);
  const diskTotal = pick([8, 32, 64, 200]) * GB;
  const diskUsed = diskTotal * between(0.1, index % 13 === 0 ? 0.97 : 0.75);
  const hasAgent = !isVm || index % 4 !== 0;
  return {
    id: `lab:${where.name}:${100 + index}`,
    vmid: 100 + index,
    name:
      index === 8
        ? "a-guest-with-a-name-that-somebody-made-far-too-long-for-any-table <b>"
        : `${NAMES[index % NAMES.length]}-${Math.floor(index / NAMES.length) + 1}`,
    node: where.name,
    instance: "lab",
    status: isRunning ? "running" : index % 21 === 5 ? "paused" : "stopped",
    type: isVm ? "qemu" : index % 30 === 0 ? "oci" : "lxc",
    cpu: isRunning ? (index % 17 === 0 ? between(0.85, 1) : between(0, 0.5)) : 0,
    cpus: pick([1, 2, 4, 8]),
    memory: isRunning ? { total, used, usage: (used / total) * 100 } : undefined,
    mem: used,
    maxmem: total,
    ...(hasAgent && isRunning
      ? {
          disk: { total: diskTotal, used: diskUsed, usage: (diskUsed / diskTotal) * 100 },
          disks: [
            {
              mountpoint: "/",
              type: "ext4",
              total: diskTotal,
              used: diskUsed,
              usage: (diskUsed / diskTotal) * 100,
            },
          ],
        }
      : {
          missing: { disk: isRunning ? "the guest agent does not run in this guest" : "it is not running" },
        }),
    networkIn: isRunning ? between(0, 2e6) : 0,
    networkOut: isRunning ? between(0, 1e6) : 0,
    diskRead: isRunning ? between(0, 4e6) : 0,
    diskWrite: isRunning ? between(0, 9e6) : 0,
    uptime: isRunning ? Math.floor(between(60, 86400 * 60)) : 0,
    lastBackup: index % 9 === 4 ? undefined : now - between(1, index % 8 === 0 ? 400 : 24) * 3_600_000,
    tags: index % 2 === 0 ? "prod,web" : "test",
    ipAddresses: isRunning && hasAgent ? [`192.0.2.${index % 250}`] : undefined,
    osName: hasAgent && isVm ? "Debian GNU/Linux" : undefined,
    osVersion: hasAgent && isVm ? "12" : undefined,
    networkInterfaces:
      isRunning && hasAgent
        ? [
            {
              name: "eth0",
              mac: "bc:24:11:00:00:01",
              addresses: [`192.0.2.${index % 250}/24`, "fe80::be24:11ff:fe00:1/64"],
              rxBytes: 4 * GB,
              txBytes: GB,
            },
          ]
        : undefined,
    lastSeen: now,
  };
}

function dockerHost(name, count, now) {
  const images = [
    "nginx:1.27",
    "postgres:17",
    "redis:7-alpine",
    "ghcr.io/example/some-service:2026.11.3",
    "traefik:v3",
    "grafana/grafana:11",
  ];
  return {
    id: name,
    hostname: name,
    displayName: name,
    os: "Debian 12",
    runtime: name === "docker-2" ? "podman" : "docker",
    runtimeVersion: name === "docker-2" ? "5.2.2" : "27.3.1",
    cpus: 8,
    cpuUsagePercent: between(5, 40),
    memory: { total: 32 * GB, used: 12 * GB, usage: 37 },
    status: "online",
    uptimeSeconds: 86400 * 9,
    lastSeen: now,
    intervalSeconds: 30,
    agentVersion: "5.1.0",
    disks: [{ mountpoint: "/", type: "ext4", total: 100 * GB, used: 61 * GB, usage: 61 }],
    containers: Array.from({ length: count }, (_, index) => {
      const isRunning = index % 6 !== 4;
      const limit = index % 2 === 0 ? 2 * GB : 0;
      const used = between(0.05, 1.6) * GB;
      return {
        id: `${name}c${index}c`.padEnd(64, "0"),
        name: `${images[index % images.length].split(/[/:]/).at(-2) ?? "app"}-${index}`,
        image: images[index % images.length],
        state: isRunning ? "running" : "exited",
        status: isRunning ? "Up 3 days" : "Exited (137) 2 hours ago",
        health: index === 2 ? "unhealthy" : index % 3 === 0 ? "healthy" : undefined,
        cpuPercent: isRunning ? between(0, 30) : 0,
        memoryUsageBytes: isRunning ? used : 0,
        memoryLimitBytes: limit,
        memoryPercent: limit ? (used / limit) * 100 : 0,
        restartCount: index === 3 ? 14 : 0,
        exitCode: isRunning ? 0 : 137,
        createdAt: now - 9e8,
        startedAt: isRunning ? now - between(6e4, 9e8) : undefined,
        ports: [{ privatePort: 80, publicPort: 8080 + index, protocol: "tcp" }],
        networks: [{ name: "bridge", ipv4: `172.17.0.${index + 2}` }],
        labels: { "com.docker.compose.project": index % 2 ? "shop" : "infra" },
        mounts: [{ type: "bind", source: "/srv/data", destination: "/data", rw: index % 2 === 0 }],
        updateStatus: { updateAvailable: index % 5 === 0 },
        blockIo: { readRateBytesPerSecond: between(0, 1e6), writeRateBytesPerSecond: between(0, 1e6) },
      };
    }),
  };
}

/** Moves a third of everything that runs, in place, and says what changed. */
export function step(state) {
  const set = (list, change) => {
    const changed = {};
    for (const row of list) {
      if (Math.random() > 0.34) continue;
      const fields = change(row);
      if (fields === undefined) continue;
      Object.assign(row, fields);
      changed[row.id] = fields;
    }
    return { set: changed };
  };
  const drift = (value, low, high, by) => Math.min(high, Math.max(low, value + (Math.random() - 0.5) * by));
  const moving = (row) =>
    row.status !== "running"
      ? undefined
      : {
          cpu: drift(row.cpu, 0, 1, 0.1),
          networkIn: drift(row.networkIn, 0, 4e6, 5e5),
          networkOut: drift(row.networkOut, 0, 4e6, 5e5),
          diskRead: drift(row.diskRead, 0, 9e6, 1e6),
          diskWrite: drift(row.diskWrite, 0, 9e6, 1e6),
        };
  state.lastUpdate = Date.now();
  for (const row of [...state.hosts, ...state.dockerHosts])
    if (row.status === "online") row.lastSeen = state.lastUpdate;
  return {
    collections: {
      nodes: set(state.nodes, (row) =>
        row.status === "online" ? { cpu: drift(row.cpu, 0.02, 0.98, 0.08) } : undefined,
      ),
      vms: set(state.vms, moving),
      containers: set(state.containers, moving),
      hosts: set(state.hosts, (row) =>
        row.status === "online" ? { cpuUsage: drift(row.cpuUsage, 1, 99, 8) } : undefined,
      ),
    },
    fields: { lastUpdate: state.lastUpdate },
  };
}
