"use strict";

// Plays one list of operations, and reports what was wrong.

const { readdirSync, readFileSync, readlinkSync } = require("node:fs");
const process = require("node:process");
const { setImmediate, setTimeout } = require("node:timers");
const { actions } = require("./actions");
const { playAgents } = require("./agents");
const { playDatagrams } = require("./datagrams");
const { makePair } = require("./pairs");
const { playServers } = require("./servers");
const { finish, taking } = require("./taking");
const { World, sleep, turn } = require("./world");

/** Milliseconds without any event or byte after which a play hangs. The linger of R-tcp-close is 2 s of silence. */
const PATIENCE = 15_000;
/** Milliseconds that a play may take from the end of its operations, whatever moves. */
const LIMIT = 90_000;
/** Milliseconds until the descriptors of a play must be free: tasks close theirs after the event. */
const DESCRIPTORS = 4000;

/**
 * What the open descriptors of this process refer to; undefined where the system does not tell. Without pipes, which relay() keeps for the next
 * one, and without /dev/null, which Node 26 opens once at some time, and the package never.
 */
function listDescriptors() {
  try {
    return readdirSync("/proc/self/fd").map((name) => target(`/proc/self/fd/${name}`)).filter((name) => !name.startsWith("pipe:") && name !== "/dev/null");
  } catch {
    return undefined;
  }
}

const countDescriptors = () => listDescriptors()?.length;

/** What a descriptor refers to. One that is closed meanwhile, as that of the listing, counts as a pipe. @param {string} file */
function target(file) {
  try {
    return readlinkSync(file);
  } catch {
    return "pipe:";
  }
}

/**
 * A descriptor that is still open, with what the system's table says of a TCP socket: both ends and the state.
 *
 * @param {string} name
 */
function described(name) {
  const [, inode] = /^socket:\[(\d+)\]$/.exec(name) ?? [];
  if (inode === undefined) return name;
  const rows = ["tcp", "tcp6"].flatMap((table) => readFileSync(`/proc/net/${table}`, "utf8").split("\n"));
  const row = rows.map((line) => line.trim().split(/\s+/)).find((columns) => columns[9] === inode);
  return row === undefined ? name : `${name} ${row[1]} ${row[2]} state ${row[3]} queues ${row[4]}`;
}

/** Ways to wait between two operations. @type {Record<string, () => Promise<unknown> | undefined>} */
const PAUSES = {
  none: () => undefined,
  microtask: () => Promise.resolve(),
  turn,
  async turns() {
    for (let i = 0; i < 4; i++) await turn();
  },
  ms: () => sleep(1),
};

/** Callbacks in which an operation may run. @type {Record<string, (act: () => void) => void>} */
const LATER = {
  microtask: (act) => queueMicrotask(act),
  nextTick: (act) => process.nextTick(act),
  immediate: (act) => { setImmediate(act); },
  timeout: (act) => { setTimeout(act, 2); },
};

/** Performs one operation at its end, now. @param {any} world @param {any} operation */
function perform(world, operation) {
  const end = world.ends[operation.to];
  if (end === undefined || world.isOver) return;
  world.note(`${end.name}.${operation.do}${operation.size === undefined ? "" : `(${operation.size})`}`);
  world.beginOperation();
  if (end.isForeign) {
    end[operation.do]?.(operation);
    return;
  }
  world.inside(() => {
    world.checkStates();
    const act = actions[operation.do] ?? taking[operation.do];
    const result = act(end, operation, world);
    if (result instanceof Promise) world.running.push(result.catch((error) => world.fault("bench", `${operation.do}: ${error.stack}`)));
    if (!world.hasPanicked()) world.checkStates();
    else world.ends.forEach((/** @type {any} */ one) => { one.state = one.socket.readyState; });
  });
}

/** Lets the operation run where it was drawn. @param {any} world @param {any} operation */
function schedule(world, operation) {
  const { when } = operation;
  const end = world.ends[operation.to];
  if (end === undefined) return;
  if (when === "now" || end.isForeign) {
    perform(world, operation);
  } else if (when in LATER) {
    world.running.push(new Promise((resolve) => {
      LATER[when](() => {
        perform(world, operation);
        resolve(undefined);
      });
    }));
  } else {
    (end.queued[when] ??= []).push(operation);
  }
}

/** @param {any} world */
async function playConnections(world) {
  const { plan } = world;
  const { operations } = plan;
  let next = 0;
  for (const [number, kind] of plan.pairs.entries()) {
    const both = plan.ends.slice(number * 2, number * 2 + 2);
    const index = number * 2;
    const early = () => {
      // Before anything is established.
      while (next < Math.min(plan.early, operations.length) && operations[next].to === index && !kind.startsWith("connect")) {
        perform(world, { ...operations[next++] });
      }
    };
    const made = await makePair(world, kind, number, both, early);
    // Each end keeps its place in the list, whatever came to be.
    world.ends.splice(index, 2, made[0] ?? ABSENT, made[1] ?? ABSENT);
    // Two echoes of one connection would never end.
    if (made[0]) made[0].isEchoForbidden = true;
    if (made[1] && plan.relay) made[1].isEchoForbidden = true;
  }
  for (; next < operations.length; next++) {
    world.inside(() => schedule(world, operations[next]));
    await PAUSES[operations[next].then]();
  }
  await Promise.all(world.running);
  const ends = world.ends.filter((/** @type {any} */ end) => end !== ABSENT);
  world.ends = ends;
  for (const end of ends) end.queued = {};
  await turn();
  for (const end of ends) {
    if (end.isForeign) {
      end.resume();
      end.halfclose();
    }
  }
  await Promise.all(ends.map((/** @type {any} */ end) => (end.isForeign ? undefined : finish(end, world))));
}

