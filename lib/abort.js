"use strict";

// Signals: the option `signal` (R-abort, R-once), and what waits for a signal. One listener on each signal serves all sockets and once() calls
// that follow it, and is taken away with the last of them: a signal that outlives 10,000 sockets holds nothing of them.

const { addAbortListener } = require("node:events");
const { shown } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {{ aborts: Map<object, (reason: unknown) => void>, stop: () => void }} Followers */

// The platform's own, taken before anybody can replace them.
const { addEventListener, removeEventListener } = EventTarget.prototype;
// A vm context may have none.
const abortedOf = globalThis.AbortSignal && Object.getOwnPropertyDescriptor(AbortSignal.prototype, "aborted")?.get;

/**
 * The options with which the runtime itself listens for `abort`: in Node they hold what makes a listener hear of it although one before it
 * has called stopImmediatePropagation(), as the DOM has it of all that a signal ends.
 */
const listenerOptions = (() => {
  /** @type {AddEventListenerOptions} */
  let options = { once: true };
  try {
    const signal = {
      aborted: false,
      addEventListener: (/** @type {unknown[]} */ ...args) => {
        options = { .../** @type {AddEventListenerOptions} */ (args[2]), once: true };
      },
      removeEventListener() {},
    };
    addAbortListener(/** @type {any} */ (signal), () => {});
  } catch {
    // It wants a signal of the platform's, or there is no such function.
  }
  return options;
})();

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
  if (!isPlatformSignal(value) && !isLikeSignal(value)) {
    throw new TypeError(`${what} must be an AbortSignal, not ${shown(value)}`);
  }
  return value;
}

/**
 * The runtime's brand check, which tells those of its other realms, too.
 *
 * @param {unknown} value
 * @returns {value is AbortSignal}
 */
function isPlatformSignal(value) {
  try {
    return typeof value === "object" && value !== null && typeof abortedOf?.call(value) === "boolean";
  } catch {
    return false;
  }
}

/**
 * @param {unknown} value
 * @returns {value is AbortSignal}
 */
function isLikeSignal(value) {
  if (typeof value !== "object" || value === null) {
    return false;
  }
  try {
    const { aborted, addEventListener: add, removeEventListener: remove, [Symbol.toStringTag]: tag } = /** @type {any} */ (value);
    return tag === "AbortSignal" && typeof aborted === "boolean" && typeof add === "function" && typeof remove === "function";
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
 * Calls `abort` when the signal is aborted, unless the socket is closed before. It comes before anything is opened: an object
 * that only looks like a signal may throw here. For a socket that follows the signal already, it replaces the earlier `abort`.
 *
 * @param {AbortSignal} signal
 * @param {SocketRecord} record
 * @param {(reason: unknown) => void} abort
 */
function follow(signal, record, abort) {
  const isKnown = followers.get(signal)?.aborts.has(record) === true;
  const stop = watch(signal, record, abort);
  if (isKnown) {
    return;
  }
  const { release } = record;
  record.release = () => {
    release?.();
    stop();
  };
  // A signal of one's own making may have been aborted by being listened to.
  throwIfAborted(signal);
}

/**
 * Calls `abort` when the signal is aborted.
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
  const stop = onAbort(signal, () => {
    followers.delete(signal);
    const reason = reasonOf(signal);
    for (const [follower, abort] of [...aborts]) {
      // What one of them does may end another, as a socket that closes ends a once() on it.
      if (aborts.delete(follower)) {
        abort(reason);
      }
    }
  });
  return {
    aborts,
    stop() {
      followers.delete(signal);
      stop();
    },
  };
}

/**
 * Calls `listener` once when the signal is aborted. Returns what takes it away again.
 *
 * @param {AbortSignal} signal
 * @param {() => void} listener
 */
function onAbort(signal, listener) {
  try {
    addEventListener.call(signal, "abort", listener, listenerOptions);
    return () => removeEventListener.call(signal, "abort", listener);
  } catch {
    // Not of this platform's EventTarget.
  }
  try {
    signal.addEventListener("abort", listener, { once: true });
  } catch (cause) {
    throw new TypeError("options.signal is no AbortSignal: its addEventListener() throws", { cause });
  }
  return () => {
    try {
      signal.removeEventListener("abort", listener);
    } catch {
      // It calls a listener that has nothing to do any more.
    }
  };
}

/** @param {AbortSignal} signal */
function reasonOf(signal) {
  try {
    return signal.reason;
  } catch (error) {
    // Of an object that only looks like a signal.
    return error;
  }
}

module.exports = { follow, isPlatformSignal, onAbort, throwIfAborted, toSignal, watch };
