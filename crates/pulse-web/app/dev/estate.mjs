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

export function estate({ guests, containers, isEmpty, isBroken }) {
  const now = Date.now();
  const host = ownHost(now);
  const state = {
    nodes: [],
    vms: [],
    containers: [],
    storage: [],
    dockerHosts: [],
    hosts: [host],
    physicalDisks: [],
    cephClusters: [],
    replicationJobs: [],
    pbs: [],
    pbsBackups: [],
    pmg: [],
    pmgBackups: [],
    pveBackups: { backupTasks: [], storageBackups: [], guestSnapshots: [] },
    kubernetesClusters: [],
    activeAlerts: [],
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
  state.dockerHosts.push(
    { ...dockerHost("docker-1", 12, now), ...swarm(now) },
    dockerHost("docker-2", 7, now),
    {
      ...dockerHost("attic", 3, now),
      status: "offline",
    },
  );
  for (let index = 0; index * 50 < containers; index += 1)
    state.dockerHosts.push(dockerHost(`dock-${index + 1}`, 50, now));
  addProxmoxRest(state, now);
  state.kubernetesClusters.push(cluster("prod", now), { ...cluster("lab", now), status: "offline" });
  state.activeAlerts.push(...alerts(state, now));
  return state;
}

/** Disks, Ceph, replication, backups, a backup server and a mail gateway. */
function addProxmoxRest(state, now) {
  const iso = (ms) => new Date(ms).toISOString();
  for (const [index, where] of state.nodes.slice(0, 12).entries()) {
    for (const [at, device] of ["nvme0n1", "sda", "sdb"].entries()) {
      state.physicalDisks.push({
        id: `lab-${where.name}--dev-${device}`,
        node: where.name,
        instance: "lab",
        devPath: `/dev/${device}`,
        model: at === 0 ? "Samsung SSD 980 PRO 1TB" : "ST8000VN004-2M2101",
        serial: `S${index}${at}X4711`,
        wwn: "",
        type: at === 0 ? "nvme" : "sata",
        size: at === 0 ? 1e12 : 8e12,
        health: index === 1 && at === 2 ? "FAILED" : "PASSED",
        wearout: at === 0 ? 96 - index * 30 : -1,
        temperature: at === 2 ? 0 : 34 + index * 3,
        rpm: at === 0 ? 0 : 7200,
        used: at === 0 ? "ZFS" : "LVM",
        lastChecked: iso(now - 60_000),
      });
    }
  }
  state.cephClusters.push({
    id: "lab-fsid",
    instance: "lab",
    name: "ceph-lab",
    fsid: "1b2c",
    health: "HEALTH_WARN",
    healthMessage: "1 osds down; Degraded data redundancy: 12/3411 objects degraded (0.352%)",
    totalBytes: 24e12,
    usedBytes: 20.6e12,
    availableBytes: 3.4e12,
    usagePercent: 86,
    numMons: 3,
    numMgrs: 2,
    numOsds: 9,
    numOsdsUp: 8,
    numOsdsIn: 9,
    numPGs: 193,
    pools: [
      { id: 1, name: ".mgr", storedBytes: 1e6, availableBytes: 1e12, objects: 2, percentUsed: 0.01 },
      { id: 2, name: "vm", storedBytes: 6.8e12, availableBytes: 1e12, objects: 1_734_112, percentUsed: 86.4 },
    ],
    services: [
      { type: "mon", running: 3, total: 3 },
      { type: "mgr", running: 2, total: 2 },
      { type: "mds", running: 0, total: 1, message: "mds.pve3 is down" },
    ],
    lastUpdated: now,
  });
  const guests = [...state.vms, ...state.containers];
  for (const [index, one] of guests.slice(0, 8).entries()) {
    state.replicationJobs.push({
      id: `lab-${one.vmid}-0`,
      instance: "lab",
      jobId: `${one.vmid}-0`,
      guest: String(one.vmid),
      guestId: one.vmid,
      guestName: one.name,
      sourceNode: one.node,
      targetNode: one.node === "pve1" ? "pve2" : "pve1",
      schedule: "*/15",
      enabled: index !== 5,
      state: index === 2 ? "error" : "OK",
      lastSyncTime: index === 7 ? undefined : now - 400_000,
      lastSyncDurationSeconds: 12 + index,
      nextSyncTime: now + 500_000,
      failCount: index === 2 ? 3 : 0,
      error: index === 2 ? "command 'zfs recv' failed: exit code 1" : undefined,
      polledAt: now,
    });
  }
  state.pbs.push({
    id: "pbs-vault",
    name: "vault",
    host: "https://vault.lan:8007",
    status: "online",
    version: "4.0.14",
    cpu: 12,
    memory: 41,
    memoryUsed: 13 * GB,
    memoryTotal: 32 * GB,
    uptime: 86400 * 33,
    connectionHealth: "healthy",
    lastSeen: iso(now),
    datastores: [
      {
        name: "main",
        total: 20e12,
        used: 16.5e12,
        free: 3.5e12,
        usage: 82.5,
        status: "available",
        deduplicationFactor: 18.4,
        namespaces: [
          { path: "", depth: 0 },
          { path: "lab", depth: 1 },
        ],
      },
      {
        name: "offsite",
        total: 0,
        used: 0,
        free: 0,
        usage: 0,
        status: "error",
        error: "the datastore is not mounted",
      },
    ],
  });
  for (const [index, one] of guests.entries()) {
    if (one.lastBackup === undefined) continue;
    for (let age = 0; age < Math.min(5, 30000 / guests.length); age += 1) {
      const at = one.lastBackup - age * 86_400_000;
      const type = one.type === "qemu" ? "vm" : "ct";
      if (index % 4 === 0)
        state.pveBackups.storageBackups.push({
          id: `lab-nfs:backup/${one.vmid}-${age}`,
          storage: "nfs",
          node: one.node,
          instance: "lab",
          type: one.type,
          vmid: one.vmid,
          time: iso(at),
          ctime: Math.round(at / 1000),
          size: between(1, 40) * GB,
          format: "vma.zst",
          notes: one.name,
          protected: age === 0,
          volid: `nfs:backup/vzdump-${one.vmid}-${age}.vma.zst`,
          isPBS: false,
          verified: false,
        });
      else
        state.pbsBackups.push({
          id: `pbs-vault-main-lab-${type}-${one.vmid}-${Math.round(at / 1000)}`,
          instance: "vault",
          datastore: "main",
          namespace: "lab",
          backupType: type,
          vmid: String(one.vmid),
          backupTime: iso(at),
          size: between(1, 40) * GB,
          protected: false,
          verified: age > 0,
          comment: one.name,
          owner: "root@pam",
        });
    }
  }
  for (const [index, one] of guests.slice(0, 20).entries()) {
    state.pveBackups.backupTasks.push({
      id: `lab-UPID-${index}`,
      node: one.node,
      instance: "lab",
      type: "vzdump",
      vmid: one.vmid,
      status: index === 4 ? "job errors" : index === 0 ? "running" : "OK",
      startTime: iso(now - index * 5 * 3_600_000 - 600_000),
      endTime: index === 0 ? "0001-01-01T00:00:00Z" : iso(now - index * 5 * 3_600_000),
      error: index === 4 ? "job errors: storage 'nfs' is not online" : undefined,
    });
    if (index % 4 === 0)
      state.pveBackups.guestSnapshots.push({
        id: `lab-${one.node}-${one.vmid}-before`,
        name: "before-upgrade",
        node: one.node,
        instance: "lab",
        type: one.type,
        vmid: one.vmid,
        time: iso(now - index * 20 * 86_400_000 - 5_000_000),
        description: "before the upgrade",
        vmstate: index === 4,
      });
  }
  state.pmg.push({
    id: "pmg-mail",
    name: "mail",
    host: "https://mail.lan:8006",
    status: "online",
    version: "8.2.1",
    connectionHealth: "healthy",
    lastSeen: iso(now),
    lastUpdated: iso(now - 20_000),
    nodes: [
      {
        name: "mail1",
        role: "master",
        status: "online",
        uptime: 4e6,
        loadAvg: "0.12 0.20 0.18",
        queueStatus: {
          active: 2,
          deferred: 31,
          hold: 0,
          incoming: 1,
          total: 34,
          oldestAge: 5200,
          updatedAt: iso(now),
        },
      },
      { name: "mail2", role: "node", status: "offline" },
    ],
    mailStats: {
      timeframe: "day",
      countTotal: 18231,
      countIn: 15002,
      countOut: 3229,
      spamIn: 6120,
      spamOut: 3,
      virusIn: 12,
      virusOut: 0,
      bouncesIn: 31,
      bouncesOut: 8,
      bytesIn: 3.1e9,
      bytesOut: 0.9e9,
      greylistCount: 812,
      junkIn: 0,
      averageProcessTimeMs: 640,
      rblRejects: 4410,
      pregreetRejects: 1204,
    },
    quarantine: { spam: 231, virus: 4, attachment: 0, blacklisted: 0 },
  });
}

function cluster(name, now) {
  const pods = Array.from({ length: 24 }, (_, index) => ({
    uid: `${name}-p${index}`,
    name: `${["api", "worker", "ingress", "cron"][index % 4]}-${(index * 7919).toString(36)}`,
    namespace: ["default", "kube-system", "shop"][index % 3],
    nodeName: `k8s-${(index % 3) + 1}`,
    phase: index === 5 ? "Pending" : index % 11 === 10 ? "Succeeded" : "Running",
    reason: index === 7 ? "CrashLoopBackOff" : undefined,
    message: index === 7 ? "back-off 5m0s restarting failed container" : undefined,
    restarts: index === 7 ? 42 : index % 5,
    startTime: now - index * 7e6,
    createdAt: now - index * 7e6,
    qosClass: "Burstable",
    ownerKind: "ReplicaSet",
    ownerName: `${["api", "worker", "ingress", "cron"][index % 4]}-7d9f`,
    labels: { app: "shop", tier: "web" },
    containers: [
      {
        name: "main",
        image: "ghcr.io/example/api:3.4",
        ready: index !== 7 && index !== 5,
        restartCount: index % 5,
        state: index === 7 ? "waiting" : "running",
        reason: index === 7 ? "CrashLoopBackOff" : undefined,
      },
    ],
  }));
  return {
    id: `k8s-${name}`,
    agentId: name,
    name,
    displayName: name,
    server: `https://${name}.lan:6443`,
    version: "v1.34.1",
    status: "online",
    lastSeen: now,
    intervalSeconds: 30,
    hidden: false,
    pendingUninstall: false,
    nodes: [1, 2, 3].map((index) => ({
      uid: `${name}-n${index}`,
      name: `k8s-${index}`,
      ready: index !== 3,
      unschedulable: index === 2,
      kubeletVersion: "v1.34.1",
      osImage: "Debian GNU/Linux 13",
      capacityCpuCores: 8,
      capacityMemoryBytes: 32 * GB,
      capacityPods: 110,
      roles: index === 1 ? ["control-plane"] : ["worker"],
    })),
    pods,
    deployments: ["api", "worker", "ingress"].map((each, index) => ({
      uid: `${name}-d${each}`,
      name: each,
      namespace: "shop",
      desiredReplicas: 3,
      updatedReplicas: 3,
      readyReplicas: index === 1 ? 1 : 3,
      availableReplicas: index === 1 ? 1 : 3,
    })),
  };
}

function alerts(state, now) {
  const guest = state.vms[3];
  const other = state.containers[0];
  const make = (id, type, level, row, message, minutes) => ({
    id,
    type,
    level,
    resourceId: row.id,
    resourceName: row.name,
    node: row.node,
    instance: "lab",
    message,
    value: 96,
    threshold: 80,
    startTime: new Date(now - minutes * 60_000).toISOString(),
    acknowledged: false,
  });
  return [
    make("a1", "cpu", "critical", guest, `VM cpu at 96.0%`, 12),
    make("a2", "memory", "warning", guest, `VM memory at 88.1%`, 300),
    {
      ...make("a3", "disk", "warning", other, "Container disk at 91.0%", 4000),
      acknowledged: true,
      ackUser: "admin",
    },
  ];
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

function swarm(now) {
  const service = (id, name, wanted, running) => ({
    id,
    name,
    stack: "shop",
    image: `ghcr.io/example/${name}:2026.11@sha256:4711`,
    mode: "replicated",
    desiredTasks: wanted,
    runningTasks: running,
    endpointPorts: [{ protocol: "tcp", targetPort: 80, publishedPort: 8080, publishMode: "ingress" }],
    updatedAt: now - 9e7,
  });
  return {
    swarm: { nodeRole: "manager", localState: "active", clusterId: "swarm-1" },
    services: [
      service("s1", "shop_web", 3, 3),
      service("s2", "shop_worker", 2, 1),
      service("s3", "shop_db", 1, 0),
    ],
    tasks: [
      {
        id: "t1",
        serviceId: "s2",
        slot: 1,
        nodeName: "docker-1",
        currentState: "running",
        updatedAt: now - 9e6,
      },
      {
        id: "t2",
        serviceId: "s2",
        slot: 2,
        nodeName: "docker-2",
        currentState: "failed",
        error: "task: non-zero exit (1)",
        updatedAt: now - 9e5,
      },
    ],
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
      const { containers: _nested, ...own } = fields;
      Object.assign(row, own);
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
      dockerHosts: set(state.dockerHosts, (row) => {
        if (row.status !== "online") return undefined;
        const { set: changed } = set(row.containers, (each) =>
          each.state === "running" ? { cpuPercent: drift(each.cpuPercent, 0, 200, 8) } : undefined,
        );
        // On the wire a list of containers changes by their ids; in the state it is the list itself.
        return { containers: { set: changed } };
      }),
      hosts: set(state.hosts, (row) =>
        row.status === "online" ? { cpuUsage: drift(row.cpuUsage, 1, 99, 8) } : undefined,
      ),
    },
    fields: { lastUpdate: state.lastUpdate },
  };
}
