// A stand-in for the server, for work on the page alone: believable data over the same API and the
// same live protocol, with the built page (dist/) under the strict content security policy.
//
//   npm run build && npm run mock
//   PORT=7700 GUESTS=5000 CONTAINERS=1000 FRESH=1 NO_WS=1 EMPTY=1 BROKEN=1 npm run mock
//
// FRESH starts with the first setup (the token is "bootstrap"), else user and password are "admin". DIST is another folder
// with a built page, so that two builds can be compared in turn.
// Never shipped, never used by tests of the product: those run against the real server.

import { createHash, randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { estate, step } from "./estate.mjs";

const port = Number(process.env.PORT ?? 7655);
const dist = process.env.DIST ?? fileURLToPath(new URL("../dist", import.meta.url));
const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml" };
const POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:";

let isSetUp = process.env.FRESH === undefined;
let password = "admin";
const sessions = new Set();
const state = estate({
  guests: Number(process.env.GUESTS ?? 90),
  containers: Number(process.env.CONTAINERS ?? 0),
  isEmpty: process.env.EMPTY !== undefined,
  isBroken: process.env.BROKEN !== undefined,
});
let version = 1;
const sockets = new Set();
const nodes = [
  {
    id: "pve-0",
    type: "pve",
    name: "lab",
    host: "https://192.0.2.10:8006",
    tokenName: "pulse@pve!monitor",
    hasPassword: false,
    hasToken: true,
    verifySSL: false,
    fingerprint: "4F:1A",
    status: "connected",
    isCluster: true,
    clusterName: "lab",
  },
  {
    id: "pve-1",
    type: "pve",
    name: "edge",
    host: "https://edge.lan:8006",
    user: "root@pam",
    hasPassword: true,
    hasToken: false,
    verifySSL: true,
    status: "disconnected",
  },
];
const tokens = [
  {
    id: "t1",
    name: "Primary token",
    prefix: "4be1c0",
    suffix: "9f21",
    createdAt: "2026-11-02T08:00:00Z",
    lastUsedAt: "2026-11-23T11:59:00Z",
    scopes: ["*"],
  },
  {
    id: "t2",
    name: "agent on nas",
    prefix: "77aa10",
    suffix: "0b3c",
    createdAt: "2026-11-12T18:30:00Z",
    scopes: ["docker:report", "host-agent:report"],
  },
];

const metadata = new Map();

function zfs() {
  return {
    name: "rpool",
    state: "DEGRADED",
    status: "One or more devices could not be used",
    scan: "scrub repaired 0B in 00:41:12 with 0 errors on Sun Nov 23 00:41:13 2026",
    readErrors: 0,
    writeErrors: 2,
    checksumErrors: 0,
    devices: [
      {
        name: "mirror-0",
        type: "mirror",
        state: "DEGRADED",
        readErrors: 0,
        writeErrors: 0,
        checksumErrors: 0,
      },
      { name: "sda3", type: "disk", state: "ONLINE", readErrors: 0, writeErrors: 0, checksumErrors: 0 },
      { name: "sdb3", type: "disk", state: "FAULTED", readErrors: 0, writeErrors: 2, checksumErrors: 0 },
    ],
  };
}

function charts() {
  const wave = (seed, base) =>
    Array.from({ length: 60 }, (_, index) => ({
      timestamp: Date.now() - (60 - index) * 60_000,
      value: Math.max(0, base + 20 * Math.sin(index / 6 + seed) + 6 * Math.random()),
    }));
  const data = {};
  for (const [index, guest] of [...state.vms, ...state.containers].entries())
    data[guest.id] = { cpu: wave(index, 30), memory: wave(index / 2, 60) };
  return {
    data,
    nodeData: {},
    storageData: {},
    dockerData: {},
    dockerHostData: {},
    guestTypes: {},
    timestamp: Date.now(),
  };
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url, "http://mock");
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let body = {};
  try {
    body = JSON.parse(Buffer.concat(chunks).toString() || "{}");
  } catch {
    // As if nothing had been sent.
  }
  const cookie = /pulse_session=([0-9a-f]+)/.exec(request.headers.cookie ?? "")?.[1];
  const isIn = sessions.has(cookie);
  const json = (value, status = 200, headers = {}) => {
    response.writeHead(status, { "Content-Type": "application/json", ...headers });
    response.end(JSON.stringify(value));
  };
  const text = (value, status) => {
    response.writeHead(status, { "Content-Type": "text/plain; charset=utf-8" });
    response.end(value);
  };
  const route = `${request.method} ${url.pathname}`;
  if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
  switch (route) {
    case "GET /api/security/status":
      return json({
        hasAuthentication: isSetUp,
        requiresAuth: isSetUp,
        authUsername: isIn ? "admin" : "",
        ...(isSetUp ? {} : { bootstrapTokenPath: "/var/lib/pulse/.bootstrap_token" }),
      });
    case "POST /api/login":
      if (body.password !== password)
        return json(
          {
            error: "invalid_credentials",
            message: "Invalid username or password. You have 4 attempts remaining.",
          },
          401,
        );
      {
        const id = randomBytes(16).toString("hex");
        sessions.add(id);
        return json({ success: true }, 200, {
          "Set-Cookie": [`pulse_session=${id}; Path=/; HttpOnly`, "pulse_csrf=mock; Path=/"],
        });
      }
    case "POST /api/security/validate-bootstrap-token":
      if (body.token !== "bootstrap") return text("Invalid bootstrap setup token", 401);
      response.writeHead(204);
      return response.end();
    case "POST /api/security/quick-setup":
      isSetUp = true;
      password = body.password;
      return json({ success: true });
  }
  if (!isIn) return json({ error: "unauthorized", message: "Authentication required" }, 401);
  if (request.method !== "GET" && request.headers["x-csrf-token"] !== "mock")
    return text("CSRF token missing", 403);
  switch (route) {
    case "POST /api/logout":
      sessions.delete(cookie);
      return json({ success: true });
    case "GET /api/state":
      return json(state);
    case "GET /api/version":
      return json({ version: process.env.VERSION ?? "5.1.0" });
    case "GET /api/charts":
      return json(charts());
    case "GET /api/metrics-store/history":
      return json(history(url.searchParams));
    case "GET /api/config/nodes":
      return json(nodes);
    case "POST /api/config/nodes/test-connection":
      return body.host.includes("bad")
        ? text(`connect to ${body.host}: the name does not resolve; check the address`, 400)
        : json({ message: "Successfully connected to 3 node(s)", status: "success", nodeCount: 3 });
    case "POST /api/config/nodes":
      if (body.host.includes("bad")) return text("A node with this host URL already exists", 409);
      nodes.push({
        id: `pve-${nodes.length}`,
        type: "pve",
        name: body.name,
        host: `https://${body.host}:8006`,
        tokenName: body.tokenName,
        hasToken: true,
        hasPassword: false,
        verifySSL: body.verifySSL,
        status: "connected",
      });
      return text('{"status":"success"}', 201);
    case "GET /api/security/tokens":
      return json({ tokens });
    case "POST /api/security/tokens": {
      const token = randomBytes(32).toString("hex");
      const record = {
        id: randomBytes(4).toString("hex"),
        name: body.name,
        prefix: token.slice(0, 6),
        suffix: token.slice(-4),
        createdAt: new Date().toISOString(),
        scopes: body.scopes ?? ["*"],
      };
      tokens.unshift(record);
      return json({ record, token });
    }
  }
  let match = /^POST \/api\/config\/nodes\/([^/]+)\/test$/.exec(route);
  if (match)
    return match[1] === "pve-1"
      ? json(
          {
            status: "error",
            message: "Connection failed: edge.lan shows another certificate than the pinned one",
          },
          400,
        )
      : json({ status: "success", message: "Connected to PVE cluster with 3 nodes", latency: 12 });
  match = /^(GET|PUT) \/api\/((?:guests|docker|docker\/hosts|hosts)\/metadata\/.+)$/.exec(route);
  if (match) {
    if (match[1] === "PUT") metadata.set(match[2], body);
    return json(
      metadata.get(match[2]) ?? { id: "", customUrl: "", description: "", tags: null, notes: null },
    );
  }
  match = /^GET \/api\/storage\/(.+)$/.exec(route);
  if (match) {
    const found = state.storage.find((each) => each.id === decodeURIComponent(match[1]));
    return found
      ? json({ data: { ...found, path: "/mnt", zfsPool: zfs() }, timestamp: 1 })
      : text("not found", 404);
  }
  match = /^POST \/api\/alerts\/([^/]+)\/(acknowledge|unacknowledge)$/.exec(route);
  if (match) {
    const alert = state.activeAlerts.find((each) => each.id === decodeURIComponent(match[1]));
    if (alert) alert.acknowledged = match[2] === "acknowledge";
    for (const socket of sockets) sendSnapshot(socket);
    return json({ success: true });
  }
  match = /^DELETE \/api\/config\/nodes\/([^/]+)$/.exec(route);
  if (match) {
    nodes.splice(
      nodes.findIndex((node) => node.id === match[1]),
      1,
    );
    return text('{"status":"success"}', 200);
  }
  match = /^DELETE \/api\/security\/tokens\/([^/]+)$/.exec(route);
  if (match) {
    tokens.splice(
      tokens.findIndex((token) => token.id === match[1]),
      1,
    );
    response.writeHead(204);
    return response.end();
  }
  text("404 page not found", 404);
});

