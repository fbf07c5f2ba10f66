"use strict";

// The on… attributes: HTML's event handler attributes (R-handler).

const { add, remove } = require("./listeners.js");
const { illegalInvocation } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/**
 * Defines an on… attribute for each of an interface's event types.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf undefined for an object that is not of the interface
 * @param {readonly string[]} types
 */
function defineEventHandlers(interfaceClass, recordOf, types) {
  for (const type of types) {
    defineEventHandler(interfaceClass, recordOf, type);
  }
}

/**
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf
 * @param {string} type
 */
function defineEventHandler(interfaceClass, recordOf, type) {
  const attribute = `on${type}`;
  const member = `${interfaceClass.name}.${attribute}`;

  /**
   * HTML's "event handler processing algorithm". One function serves all sockets: what it calls is looked up, so that a new
   * value takes the place of the old one in the order of listeners.
   *
   * @this {object}
   * @param {Event} event
   */
  function listener(event) {
    const value = recordOf(this)?.handlers?.get(type);
    if (typeof value !== "function") {
      return undefined;
    }
    const result = Reflect.apply(value, this, [event]);
    if (result === false) {
      event.preventDefault();
    }
    // The platform looks at what a listener returns: a rejected promise is treated as with addEventListener().
    return result;
  }

  const accessor = {
    get [attribute]() {
      const record = recordOf(this);
      if (record === undefined) {
        throw illegalInvocation(member);
      }
      return record.handlers?.get(type) ?? null;
    },
    set [attribute](/** @type {unknown} */ value) {
      const record = recordOf(this);
      if (record === undefined) {
        throw illegalInvocation(member);
      }
      record.handlers ??= new Map();
      const { handlers } = record;
      if ((typeof value === "object" && value !== null) || typeof value === "function") {
        const isFirst = !handlers.has(type);
        handlers.set(type, value);
        if (isFirst) {
          add(record, type, listener);
        }
      } else if (handlers.delete(type)) {
        // Deactivating gives the place up.
        remove(record, type, listener);
      }
    },
  };
  const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(accessor, attribute));
  Object.defineProperty(interfaceClass.prototype, attribute, { ...descriptor, enumerable: true, configurable: true });
}

module.exports = { defineEventHandlers };
