// The live channel: a WebSocket that sends what changed, and polling where something on the way
// blocks WebSockets. Holds the one model that every page reads.

import { batch, createSignal, type Signal } from "solid-js";
import { state as callState } from "./calls";
import { setSessionEnded } from "./client";
import { type Decoded, parseMessage } from "./decode";
import { applyDelta, EMPTY, fromState, type Model, NAMES, type Rows } from "./delta";
import { openLine } from "./line";
import { liveUrl } from "./liveUrl";
import type { Line } from "./socketLine";
import type { CollectionName, Collections } from "./types";
import { setChannel, takeWatched } from "./watch";

/** How the page gets its data right now. */
export type Connection =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "polling" }
  | { kind: "offline"; retryAt: number };

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;
const POLL_MS = 10_000;
/** How long polling goes on before the WebSocket is tried again. */
const RETRY_SOCKET_MS = 60_000;
/** The server pings every 30 s: longer silence means that the line is dead, whatever TCP believes. */
const SILENCE_MS = 45_000;
/** After so many sockets that never brought a message, while the server answers HTTP, something blocks them. */
const BLOCKED_AFTER = 2;
const SESSION_ENDED = 4401;
const TICK_MS = 1_000;
const SLOW_MS = 10_000;

/** A pause before the next try: doubles, bounded, and never the same for all pages of one server. */
export function retryDelay(attempt: number, random: number): number {
  const longest = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** attempt);
  return longest / 2 + (longest / 2) * random;
}

const [connection, setConnection] = createSignal<Connection>({ kind: "connecting" });
const [lastUpdate, setLastUpdate] = createSignal(0);
const [serverNow, setServerNow] = createSignal(0);
const [slowUpdate, setSlowUpdate] = createSignal(0);
const [slowNow, setSlowNow] = createSignal(0);
const [hasData, setHasData] = createSignal(false);
const [connectionHealth, setConnectionHealth] = createSignal<Readonly<Record<string, boolean>>>({});

type Signals = { [Name in CollectionName]: Signal<Rows<Collections[Name]>> };

const collectionSignals = Object.fromEntries(
  NAMES.map((name) => [name, createSignal(EMPTY.collections[name])]),
) as unknown as Signals;

/** Rows of one collection; notifies only when that collection changed. */
export const nodes = collectionSignals.nodes[0];
export const vms = collectionSignals.vms[0];
export const containers = collectionSignals.containers[0];
export const storage = collectionSignals.storage[0];
export const physicalDisks = collectionSignals.physicalDisks[0];
export const cephClusters = collectionSignals.cephClusters[0];
export const replicationJobs = collectionSignals.replicationJobs[0];
export const backupServers = collectionSignals.pbs[0];
export const pbsBackups = collectionSignals.pbsBackups[0];
export const storageBackups = collectionSignals.storageBackups[0];
export const backupTasks = collectionSignals.backupTasks[0];
export const guestSnapshots = collectionSignals.guestSnapshots[0];
export const mailGateways = collectionSignals.pmg[0];
export const dockerHosts = collectionSignals.dockerHosts[0];
export const kubernetesClusters = collectionSignals.kubernetesClusters[0];
export const hosts = collectionSignals.hosts[0];
export const activeAlerts = collectionSignals.activeAlerts[0];

export {
  connection,
  /** Which configured sources answer. */
  connectionHealth,
  /** Whether any state has come since the page was opened. */
  hasData,
  /** The server's time of the newest data. */
  lastUpdate,
  /** The server's clock, once a second; right even where this browser's clock is wrong. */
  serverNow,
  /** As `serverNow`, but every ten seconds: for ages and other long times that hundreds of cells show. */
  slowNow,
  /** As `lastUpdate`, in steps of ten seconds. */
  slowUpdate,
};

let model: Model = EMPTY;
let receivedAt = 0;
let heardAt = 0;

function adopt(next: Model): void {
  const isNewer = next.lastUpdate !== model.lastUpdate || model === EMPTY;
  model = next;
  if (isNewer) receivedAt = performance.now();
  batch(() => {
    for (const name of NAMES) {
      // Each signal takes rows of its own kind; the type system cannot follow the loop.
      const set = collectionSignals[name][1] as unknown as (rows: unknown) => void;
      set(next.collections[name]);
    }
    setConnectionHealth(next.connectionHealth);
    setLastUpdate(next.lastUpdate);
    setSlowUpdate(next.lastUpdate - (next.lastUpdate % SLOW_MS));
    setHasData(true);
    tick();
  });
}

function tick(): void {
  if (model === EMPTY) return;
  const now = model.lastUpdate + (performance.now() - receivedAt);
  batch(() => {
    setServerNow(now);
    setSlowNow(now - (now % SLOW_MS));
  });
}

