"use strict";

// relay(): joins two open sockets, each a TCPSocket or a UnixSocket (R-relay). The native half moves the bytes.

const { fromFailure, invalidState } = require("./errors.js");
const { requireNoFraming } = require("./framing.js");
const { Kind, binding } = require("./native.js");
const { changed } = require("./progress.js");
const { notOpen } = require("./send.js");
const { handle, readyState } = require("./sockets.js");
const { recordOf: tcpRecordOf } = require("./tcp-socket.js");
const { traceAbove } = require("./trace.js");
const { recordOf: unixRecordOf } = require("./unix-socket.js");
const { missingArguments, shown } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** One relay. The records of both sockets hold it. */
class Relay {
  /** How many of the two sockets are not yet "closed". */
  #open = 2;
  /** How many bytes each socket has sent that came from the other one. @type {Map<SocketRecord, number>} */
  #bytes = new Map();
  /** The record of the first argument. */
  #a;
  /** The record of the second argument. */
  #b;
  /** Fulfils the promise. @type {(result: { bytesToA: number, bytesToB: number }) => void} */
  #fulfil = () => {};
  /** Rejects the promise. @type {(error: unknown) => void} */
  #reject = () => {};
  /** The error of the socket that was lost first; undefined while there is none. @type {Error | undefined} */
  #failure;

  /**
   * @param {SocketRecord} a
   * @param {SocketRecord} b
   * @param {import("./trace.js").Trace | null} trace the stack of the call
   */
  constructor(a, b, trace) {
    /** The stack of the call; null where the engine has none. */
    this.trace = trace;
    this.#a = a;
    this.#b = b;
    /** The promise that relay() returns. */
    this.promise = new Promise((fulfil, reject) => {
      this.#fulfil = fulfil;
      this.#reject = reject;
    });
  }

  /**
   * @param {SocketRecord} record
   * @param {number} bytes the number of bytes that this socket has sent
   */
  count(record, bytes) {
    this.#bytes.set(record, bytes);
  }

  /** One of the two sockets was lost. @param {Error} error the error of its `error` event */
  lost(error) {
    this.#failure ??= error;
  }

  /** One of the two sockets is "closed", and its `close` event has fired. */
  closed() {
    this.#open -= 1;
    if (this.#open > 0) {
      return;
    }
    const counts = { bytesToA: this.#bytes.get(this.#a) ?? 0, bytesToB: this.#bytes.get(this.#b) ?? 0 };
    if (this.#failure === undefined) {
      this.#fulfil(counts);
    } else {
      // An exception that the program has frozen stays as it is.
      for (const [name, value] of Object.entries(counts)) {
        Reflect.defineProperty(this.#failure, name, { value, writable: true, enumerable: true, configurable: true });
      }
      this.#reject(this.#failure);
    }
  }
}

/**
 * @param {unknown} a
 * @param {unknown} b
 */
async function relay(a, b) {
  if (arguments.length < 2) {
    throw missingArguments("relay()", 2, arguments.length);
  }
  const [first, second] = [toRecord(a, "a"), toRecord(b, "b")];
  if (first === second) {
    throw invalidState("relay(): it takes two sockets, not one twice");
  }
  requireOpen(first, "a");
  requireOpen(second, "b");
  const failure = binding.relay(first.id, second.id);
  if (failure !== undefined) {
    throw fromFailure(failure, "relay()");
  }
  const both = new Relay(first, second, traceAbove(relay));
  for (const record of [first, second]) {
    record.ensureExtras().relay = both;
    // From now on no `drain` event comes, so a write() to the `writable` would never be settled.
    record.extras?.outlet?.fail(notOpen(record));
    changed(record);
  }
  return both.promise;
}

/**
 * @param {unknown} socket
 * @param {string} what
 */
function toRecord(socket, what) {
  const record = tcpRecordOf(socket) ?? unixRecordOf(socket);
  if (record === undefined) {
    throw new TypeError(`relay(): ${what} must be a TCPSocket or a UnixSocket, not ${shown(socket)}`);
  }
  return record;
}

/**
 * @param {SocketRecord} record
 * @param {string} what
 */
function requireOpen(record, what) {
  const state = readyState(record);
  if (state !== "open") {
    throw invalidState(`relay(): ${what} is "${state}"${record.ending === "" ? "" : `: ${record.ending}`}`);
  }
  if (record.extras?.relay !== undefined) {
    throw invalidState(`relay(): ${what} is relayed already`);
  }
  requireNoFraming(record, `relay(): ${what}`);
  const intake = record.extras?.intake;
  if (intake !== undefined) {
    const cure = intake.name === "reader" ? "; call its release() first" : ": it receives the data";
    throw invalidState(`relay(): the ${intake.name} of ${what} was taken${cure}`);
  }
}

handle(Kind.STREAM_RELAYED, (record, bytes) => {
  record.extras?.relay?.count(record, bytes);
});

module.exports = { relay };
