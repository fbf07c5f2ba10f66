"use strict";

// The option `signal` (R-abort, R-once). One listener on each signal serves all sockets and once() calls that follow it, and is taken
// away with the last of them: a signal that outlives 10,000 sockets holds nothing of them.

const { shown } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {{ aborts: Map<object, (reason: unknown) => void>, stop: () => void }} Followers */

// The platform's own, taken before anybody can replace them.
const { addEventListener, removeEventListener } = EventTarget.prototype;
// A vm context may have none.
const abortedOf = globalThis.AbortSignal && Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")?.get;

/** @type {WeakMap<AbortSignal, Followers>} */
const followers = new WeakMap();

/**
 * AbortSignal, as Web IDL converts to it: an object of this interface. One of another realm, or of a polyfill, is one if it says
 * so and behaves so.
 *
 * @param {unknown} value
 * @param {string} what
 * @returns {AbortSignal}
 */
function toSignal(value, what) {
  if (!isSignal(value)) {
    throw new TypeError(`${what} must be an AbortSignal, not ${shown(value)}`);
  }
  return value;
}

/**
 * @param {unknown} value
 * @returns {value is AbortSignal}
 */
function isSignal(value) {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  try {
    if (typeof abortedOf?.call(value) === "boolean") {
      return true;
    }
  } catch {
    // Not of this realm.
  }
  try {
    const { aborted, addEventListener: ownMethod, [Symbol.toStringTag]: tag } = /** @type {any} */ (value);
    return tag === "AbortSignal" && typeof aborted === "boolean" && typeof ownMethod === "function";
  } catch {
    return false;
  }
}

/**
 * With a signal that is aborted already nothing is made.
 *
 * @param {AbortSignal | undefined} signal
 */
function throwIfAborted(signal) {
  if (signal?.aborted) {
    throw signal.reason;
  }
}

/**
 * Has `abort` called when the signal is aborted, unless the socket is closed before.
 *
 * @param {AbortSignal} signal
 * @param {SocketRecord} record
 * @param {(reason: unknown) => void} abort
 */
function follow(signal, record, abort) {
  const stop = watch(signal, record, abort);
  const { release } = record;
  record.release = () => {
    release?.();
    stop();
  };
}

/**
 * Has `abort` called when the signal is aborted.
 *
 * @param {AbortSignal} signal
 * @param {object} follower whose `abort` it is; one for each
 * @param {(reason: unknown) => void} abort
 * @returns {() => void} ends it
 */
function watch(signal, follower, abort) {
  let known = followers.get(signal);
  if (known === undefined) {
    known = start(signal);
    followers.set(signal, known);
  }
  const { aborts, stop } = known;
  aborts.set(follower, abort);
  return () => {
    if (aborts.delete(follower) && aborts.size === 0) {
      stop();
    }
  };
}

/**
 * @param {AbortSignal} signal
 * @returns {Followers}
 */
function start(signal) {
  /** @type {Followers["aborts"]} */
  const aborts = new Map();
  const onAbort = () => {
    const all = [...aborts.values()];
    aborts.clear();
    followers.delete(signal);
    for (const abort of all) {
      abort(signal.reason);
    }
  };
  listen(signal, addEventListener, "addEventListener", onAbort);
  return {
    aborts,
    stop() {
      followers.delete(signal);
      listen(signal, removeEventListener, "removeEventListener", onAbort);
    },
  };
}

/**
 * The platform's method on the platform's signals; on others their own.
 *
 * @param {AbortSignal} signal
 * @param {typeof addEventListener} method
 * @param {"addEventListener" | "removeEventListener"} name
 * @param {() => void} listener
 */
function listen(signal, method, name, listener) {
  try {
    method.call(signal, "abort", listener, { once: true });
  } catch {
    signal[name]("abort", listener, { once: true });
  }
}

module.exports = { follow, throwIfAborted, toSignal, watch };
