"use strict";

// How listeners are counted where nobody tells of them (Bun, Deno, jest's jsdom environment): the interfaces override addEventListener(),
// removeEventListener() and dispatchEvent(). One that EventTarget.prototype.addEventListener.call(socket, …) adds is called, but
// starts no reading.
//
// `{ once: true }` and `{ signal }` listeners go without a call of either, so while only such ones may be there, they are counted
// after each dispatch and at each abort. With one plain listener among them nothing needs to be counted: messages pay nothing
// for this.

const { count, fireCounted, forget, forgetSignal, isCounting, remember } = require("./listener-count.js");
const { hear } = require("./listener-bits.js");
const { GONE } = require("./native.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: EventTarget) => SocketRecord | undefined} RecordOf */

const { prototype } = EventTarget;
/** The platform's own, for signals: taken before anybody can replace them. */
const { addEventListener, removeEventListener } = prototype;

/**
 * An on… attribute adds its listener.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function add(record, type, listener) {
  addWith(record, type, [type, listener]);
}

/**
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function remove(record, type, listener) {
  removeWith(record, type, [type, listener]);
}

/**
 * addEventListener(), with the bookkeeping.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {ArrayLike<any>} args as addEventListener() was called with
 */
function addWith(record, type, args) {
  const bit = record.bits.get(type) ?? 0;
  const { 1: callback, 2: options } = args;
  const hasOptions = (typeof options === "object" && options !== null) || typeof options === "function";
  const once = hasOptions && Boolean(options.once);
  const signal = hasOptions ? options.signal : undefined;
  const goesByItself = once || signal !== undefined;
  // Whether one that stays comes to those that may go: only the count tells, for a listener that is there is not added again.
  const before = !goesByItself && (record.heard & ~record.steady & bit) !== 0 ? count(record, type) : -1;

  Reflect.apply(prototype.addEventListener, record.socket, args);

  if ((typeof callback !== "function" && typeof callback !== "object") || callback === null || signal?.aborted) {
    return;
  }
  remember(record, type, callback, options, once);
  if (signal !== undefined) {
    watch(record, signal);
  }
  if (bit === 0) {
    return;
  }
  if (goesByItself) {
    record.vanishing |= bit;
  } else if ((record.heard & bit) === 0 || (before >= 0 && count(record, type) > before)) {
    record.steady |= bit;
  }
  hear(record, record.heard | bit);
}

/**
 * removeEventListener(), with the bookkeeping.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {ArrayLike<any>} args as removeEventListener() was called with
 */
function removeWith(record, type, args) {
  Reflect.apply(prototype.removeEventListener, record.socket, args);
  forget(record, type, args[1], args[2]);
  const bit = record.bits.get(type) ?? 0;
  if ((record.heard & bit) === 0) {
    return;
  }
  if ((record.vanishing & bit) !== 0) {
    // Those that are left may all be of the kind that goes by itself.
    record.steady &= ~bit;
  }
  recount(record, bit);
}

/**
 * Dispatches an event at a socket.
 *
 * @param {SocketRecord} record
 * @param {Event} event
 */
function fire(record, event) {
  const notCanceled = isCounting
    ? fireCounted(record, event, prototype.dispatchEvent)
    : prototype.dispatchEvent.call(record.socket, event);
  if (record.heard !== record.steady) {
    recount(record, record.heard & ~record.steady);
  }
  return notCanceled;
}

/**
 * Tells the native half if nobody is left of the listeners for these types.
 *
 * @param {SocketRecord} record
 * @param {number} bits
 */
function recount(record, bits) {
  let silent = 0;
  for (const [type, bit] of record.bits) {
    if ((bits & bit) !== 0 && count(record, type) === 0) {
      silent |= bit;
    }
  }
  record.steady &= ~silent;
  record.vanishing &= ~silent;
  hear(record, record.heard & ~silent);
}

/**
 * Counts right at a signal's abort, so that bytes stay in the system from then on. One watch for each signal, for as long
 * as the socket lives.
 *
 * @param {SocketRecord} record
 * @param {AbortSignal} signal
 */
function watch(record, signal) {
  if (record.id === GONE) {
    return;
  }
  record.signals ??= new Set();
  const { signals } = record;
  if (signals.has(signal)) {
    return;
  }
  signals.add(signal);
  const onAbort = () => {
    signals.delete(signal);
    forgetSignal(record, signal);
    recount(record, record.heard);
  };
  // Added after the platform's own watch on the signal: that one has removed the listener by the time this one runs.
  addEventListener.call(signal, "abort", onAbort, { once: true });
  const { release } = record;
  record.release = () => {
    release?.();
    removeEventListener.call(signal, "abort", onAbort);
  };
}

/**
 * Overrides an interface's addEventListener(), removeEventListener() and dispatchEvent(): own methods of its prototype,
 * not enumerable, like any method of a class.
 *
 * @param {{ prototype: EventTarget }} interfaceClass
 * @param {RecordOf} recordOf undefined for an object that is not of the interface
 */
function observeListeners(interfaceClass, recordOf) {
  const methods = {
    /**
     * @this {EventTarget}
     * @param {string} type
     * @param {unknown} callback
     */
    // eslint-disable-next-line no-unused-vars -- they make the method's length
    addEventListener(type, callback) {
      const record = recordOf(this);
      if (record === undefined || arguments.length < 2) {
        return Reflect.apply(prototype.addEventListener, this, arguments);
      }
      arguments[0] = `${type}`;
      addWith(record, arguments[0], arguments);
    },
    /**
     * @this {EventTarget}
     * @param {string} type
     * @param {unknown} callback
     */
    // eslint-disable-next-line no-unused-vars -- they make the method's length
    removeEventListener(type, callback) {
      const record = recordOf(this);
      if (record === undefined || arguments.length < 2) {
        return Reflect.apply(prototype.removeEventListener, this, arguments);
      }
      arguments[0] = `${type}`;
      removeWith(record, arguments[0], arguments);
    },
    /**
     * The program's own events use up `{ once: true }` listeners, too.
     *
     * @this {EventTarget}
     * @param {Event} event
     */
    dispatchEvent(event) {
      const record = recordOf(this);
      if (record === undefined || arguments.length < 1) {
        return Reflect.apply(prototype.dispatchEvent, this, arguments);
      }
      return fire(record, event);
    },
  };
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(interfaceClass.prototype, name, { value, writable: true, configurable: true });
  }
}

module.exports = { add, fire, observeListeners, remove };