function file(path, response) {
  let name = join(dist, path);
  if (path === "/" || path.includes("..") || !existsSync(name) || extname(name) === "")
    name = join(dist, "index.html");
  response.writeHead(200, {
    "Content-Type": TYPES[extname(name)] ?? "application/octet-stream",
    "Content-Security-Policy": POLICY,
  });
  response.end(readFileSync(name));
}

function history(query) {
  const hours = { "1h": 1, "6h": 6, "24h": 24, "7d": 168 }[query.get("range")] ?? 24;
  const end = Date.now();
  const start = end - hours * 3_600_000;
  const count = 240;
  const seed = [...query.get("resourceId")].reduce((sum, letter) => sum + letter.charCodeAt(0), 0);
  const series = (base, swing, phase) =>
    Array.from({ length: count }, (_, index) => {
      const value = Math.max(
        0,
        base +
          swing * Math.sin(index / 17 + phase + seed) +
          swing * 0.4 * Math.sin(index / 3 + phase) +
          (Math.random() - 0.5) * swing * 0.3,
      );
      return {
        timestamp: Math.round(start + ((index + 1) / count) * (end - start)),
        value,
        min: value * 0.85,
        max: value * 1.2,
      };
    }).filter((_, index) => index < 100 || index > 118);
  const io = ["vm", "container"].includes(query.get("resourceType"));
  return {
    start,
    end,
    source: "store",
    metrics: {
      cpu: series(30, 18, 0),
      memory: series(62, 6, 1),
      disk: series(48, 1, 2),
      ...(io
        ? {
            netin: series(900_000, 700_000, 3),
            netout: series(400_000, 300_000, 4),
            diskread: series(2e6, 2e6, 5),
            diskwrite: series(5e6, 3e6, 6),
          }
        : {}),
    },
  };
}

