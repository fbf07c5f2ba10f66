"use strict";

// The on… attributes, which are event handler attributes as in HTML (R-handler).

const { add, remove } = require("./listeners.js");
const { bare, checkedRecord } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Defines an on… attribute for each of an interface's event types.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf returns undefined for an object that is not of the interface
 * @param {readonly string[]} types
 */
function defineEventHandlers(interfaceClass, recordOf, types) {
  for (const type of types) {
    defineEventHandler(interfaceClass, recordOf, type);
  }
}

/**
 * Defines one on… attribute.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf
 * @param {string} type
 */
function defineEventHandler(interfaceClass, recordOf, type) {
  const attribute = `on${type}`;
  const member = `${interfaceClass.name}.${attribute}`;
  /** @type {(socket: unknown) => SocketRecord} */
  const checked = (socket) => checkedRecord(recordOf(socket), member);

  /**
   * HTML's "event handler processing algorithm". One function serves all sockets, and looks up the socket's handler when it is called. So a
   * handler that replaces another one keeps the place in the order of listeners.
   *
   * @this {object}
   * @param {Event} event
   */
  function listener(event) {
    const value = recordOf(this)?.handlers?.[type];
    if (typeof value !== "function") {
      return undefined;
    }
    const result = Reflect.apply(value, this, [event]);
    if (result === false) {
      event.preventDefault();
    }
    // EventTarget looks at the result: it treats a promise that rejects as it does for a listener of addEventListener().
    return result;
  }

  const accessor = {
    get [attribute]() {
      const record = checked(this);
      return record.handlers?.[type] ?? null;
    },
    set [attribute](/** @type {unknown} */ value) {
      const record = checked(this);
      const before = record.handlers?.[type];
      if ((typeof value === "object" && value !== null) || typeof value === "function") {
        record.handlers ??= bare({});
        record.handlers[type] = value;
        if (before === undefined) {
          add(record, type, listener);
        }
      } else if (record.handlers !== null && before !== undefined) {
        record.handlers[type] = undefined;
        // The listener loses its place in the order of listeners, so a handler that is set later comes last.
        remove(record, type, listener);
      }
    },
  };
  const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(accessor, attribute));
  Object.defineProperty(interfaceClass.prototype, attribute, { ...descriptor, enumerable: true, configurable: true });
}

module.exports = { defineEventHandlers };
