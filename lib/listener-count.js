"use strict";

// Counts the listeners of a socket by event type. node:events can count them for every EventTarget of the runtime itself (Node, Electron,
// Bun, Deno). Where EventTarget comes from elsewhere, as in jest's jsdom environment, this file keeps a list of the listeners.

const { getEventListeners } = require("node:events");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {{ type: string, callback: unknown, capture: boolean, once: boolean, signal: unknown }} Listener */

/** True if node:events cannot count the listeners, so that this file keeps the lists. */
const isCounting = (() => {
  try {
    return getEventListeners(new EventTarget(), "message").length !== 0;
  } catch {
    return true;
  }
})();

/** The lists of listeners, by socket. @type {WeakMap<SocketRecord, Listener[]>} */
const lists = new WeakMap();

/** @param {SocketRecord} record */
function listOf(record) {
  return lists.get(record) ?? [];
}

/**
 * The number of listeners of a type.
 *
 * @param {SocketRecord} record
 * @param {string} type
 */
function count(record, type) {
  return isCounting
    ? listOf(record).filter((listener) => listener.type === type).length
    : getEventListeners(record.socket, type).length;
}

/** @param {unknown} options the third argument of addEventListener() */
function isCapture(options) {
  return typeof options === "object" && options !== null ? Boolean(/** @type {any} */ (options).capture) : Boolean(options);
}

/**
 * Adds a listener to the list.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {unknown} callback
 * @param {unknown} options
 * @param {boolean} once
 */
function remember(record, type, callback, options, once) {
  if (!isCounting) {
    return;
  }
  const list = listOf(record);
  const capture = isCapture(options);
  if (!list.some((known) => known.type === type && known.callback === callback && known.capture === capture)) {
    const signal = typeof options === "object" ? /** @type {any} */ (options)?.signal : undefined;
    lists.set(record, [...list, { type, callback, capture, once, signal }]);
  }
}

/**
 * Removes a listener from the list.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {unknown} callback
 * @param {unknown} options
 */
function forget(record, type, callback, options) {
  if (isCounting) {
    const capture = isCapture(options);
    keep(record, (known) => known.type !== type || known.callback !== callback || known.capture !== capture);
  }
}

/**
 * Removes the listeners of an aborted signal from the list.
 *
 * @param {SocketRecord} record
 * @param {AbortSignal} signal
 */
function forgetSignal(record, signal) {
  if (isCounting) {
    keep(record, (known) => known.signal !== signal);
  }
}

/**
 * Reduces the list to the listeners that stay.
 *
 * @param {SocketRecord} record
 * @param {(listener: Listener) => boolean} stays
 */
function keep(record, stays) {
  lists.set(record, listOf(record).filter(stays));
}

/**
 * Dispatches an event, then removes from the list the `{ once: true }` listeners that were there before. If a listener has called
 * stopImmediatePropagation(), some of them were not called, and still exist. They are removed from the list all the same: if the list is
 * too short, data waits in the system, but if it is too long, data is read and lost.
 *
 * @param {SocketRecord} record
 * @param {Event} event
 * @param {(this: EventTarget, event: Event) => boolean} dispatchEvent
 */
function fireCounted(record, event, dispatchEvent) {
  const used = new Set(listOf(record).filter((listener) => listener.once && listener.type === event.type));
  const notCanceled = dispatchEvent.call(record.socket, event);
  keep(record, (listener) => !used.has(listener));
  return notCanceled;
}

module.exports = { count, fireCounted, forget, forgetSignal, isCounting, remember };
