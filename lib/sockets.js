"use strict";

// The registry of the sockets that the native half has. It passes each event on to the interface that the event belongs to.

const { IdTable } = require("./id-table.js");
const { LAST, READY_STATES, binding } = require("./native.js");
const { deliverToOperation } = require("./pending-operations.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(id: number, kind: number, a: any, b: any, c: any, d: any) => void} Dispatch */
/** @typedef {(record: SocketRecord, a: any, b: any, c: any, d: any) => void} Handler */

/** The records of these sockets. The table protects them from garbage collection (R-keep). @type {InstanceType<typeof IdTable<SocketRecord>>} */
const sockets = new IdTable();

/** The handler of each kind of event. @type {Handler[]} */
const handlers = [];

/**
 * Sets the handler for events of this kind.
 *
 * @param {number} kind
 * @param {Handler} handler
 */
function handle(kind, handler) {
  handlers[kind] = handler;
}

/** Passes an event on, in the async context of its socket (R-context). @type {Dispatch} */
function deliver(id, kind, a, b, c, d) {
  const record = sockets.get(id);
  if (record === undefined) {
    deliverToOperation(id, kind, a, b, c, d);
    return;
  }
  if ((kind & LAST) !== 0) {
    retire(record);
    kind &= ~LAST;
  }
  record.runInAsyncScope(/** @type {Handler} */ (handlers[kind]), undefined, record, a, b, c, d);
}

/**
 * From now on events with this id go to the record's socket.
 *
 * @param {SocketRecord} record
 * @param {number} id
 */
function enlist(record, id) {
  record.id = id;
  sockets.set(id, record);
}

/**
 * Ends a record that never got a socket: the socket could not be opened, or connect() has failed.
 *
 * @param {SocketRecord} record
 */
function discard(record) {
  record.pending = false;
  record.closed = true;
  record.emitDestroy();
  releaseSignals(record);
}

/**
 * Ends a record whose socket the native half has closed and freed.
 *
 * @param {SocketRecord} record
 */
function retire(record) {
  if (record.name === "UDPSocket") {
    // Attributes keep their last values (R-stats). The native half still knows those of the UDP socket that it has freed last.
    const { id } = record;
    record.lastFigures = {
      bytesRead: binding.bytesRead(id), bytesWritten: binding.bytesWritten(id), datagramsDropped: binding.datagramsDropped(id),
    };
  }
  sockets.delete(record.id);
  record.emitDestroy();
  record.id = GONE;
  record.closed = true;
  if (record.extras !== undefined) {
    record.extras.blobs = undefined;
    record.extras.certificates = undefined;
    releaseSignals(record);
  }
}

/**
 * Stops following the signals of a record.
 *
 * @param {SocketRecord} record
 */
function releaseSignals({ extras }) {
  const release = extras?.release;
  if (extras !== undefined && release !== undefined) {
    extras.release = undefined;
    release();
  }
}

/** @param {SocketRecord} record */
function readyState(record) {
  return record.closed ? "closed" : /** @type {(typeof READY_STATES)[number]} */ (READY_STATES[binding.readyState(record.id)]);
}

/** @param {SocketRecord} record */
function bufferedAmount(record) {
  return record.closed ? record.bufferedAmount : binding.bufferedAmount(record.id);
}

module.exports = { bufferedAmount, deliver, discard, enlist, handle, readyState, retire, sockets };