/** Stands for an end that never came to be. */
const ABSENT = { name: "absent", isForeign: true, queued: {}, state: "closed", checkState() {}, socket: { readyState: "closed" } };

/** Everything is over: what must hold then. @param {any} world @param {string[] | undefined} descriptors there were before */
async function conclude(world, descriptors) {
  const isOver = () => world.ends.every((/** @type {any} */ end) => end.isOver) && world.promises.every((/** @type {any} */ { isSettled }) => isSettled);
  const moved = () => world.ends.reduce((/** @type {number} */ sum, /** @type {any} */ end) => sum + (end.into?.position ?? end.delivered ?? 0) + (end.isOver ? 1 : 0), 0);
  const start = performance.now();
  let before = -1;
  while (!isOver() && moved() !== before && performance.now() - start < LIMIT * world.slowness) {
    before = moved();
    await world.until(isOver, PATIENCE * world.slowness);
  }
  if (!isOver()) {
    world.fault("hang", `not over ${Math.round(performance.now() - start)} ms after the last operation: ${world.states()}`);
    for (const end of world.ends) end.socket?.reset?.();
  }
  // What follows the last event by a few turns must not be there.
  for (let i = 0; i < 3; i++) await turn();
  await sleep(2);
  for (const end of world.ends) end.check();
  const broken = world.ends.filter((/** @type {any} */ end) => end.isBroken).length;
  if (broken > (world.panicked?.() ?? 0)) world.fault("panic", `${broken} sockets tell of ${world.panicked?.()} panics`);
  world.isOver = true;
  await world.cleanUp();
  if (descriptors !== undefined && world.problems.length === 0) {
    const isFree = () => /** @type {number} */ (countDescriptors()) <= descriptors.length;
    if (!(await world.until(isFree, DESCRIPTORS * world.slowness))) {
      const left = listDescriptors() ?? [];
      for (const name of descriptors) if (left.includes(name)) left.splice(left.indexOf(name), 1);
      world.fault("descriptors", `${descriptors.length} descriptors were open before, and these are new: ${left.map(described).join(", ")} of ${world.states()}`);
    }
  }
}

/**
 * Plays. Returns the problems.
 *
 * @param {any} plan
 * @param {{ keys: any, hasMicrotasks: boolean, slowness?: number, plant?: (socket: any) => any, native?: any, countsDescriptors?: boolean }} how
 */
async function play(plan, how) {
  const world = /** @type {any} */ (new World(plan, how));
  const isConnections = plan.pairs !== undefined;
  Object.assign(world, {
    keys: how.keys, own: how.keys.own, trust: how.keys.trust, plant: how.plant, slowness: how.slowness ?? 1, running: [], isOver: false,
    perform: (/** @type {any} */ operation) => world.inside(() => perform(world, operation)),
    schedule: (/** @type {any} */ operation) => schedule(world, operation),
    ...panicsOf(plan, how.native),
  });
  const descriptors = how.countsDescriptors ? listDescriptors() : undefined;
  const listeners = { unhandledRejection: "unhandled rejection", uncaughtException: "uncaught exception" };
  const handlers = Object.entries(listeners).map(([type, what]) => {
    const handler = (/** @type {any} */ error) => world.fault("unhandled", `${what}: ${error?.stack ?? error}`);
    process.on(type, handler);
    return () => process.off(type, handler);
  });
  const onWarning = (/** @type {Error} */ { name, message, stack }) => {
    if (!["UnheardSocketError", "ExperimentalWarning"].includes(name)) world.fault("warning", `${name}: ${message} ${stack}`);
  };
  process.on("warning", onWarning);
  try {
    if (isConnections) await playConnections(world);
    else await { udp: playDatagrams, server: playServers, agent: playAgents }[/** @type {"udp"} */ (plan.kind.split("-")[0])](world);
    await conclude(world, descriptors);
  } catch (error) {
    world.fault("bench", /** @type {any} */ (error)?.stack ?? String(error));
    for (const end of world.ends) (end.socket?.reset ?? end.socket?.close)?.call(end.socket);
  }
  world.disarm();
  process.off("warning", onWarning);
  handlers.forEach((off) => off());
  return world.problems;
}

/** What a play with panics has. Without a build that can panic, nothing panics. @param {any} plan @param {any} native */
function panicsOf(plan, native) {
  if (plan.panics !== true) return { hasPanicked: () => false, beginOperation: () => {}, disarm: () => {} };
  let before = 0;
  let armed = 0;
  return {
    beginOperation: () => { before = native.panicsLeft(0); },
    hasPanicked: () => native.panicsLeft(0) < before,
    panicAt: (/** @type {string} */ point, /** @type {number} */ passes) => {
      native.panicAt(point, passes);
      before += 1;
      armed += 1;
    },
    /** How many points have panicked, in all. */
    panicked: () => armed - native.panicsLeft(0),
    disarm: () => native.panicsLeft(1),
  };
}

module.exports = { countDescriptors, play };
