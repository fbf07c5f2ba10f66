"use strict";

// How listeners are counted in Node. Node's EventTarget calls `this[kNewListener](size, type, …)` and `this[kRemoveListener](size, type,
// listener, capture)` with the new number of listeners. The two symbols are not public. This file finds them by their descriptions, and
// tests once, at load, that they work as expected. If anything differs, listener-overrides.js is used instead.
//
// At an abort the package itself removes the listeners that were added with the signal (listener-signals.js), because Node makes two
// mistakes. Node 20 and 22 do not remove such a listener if a garbage collection has run since it was added. And every version of Node also
// removes a listener that was meanwhile removed and added again without the signal. Therefore addEventListener() is overridden. The
// override passes all options on to Node except a native signal. A program that calls EventTarget.prototype.addEventListener.call(socket,
// …) skips the override, and gets Node's behaviour.

const process = require("node:process");
const { reportBits, setListenerBits } = require("./listener-bits.js");
const { bind, ended, pendingSignal } = require("./listener-signals.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: EventTarget) => SocketRecord | undefined} RecordOf */

const { prototype } = EventTarget;
/** The runtime's own function, stored because a program may replace it on the prototype later. */
const { addEventListener } = prototype;

/** Node's two symbols; undefined where they are missing or work differently. */
const symbols = find("kNewListener", "kRemoveListener");

/**
 * How many listeners were added in this thread. addUntil() reads it before and after a call, to see whether the call has added a listener.
 */
let additions = 0;

/** Whether this file can be used in this runtime. Tests set TCP_UDP_SOCKETS_LISTENERS=overrides to make it false. */
const areThere = symbols !== undefined && process.env.TCP_UDP_SOCKETS_LISTENERS !== "overrides";

/**
 * The two symbols, if they exist and work as expected.
 *
 * @param {string} added the description of kNewListener
 * @param {string} removed the description of kRemoveListener
 */
function find(added, removed) {
  const all = Object.getOwnPropertySymbols(prototype);
  const [kAdded, kRemoved] = [added, removed].map((description) => all.find((symbol) => symbol.description === description));
  return kAdded !== undefined && kRemoved !== undefined && work(kAdded, kRemoved) ? { kAdded, kRemoved } : undefined;
}

/**
 * Whether the two symbols work as expected. The test adds listeners to a new EventTarget, removes them in every possible way, and compares
 * Node's calls with the expected ones.
 *
 * @param {symbol} kAdded
 * @param {symbol} kRemoved
 */
function work(kAdded, kRemoved) {
  /** @type {unknown[]} */
  const calls = [];
  const callback = () => {
    calls.push("called");
  };
  /** @param {string} what */
  const logger = (what) => (/** @type {unknown[]} */ ...args) => {
    calls.push([what, args[0], args[1], args[2] === callback, ...(what === "-" ? [args[3]] : [])].join(" "));
  };
  try {
    const probe = new (class extends EventTarget {})();
    Object.defineProperty(probe, kAdded, { value: logger("+") });
    Object.defineProperty(probe, kRemoved, { value: logger("-") });
    const controller = new AbortController();
    probe.addEventListener("a", callback, { once: true });
    probe.addEventListener("a", callback, { capture: true, signal: controller.signal });
    probe.addEventListener("a", callback, true);
    probe.dispatchEvent(new Event("a"));
    controller.abort();
    probe.addEventListener("a", callback, { signal: controller.signal });
    probe.addEventListener("b", callback);
    probe.removeEventListener("b", callback, { capture: true });
    probe.removeEventListener("b", callback);
  } catch {
    return false;
  }
  const expected = ["+ 1 a true", "+ 2 a true", "- 1 a true false", "called", "called", "- 0 a true true", "+ 1 b true", "- 0 b true false"];
  return calls.join("; ") === expected.join("; ");
}

/**
 * Adds the listener of an on… attribute.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function add(record, type, listener) {
  prototype.addEventListener.call(record.socket, type, listener);
}

/**
 * Removes the listener of an on… attribute.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function remove(record, type, listener) {
  prototype.removeEventListener.call(record.socket, type, listener);
}

/**
 * Dispatches an event at a socket. Changes of listeners are reported once, after the event. So a `{ once: true }` listener that adds itself
 * again costs no call of the native half.
 *
 * @param {SocketRecord} record
 * @param {Event} event
 */
function fire(record, event) {
  record.firing = true;
  try {
    prototype.dispatchEvent.call(record.socket, event);
  } finally {
    record.firing = false;
    reportBits(record);
  }
}

/**
 * Defines the methods by which Node reports an interface's listeners, and the override of addEventListener(). They are own methods of the
 * interface's prototype and not enumerable, like the methods of a class.
 *
 * @param {{ prototype: EventTarget }} interfaceClass
 * @param {RecordOf} recordOf returns undefined for an object that is not of the interface
 */
function observeListeners(interfaceClass, recordOf) {
  const { kAdded, kRemoved } = /** @type {{ kAdded: symbol, kRemoved: symbol }} */ (symbols);
  const methods = {
    /**
     * @this {EventTarget}
     * @param {number} size
     * @param {string} type
     */
    [kAdded](size, type) {
      const record = recordOf(this);
      if (record !== undefined) {
        additions += 1;
        setListenerBits(record, record.listenerBits | (record.bits.get(type) ?? 0));
      }
      // Node's own method must run, too: it warns if there are too many listeners.
      return Reflect.apply(/** @type {any} */ (prototype)[kAdded], this, arguments);
    },
    /**
     * @this {EventTarget}
     * @param {number} size
     * @param {string} type
     * @param {unknown} listener
     * @param {boolean} capture
     */
    [kRemoved](size, type, listener, capture) {
      const record = recordOf(this);
      if (record !== undefined) {
        if (record.extras?.signalled !== undefined) {
          ended(record, type, listener, capture);
        }
        if (size === 0) {
          setListenerBits(record, record.listenerBits & ~(record.bits.get(type) ?? 0));
        }
      }
      return Reflect.apply(/** @type {any} */ (prototype)[kRemoved], this, arguments);
    },
    /**
     * @this {EventTarget}
     * @param {string} type
     * @param {unknown} callback
     */
    addEventListener(type, callback) {
      const current = prototype.addEventListener;
      const record = recordOf(this);
      const signal =
        record === undefined || current !== addEventListener || arguments.length < 3 ? undefined : pendingSignal(arguments[2], callback);
      if (record === undefined || signal === undefined) {
        return Reflect.apply(current, this, arguments);
      }
      addUntil(record, signal, `${type}`, callback, arguments[2]);
    },
  };
  for (const key of Reflect.ownKeys(methods)) {
    Object.defineProperty(interfaceClass.prototype, key, {
      value: /** @type {any} */ (methods)[key],
      writable: true,
      configurable: true,
    });
  }
}

/**
 * Adds a listener that has a signal. Node gets the other options. If the socket has the same listener already, Node does not add it again,
 * and this signal is ignored (DOM, "add an event listener").
 *
 * @param {SocketRecord} record
 * @param {AbortSignal} signal
 * @param {string} type
 * @param {unknown} callback
 * @param {any} options an object
 */
function addUntil(record, signal, type, callback, options) {
  const { capture, once, passive } = options;
  /** @type {Record<string | symbol, unknown>} */
  const rest = { capture: Boolean(capture), once: Boolean(once), passive: Boolean(passive) };
  for (const symbol of Object.getOwnPropertySymbols(options)) {
    // Node's own code passes further options under symbols (events.once()).
    rest[symbol] = options[symbol];
  }
  const before = additions;
  Reflect.apply(addEventListener, record.socket, [type, callback, rest]);
  if (additions !== before) {
    bind(record, signal, type, callback, Boolean(capture));
  }
}

module.exports = { add, areThere, fire, observeListeners, remove };