// ---- WebSocket, by hand: text and binary frames out, short text frames in.

server.on("upgrade", (request, socket) => {
  const cookie = /pulse_session=([0-9a-f]+)/.exec(request.headers.cookie ?? "")?.[1];
  if (process.env.NO_WS !== undefined || !sessions.has(cookie))
    return socket.end("HTTP/1.1 401 Unauthorized\r\n\r\n");
  const accept = createHash("sha1")
    .update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  sockets.add(socket);
  const forget = () => sockets.delete(socket);
  socket.on("close", forget).on("error", forget);
  socket.on("data", (data) => {
    if ((data[0] & 0x0f) === 8) socket.end();
    else if ((data[0] & 0x0f) === 1) sendSnapshot(socket);
  });
  send(socket, { type: "welcome", data: { message: "mock", orgId: "default", stream: "delta" } });
  sendSnapshot(socket);
});

function frame(opcode, payload) {
  const length = payload.length;
  const head =
    length < 126
      ? Buffer.from([0x80 | opcode, length])
      : length < 65536
        ? Buffer.from([0x80 | opcode, 126, length >> 8, length & 255])
        : Buffer.alloc(10);
  if (length >= 65536) {
    head[0] = 0x80 | opcode;
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
  return Buffer.concat([head, payload]);
}

function send(socket, message) {
  const text = JSON.stringify(message);
  socket.write(text.length > 2000 ? frame(2, gzipSync(text)) : frame(1, Buffer.from(text)));
}

function sendSnapshot(socket) {
  send(socket, { type: "snapshot", data: { version, state } });
}

setInterval(
  () => {
    const base = version;
    version += 1;
    const change = step(state);
    for (const socket of sockets) send(socket, { type: "delta", data: { version, base, ...change } });
  },
  Number(process.env.STEP_MS ?? 2000),
);
setInterval(() => {
  for (const socket of sockets) send(socket, { type: "ping" });
}, 30_000);

server.listen(port, "127.0.0.1", () => console.log(`mock on http://127.0.0.1:${port}`));