/**
 * Opens the channel and keeps it open until the returned function is called. `isLoggedIn` asks the
 * server over HTTP; it rejects where the server cannot be reached.
 */
export function connectLive(isLoggedIn: () => Promise<boolean>): () => void {
  let line: Line | undefined;
  let attempt = 0;
  let mute = 0;
  let isStopped = false;
  let retryTimer: ReturnType<typeof setTimeout> | undefined;
  let pollTimer: ReturnType<typeof setTimeout> | undefined;
  let poll: AbortController | undefined;

  const open = (): void => {
    clearTimeout(retryTimer);
    if (isStopped) return;
    heardAt = performance.now();
    let hasSpoken = false;
    let isWaitingForSnapshot = true;

    const takeState = (text: string): void => {
      let next: Model;
      try {
        const message = parseMessage(text);
        if (message.type !== "snapshot") return;
        next = fromState(message.data.version, message.data.state);
      } catch {
        opened.close();
        return;
      }
      isWaitingForSnapshot = false;
      attempt = 0;
      stopPolling();
      adopt(next);
      setConnection({ kind: "live" });
      setChannel((text) => opened.send(text));
    };

    const take = (message: Decoded): void => {
      if (message.type === "other") return;
      if (message.type === "snapshot") {
        takeState(message.text);
        return;
      }
      if (message.type === "broken") {
        // A frame that does not parse leaves the model in doubt: start over with a whole state.
        opened.close();
        return;
      }
      if (message.type === "watched") {
        takeWatched(message.data);
        return;
      }
      if (isWaitingForSnapshot) return;
      const next = applyDelta(model, message.data);
      if (next !== undefined) {
        adopt(next);
        return;
      }
      isWaitingForSnapshot = true;
      opened.send(JSON.stringify({ type: "resync" }));
    };

    const opened: Line = openLine(liveUrl(), (event) => {
      if (line !== opened || isStopped) return;
      if (event.kind === "message") {
        heardAt = performance.now();
        hasSpoken = true;
        mute = 0;
        take(event.message);
        return;
      }
      line = undefined;
      setChannel(undefined);
      if (!hasSpoken) mute += 1;
      if (event.code === SESSION_ENDED) setSessionEnded((times) => times + 1);
      else void lost();
    });
    line = opened;
  };

  /** The socket is gone. HTTP tells why: server away, session over, or WebSockets blocked. */
  const lost = async (): Promise<void> => {
    const isIn = await isLoggedIn().catch(() => undefined);
    // A page that was hurried may have another line by now.
    if (isStopped || line !== undefined) return;
    if (isIn === undefined) {
      stopPolling();
      mute = 0;
      return retry(retryDelay(attempt++, Math.random()), true);
    }
    if (!isIn) {
      setSessionEnded((times) => times + 1);
      return;
    }
    if (mute >= BLOCKED_AFTER) {
      startPolling();
      return retry(RETRY_SOCKET_MS, false);
    }
    retry(retryDelay(attempt++, Math.random()), connection().kind !== "polling");
  };

  const retry = (delay: number, isOffline: boolean): void => {
    if (isStopped) return;
    if (isOffline) setConnection({ kind: "offline", retryAt: performance.now() + delay });
    clearTimeout(retryTimer);
    retryTimer = setTimeout(open, delay);
  };

  const startPolling = (): void => {
    if (poll !== undefined) return;
    const control = new AbortController();
    poll = control;
    const once = async (): Promise<void> => {
      try {
        const state = await callState(control.signal);
        if (control.signal.aborted) return;
        adopt(fromState(-1, state));
        setConnection({ kind: "polling" });
      } catch {
        if (control.signal.aborted) return;
        setConnection({ kind: "offline", retryAt: performance.now() + POLL_MS });
      }
      pollTimer = setTimeout(once, POLL_MS);
    };
    void once();
  };

  const stopPolling = (): void => {
    clearTimeout(pollTimer);
    poll?.abort();
    poll = undefined;
  };

  const watch = setInterval(() => {
    tick();
    if (line !== undefined && performance.now() - heardAt > SILENCE_MS) {
      // Once: what is dead may take its time to say so.
      heardAt = performance.now();
      line.close();
    }
  }, TICK_MS);

  /** The machine woke up or came back into the network: no reason to sit out a long pause. */
  const hurry = (): void => {
    if (document.visibilityState === "hidden" || connection().kind !== "offline") return;
    attempt = 0;
    if (line === undefined) open();
  };
  window.addEventListener("online", hurry);
  document.addEventListener("visibilitychange", hurry);

  open();

  return () => {
    isStopped = true;
    clearInterval(watch);
    clearTimeout(retryTimer);
    stopPolling();
    window.removeEventListener("online", hurry);
    document.removeEventListener("visibilitychange", hurry);
    line?.close();
    line = undefined;
    setChannel(undefined);
  };
}
