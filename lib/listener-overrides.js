"use strict";

// How listeners are counted where EventTarget does not report them (Bun, Deno, jest's jsdom environment). The interfaces override
// addEventListener(), removeEventListener() and dispatchEvent(). If a program adds a listener with
// EventTarget.prototype.addEventListener.call(socket, …), the listener is called, but the socket does not start to read for it.
//
// EventTarget removes `{ once: true }` and `{ signal }` listeners without a call of removeEventListener(). These listeners are called
// *transient* here. While a type may have only transient listeners, its listeners are counted after each dispatch. Once a type has a plain
// listener, nothing is counted after a dispatch, so messages take no extra time.

const { count, fireCounted, forget, forgetSignal, isCounting, remember } = require("./listener-count.js");
const { setListenerBits } = require("./listener-bits.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: EventTarget) => SocketRecord | undefined} RecordOf */

const { prototype } = EventTarget;
/** The runtime's own functions, used for signals. They are stored because a program may replace them on the prototype later. */
const { addEventListener, removeEventListener } = prototype;

/**
 * Adds the listener of an on… attribute.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function add(record, type, listener) {
  addWith(record, type, [type, listener]);
}

/**
 * Removes the listener of an on… attribute.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {EventListener} listener
 */
function remove(record, type, listener) {
  removeWith(record, type, [type, listener]);
}

/**
 * Calls addEventListener(), and updates the record.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {ArrayLike<any>} args the arguments of addEventListener()
 */
function addWith(record, type, args) {
  const bit = record.bits.get(type) ?? 0;
  const { 1: callback, 2: options } = args;
  const hasOptions = (typeof options === "object" && options !== null) || typeof options === "function";
  const once = hasOptions && Boolean(options.once);
  const signal = hasOptions ? options.signal : undefined;
  const isTransient = once || signal !== undefined;
  // This plain listener may be the first one of a type that has only transient listeners. Only the count shows whether it was added,
  // because EventTarget does not add a listener that it has already.
  const before = !isTransient && (record.listenerBits & ~record.permanentBits & bit) !== 0 ? count(record, type) : -1;

  Reflect.apply(prototype.addEventListener, record.socket, args);

  if ((typeof callback !== "function" && typeof callback !== "object") || callback === null || signal?.aborted) {
    return;
  }
  remember(record, type, callback, options, once);
  if (signal !== undefined) {
    watchSignal(record, signal);
  }
  if (bit === 0) {
    return;
  }
  if (isTransient) {
    record.transientBits |= bit;
  } else if ((record.listenerBits & bit) === 0 || (before >= 0 && count(record, type) > before)) {
    record.permanentBits |= bit;
  }
  setListenerBits(record, record.listenerBits | bit);
}

/**
 * Calls removeEventListener(), and updates the record.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {ArrayLike<any>} args the arguments of removeEventListener()
 */
function removeWith(record, type, args) {
  Reflect.apply(prototype.removeEventListener, record.socket, args);
  forget(record, type, args[1], args[2]);
  const bit = record.bits.get(type) ?? 0;
  if ((record.listenerBits & bit) === 0) {
    return;
  }
  if ((record.transientBits & bit) !== 0) {
    // All listeners that remain may be transient.
    record.permanentBits &= ~bit;
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
  if (record.listenerBits !== record.permanentBits) {
    recount(record, record.listenerBits & ~record.permanentBits);
  }
  return notCanceled;
}

/**
 * Counts the listeners of these types, and removes the bits of types that have none.
 *
 * @param {SocketRecord} record
 * @param {number} bits
 */
function recount(record, bits) {
  let unused = 0;
  for (const [type, bit] of record.bits) {
    if ((bits & bit) !== 0 && count(record, type) === 0) {
      unused |= bit;
    }
  }
  record.permanentBits &= ~unused;
  record.transientBits &= ~unused;
  setListenerBits(record, record.listenerBits & ~unused);
}

/**
 * Counts the listeners when the signal is aborted. If none is left, data stays in the system from then on. A socket watches each signal
 * once, until the signal is aborted or the socket is closed.
 *
 * @param {SocketRecord} record
 * @param {AbortSignal} signal
 */
function watchSignal(record, signal) {
  if (record.id === GONE) {
    return;
  }
  const extras = record.ensureExtras();
  extras.signals ??= new Set();
  const { signals } = extras;
  if (signals.has(signal)) {
    return;
  }
  signals.add(signal);
  const onAbort = () => {
    signals.delete(signal);
    forgetSignal(record, signal);
    recount(record, record.listenerBits);
  };
  // EventTarget itself has added an `abort` listener to the signal earlier. So it has already removed the socket's listener when onAbort()
  // runs.
  addEventListener.call(signal, "abort", onAbort, { once: true });
  const { release } = extras;
  extras.release = () => {
    release?.();
    removeEventListener.call(signal, "abort", onAbort);
  };
}

/**
 * Overrides addEventListener(), removeEventListener() and dispatchEvent() of an interface. They are own methods of its prototype and not
 * enumerable, like the methods of a class.
 *
 * @param {{ prototype: EventTarget }} interfaceClass
 * @param {RecordOf} recordOf returns undefined for an object that is not of the interface
 */
function observeListeners(interfaceClass, recordOf) {
  const methods = {
    /**
     * @this {EventTarget}
     * @param {string} type
     * @param {unknown} callback
     */
    // eslint-disable-next-line no-unused-vars -- the parameters give the method its length
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
    // eslint-disable-next-line no-unused-vars -- the parameters give the method its length
    removeEventListener(type, callback) {
      const record = recordOf(this);
      if (record === undefined || arguments.length < 2) {
        return Reflect.apply(prototype.removeEventListener, this, arguments);
      }
      arguments[0] = `${type}`;
      removeWith(record, arguments[0], arguments);
    },
    /**
     * Events that the program dispatches use up `{ once: true }` listeners, too. So listeners are counted after them as well.
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
