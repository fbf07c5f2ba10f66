"use strict";

// How listeners are counted in Node: its EventTarget calls `this[kNewListener](size, type, …)` and `this[kRemoveListener](size, type,
// listener, capture)` with the number of listeners that there are now. The two are not public: their symbols are found by their
// descriptions, and what they do is tried once, at load. Where anything differs, listener-overrides.js does it.
//
// Listeners with a signal are the one thing that is not left to Node: 20 and 22 forget to remove them after a garbage collection,
// and every Node removes a listener that was removed and added again without the signal (listener-signals.js). Therefore addEventListener()
// is overridden: it passes on what it is given, but for a signal of the platform's. A listener with a signal that was added by
// EventTarget.prototype.addEventListener.call(socket, …), which skips the override, is Node's matter.

const process = require("node:process");
const { hear, tell } = require("./listener-bits.js");
const { bind, ended, pendingSignal } = require("./listener-signals.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: EventTarget) => SocketRecord | undefined} RecordOf */

const { prototype } = EventTarget;
/** The platform's own, taken before anybody can replace it. */
const { addEventListener } = prototype;

const symbols = find("kNewListener", "kRemoveListener");

/** Whether this runtime has the two, and they do what they are known for. */
const areThere = symbols !== undefined && process.env.TCP_UDP_SOCKETS_LISTENERS !== "overrides";

/**
 * The two symbols, if they are there and work.
 *
 * @param {string} added the descriptions
 * @param {string} removed
 */
function find(added, removed) {
  const all = Object.getOwnPropertySymbols(prototype);
  const [kAdded, kRemoved] = [added, removed].map((description) => all.find((symbol) => symbol.description === description));
  return kAdded !== undefined && kRemoved !== undefined && work(kAdded, kRemoved) ? { kAdded, kRemoved } : undefined;
}

/**
 * Adds and removes listeners of an EventTarget in each of the ways that there are, and looks what the two are called with.
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
  const noting = (what) => (/** @type {unknown[]} */ ...args) => {
    calls.push([what, args[0], args[1], args[2] === callback, ...(what === "-" ? [args[3]] : [])].join(" "));
  };
  try {
    const probe = new (class extends EventTarget {})();
    Object.defineProperty(probe, kAdded, { value: noting("+") });
    Object.defineProperty(probe, kRemoved, { value: noting("-") });
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
 * An on… attribute adds its listener.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function add(record, type, listener) {
  prototype.addEventListener.call(record.socket, type, listener);
}

/**
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function remove(record, type, listener) {
  prototype.removeEventListener.call(record.socket, type, listener);
}

/**
 * Dispatches an event at a socket. What its listeners change is told once, after it: one that was used up and is added again by
 * itself costs nothing.
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
    tell(record);
  }
}

/**
 * Has Node tell of an interface's listeners: own methods of its prototype, not enumerable, like any method of a class.
 *
 * @param {{ prototype: EventTarget }} interfaceClass
 * @param {RecordOf} recordOf undefined for an object that is not of the interface
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
        record.additions += 1;
        hear(record, record.heard | (record.bits.get(type) ?? 0));
      }
      // It warns of too many.
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
        if (record.signalled !== null) {
          ended(record, type, listener, capture);
        }
        if (size === 0) {
          hear(record, record.heard & ~(record.bits.get(type) ?? 0));
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
 * addEventListener() with a signal: Node gets the rest of the options. One that is there already is not added again, and its second
 * signal has no say (DOM, "add an event listener").
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
    // What Node's own code asks for (events.once()).
    rest[symbol] = options[symbol];
  }
  const { additions } = record;
  Reflect.apply(addEventListener, record.socket, [type, callback, rest]);
  if (record.additions !== additions) {
    bind(record, signal, type, callback, Boolean(capture));
  }
}

module.exports = { add, areThere, fire, observeListeners, remove };
