"use strict";

// Differences between Node, Electron, Bun and Deno: the wake source, and how microtasks are run between two events.

const process = require("node:process");
const { shown } = require("./shown.js");

/** @typedef {"uv" | "tokio" | "thread"} Wake */

/** This runtime is Bun. */
const isBun = process.versions.bun !== undefined;
/** Deno's namespace; undefined elsewhere. */
const Deno = /** @type {any} */ (globalThis).Deno;
/** This runtime is Deno. */
const isDeno = Deno !== undefined;
/** This runtime has libuv. The check asks for the runtime, not for libuv's symbols: in Bun and Deno they are missing, or abort when called. */
const hasUv = !isBun && !isDeno && process.platform !== "win32";

/**
 * The wake source of this runtime, or the one that TCP_UDP_SOCKETS_WAKE forces.
 *
 * @returns {Wake}
 */
function chooseWake() {
  const forced = process.env.TCP_UDP_SOCKETS_WAKE;
  switch (forced) {
    case undefined:
    case "":
      return hasUv ? "uv" : process.platform === "linux" ? "tokio" : "thread";
    case "tokio":
    case "thread":
      return forced;
    case "uv":
      if (hasUv) {
        return "uv";
      }
      throw new Error("TCP_UDP_SOCKETS_WAKE=uv needs libuv, which only Node and Electron on Unix have; use tokio or thread");
    default:
      throw new Error(`TCP_UDP_SOCKETS_WAKE is ${shown(forced)}; it can be uv, tokio or thread`);
  }
}

/**
 * The function that runs the microtasks (and the callbacks of process.nextTick) which an event has queued, before the next event of the same
 * turn (R-task). null if this runtime has none. The native half then calls serve() again for each event, and with libuv as wake source Node
 * runs them between two calls.
 *
 * @returns {(() => void) | null}
 */
function microtaskDrain() {
  if (isBun) {
    // drainMicrotasks() runs both kinds. process._tickCallback does nothing in Bun. A require() would be resolved by bundlers.
    return /** @type {any} */ (process).getBuiltinModule?.("bun:jsc")?.drainMicrotasks ?? null;
  }
  if (isDeno) {
    // These are not public. If a later Deno does not have them, microtasks run at the end of the turn.
    const core = Deno[Deno.internal]?.core;
    return core?.runNextTicks ?? core?.runMicrotasks ?? null;
  }
  // _tickCallback() throws the exceptions of nextTick callbacks, and Node reports a listener's exception in such a callback. JavaScript must not
  // catch them: Node's stack of async ids would be wrong, and Node would abort. The native half passes them on to Node.
  return /** @type {any} */ (process)._tickCallback ?? null;
}

module.exports = { chooseWake, isDeno, microtaskDrain };
