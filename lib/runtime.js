"use strict";

// What differs between Node, Electron, Bun and Deno: who wakes the JavaScript thread, and how microtasks are run between two
// events.

const process = require("node:process");
const { shown } = require("./shown.js");

/** @typedef {"uv" | "tokio" | "thread"} Wake */

const isBun = process.versions.bun !== undefined;
const Deno = /** @type {any} */ (globalThis).Deno;
const isDeno = Deno !== undefined;
/** In Bun and Deno libuv's symbols are missing, or resolve and abort: ask for the runtime, never for the symbol. */
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
 * R-task: what runs the microtasks (and process.nextTick's callbacks) that an event has queued before the next event of
 * the same turn is dispatched, or null where it cannot be had (Node then runs them where its libuv is the wake source, and a turn
 * ends after each event).
 *
 * @returns {(() => void) | null}
 */
function microtaskDrain() {
  if (isBun) {
    // Runs both kinds; process._tickCallback does nothing there. Not by require(), which bundlers would want to resolve.
    return /** @type {any} */ (process).getBuiltinModule?.("bun:jsc")?.drainMicrotasks ?? null;
  }
  if (isDeno) {
    // Not a public interface. Where a later Deno has it no more, microtasks run at the end of the turn.
    const core = Deno[Deno.internal]?.core;
    return core?.runNextTicks ?? core?.runMicrotasks ?? null;
  }
  // An exception of a nextTick callback (so, in Node, of a listener) leaves it. It has to go on up to the native half and
  // from there to Node: whoever catches it here leaves Node's stack of async ids corrupted, and Node aborts.
  return /** @type {any} */ (process)._tickCallback ?? null;
}

module.exports = { chooseWake, isDeno, microtaskDrain };
