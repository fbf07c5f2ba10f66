"use strict";

// Pending operations: the work that the native half does for connect() before there is a socket object, namely look-ups, timers, connection
// attempts and TLS handshakes. Each has an id like a socket, and its events go to a handler instead of an interface.

const { IdTable } = require("./id-table.js");
const { LAST, binding } = require("./native.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(kind: number, a: any, b: any, c: any, d: any) => void} OperationHandler */

/** The pending operations, each with the record in whose async context its handler runs. @type {InstanceType<typeof IdTable<{ record: SocketRecord, handler: OperationHandler, id: number }>>} */
const operations = new IdTable();

/**
 * From now on events with this id go to the handler.
 *
 * @param {SocketRecord} record
 * @param {number} id
 * @param {OperationHandler} handler
 */
function register(record, id, handler) {
  operations.set(id, { record, handler, id });
  // Those of shutdown() keep the process alive, whatever unref() of the server says.
  if (record.pending && !record.referenced) {
    binding.ref(id, false);
  }
}

/**
 * Whether the operations of a record keep the process alive, now and later.
 *
 * @param {SocketRecord} record
 * @param {boolean} isReferenced
 */
function reference(record, isReferenced) {
  record.referenced = isReferenced;
  for (const operation of operations.values()) {
    if (operation.record === record) {
      binding.ref(operation.id, isReferenced);
    }
  }
}

/**
 * From now on the handler gets no events. The operation itself goes on: a caller that no longer needs it must close its id.
 *
 * @param {number} id
 */
function unregister(id) {
  operations.delete(id);
}

/**
 * Ends an operation. Its handler gets no more events.
 *
 * @param {number} id
 */
function cancel(id) {
  unregister(id);
  binding.close(id);
}

/** Passes an event on to the handler that is registered for its id. @type {import("./sockets.js").Dispatch} */
function deliverToOperation(id, kind, a, b, c, d) {
  const operation = operations.get(id);
  if (operation !== undefined) {
    if ((kind & LAST) !== 0) {
      operations.delete(id);
    }
    operation.record.runInAsyncScope(operation.handler, undefined, kind & ~LAST, a, b, c, d);
  }
}

module.exports = { cancel, deliverToOperation, reference, register, unregister };
