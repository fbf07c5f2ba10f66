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
/**
 * True if libuv can be the wake source: in Node and Electron on Unix. The check does not look for libuv's symbols, because in Bun and Deno
 * they are missing, or abort the process when called.
 */
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
 * Returns the function that runs the microtasks and process.nextTick() callbacks which an event has queued, before the next event of the
 * same turn (R-task). Returns null if this runtime has no such function. The native half then calls serve() again for each event, and if
 * libuv is the wake source, Node runs the microtasks between two calls.
 *
 * @returns {(() => void) | null}
 */
function microtaskDrain() {
  if (isBun) {
    // drainMicrotasks() runs both kinds. process._tickCallback does nothing in Bun. There is no require() here, because bundlers would try
    // to resolve it.
    return /** @type {any} */ (process).getBuiltinModule?.("bun:jsc")?.drainMicrotasks ?? null;
  }
  if (isDeno) {
    // These functions are not public. If a later Deno does not have them, microtasks run at the end of the turn.
    const core = Deno[Deno.internal]?.core;
    return core?.runNextTicks ?? core?.runMicrotasks ?? null;
  }
  // _tickCallback() throws the exceptions of nextTick callbacks. Node also reports a listener's exception in such a callback. JavaScript
  // must not catch these exceptions, because then Node's stack of async ids would be wrong, and Node would abort. The native half passes
  // them on to Node.
  return /** @type {any} */ (process)._tickCallback ?? null;
}

/**
 * True if V8 would collect the buffers of large reads late and at great cost, unless the native half helps: in Node and Electron with V8 13 or
 * later (src/binding/environment/young.rs). In Deno the help costs more than it saves, and Bun has another engine.
 */
const collectsLate = !isBun && !isDeno && Number.parseInt(process.versions.v8, 10) >= 13;

module.exports = { chooseWake, collectsLate, isBun, isDeno, microtaskDrain };
