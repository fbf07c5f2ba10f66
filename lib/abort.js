"use strict";

// Signals: the option `signal` (R-abort, R-once). All sockets and once() calls with the same signal share one `abort` listener. A socket
// that closes is removed from the list behind it, and the listener is removed with the last one. So a signal that lives long holds no
// closed socket in memory.

const { addAbortListener } = require("node:events");
const { findGetter } = require("./original-getter.js");
const { shown } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/**
 * The followers of one signal. `aborts` maps each follower to the function that is called at the abort. `stop` removes the `abort`
 * listener.
 *
 * @typedef {{ aborts: Map<object, (reason: unknown) => void>, stop: () => void }} Followers
 */

// The runtime's own functions. They are stored here, because a program may replace them on the prototype later.
const { addEventListener, removeEventListener } = EventTarget.prototype;
/** The getter of `aborted`; undefined in a vm context without AbortSignal. */
const abortedOf = findGetter(globalThis.AbortSignal?.prototype, "aborted");

/**
 * The options with which the runtime itself listens for `abort`. In Node they contain a private option, with which Node calls the listener
 * even if an earlier listener has called stopImmediatePropagation(). The DOM requires this for everything that a signal can abort.
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
    // addAbortListener() does not exist, or accepts only signals of the runtime itself.
  }
  return options;
})();

/** The followers by signal. @type {WeakMap<AbortSignal, Followers>} */
const followers = new WeakMap();

/**
 * Web IDL's conversion to AbortSignal. An object of another realm, or of a polyfill, is also accepted if it has the name and the members of
 * an AbortSignal.
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
 * Whether the value is a signal of the runtime itself. Signals of the runtime's other realms count, too.
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
 * Throws the signal's reason if the signal is already aborted. Callers do this before they open anything.
 *
 * @param {AbortSignal | undefined} signal
 */
function throwIfAborted(signal) {
  if (signal?.aborted) {
    throw signal.reason;
  }
}

/**
 * Calls `abort` when the signal is aborted, unless the socket closes first. Callers call this function before they open anything, because
 * an object that only looks like a signal may throw here. If the socket follows the signal already, `abort` replaces the earlier function.
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
  const extras = record.ensureExtras();
  const { release } = extras;
  extras.release = () => {
    release?.();
    stop();
  };
  // An object that only looks like a signal may have been aborted when the listener was added.
  throwIfAborted(signal);
}

/**
 * Calls `abort` when the signal is aborted.
 *
 * @param {AbortSignal} signal
 * @param {object} follower the key of the entry; a second call with the same follower replaces its `abort`
 * @param {(reason: unknown) => void} abort
 * @returns {() => void} removes the entry
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
 * Adds the `abort` listener.
 *
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
      // One follower's function may end another follower: a socket that closes ends a once() on it.
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
 * Calls `listener` once when the signal is aborted. Returns a function that removes the listener.
 *
 * @param {AbortSignal} signal
 * @param {() => void} listener
 */
function onAbort(signal, listener) {
  try {
    addEventListener.call(signal, "abort", listener, listenerOptions);
    return () => removeEventListener.call(signal, "abort", listener);
  } catch {
    // The signal is not an EventTarget of this runtime.
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
      // If the listener is called later, it does nothing.
    }
  };
}

/** The reason of an aborted signal. @param {AbortSignal} signal */
function reasonOf(signal) {
  try {
    return signal.reason;
  } catch (error) {
    // The object only looks like a signal, and its getter throws.
    return error;
  }
}

module.exports = { follow, isPlatformSignal, onAbort, throwIfAborted, toSignal, watch };
