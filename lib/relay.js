"use strict";

// relay(): joins two open TCPSockets (R-relay). The bytes flow in the native half.

const { fromFailure, invalidState } = require("./errors.js");
const native = require("./native.js");
const { changed } = require("./progress.js");
const { notOpen } = require("./send.js");
const { recordOf } = require("./tcp-socket.js");
const { traceAbove } = require("./trace.js");
const { missingArguments, shown } = require("./webidl.js");

const { Kind, binding } = native;

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/** One relay, as both sockets' records hold it. */
class Relay {
  /** Sockets that are not yet "closed". */
  #open = 2;
  /** @type {Map<SocketRecord, number>} */
  #bytes = new Map();
  #a;
  #b;
  /** @type {(result: { bytesToA: number, bytesToB: number }) => void} */
  #fulfil = () => {};
  /** @type {(error: unknown) => void} */
  #reject = () => {};

  /** Why the first of the two was lost. @type {Error | undefined} */
  #failure;

  /**
   * @param {SocketRecord} a
   * @param {SocketRecord} b
   * @param {import("./trace.js").Trace | null} trace the call
   */
  constructor(a, b, trace) {
    this.trace = trace;
    this.#a = a;
    this.#b = b;
    this.promise = new Promise((fulfil, reject) => {
      this.#fulfil = fulfil;
      this.#reject = reject;
    });
  }

  /**
   * @param {SocketRecord} record
   * @param {number} bytes that went to it
   */
  count(record, bytes) {
    this.#bytes.set(record, bytes);
  }

  /** One of the two has been lost, and this is what its `error` event says. @param {Error} error */
  lost(error) {
    this.#failure ??= error;
  }

  /** One of the two is "closed", and has told so. */
  closed() {
    this.#open -= 1;
    if (this.#open > 0) {
      return;
    }
    const counts = { bytesToA: this.#bytes.get(this.#a) ?? 0, bytesToB: this.#bytes.get(this.#b) ?? 0 };
    if (this.#failure === undefined) {
      this.#fulfil(counts);
    } else {
      this.#reject(Object.assign(this.#failure, counts));
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
    record.relay = both;
    // No drain fires any more for who writes to its `writable`.
    record.outlet?.fail(notOpen(record));
    changed(record);
  }
  return both.promise;
}

/**
 * @param {unknown} socket
 * @param {string} what
 */
function toRecord(socket, what) {
  const record = recordOf(socket);
  if (record === undefined) {
    throw new TypeError(`relay(): ${what} must be a TCPSocket, not ${shown(socket)}`);
  }
  return record;
}

/**
 * @param {SocketRecord} record
 * @param {string} what
 */
function requireOpen(record, what) {
  const state = native.readyState(record);
  if (state !== "open") {
    throw invalidState(`relay(): ${what} is "${state}"${record.ending === "" ? "" : `: ${record.ending}`}`);
  }
  if (record.relay !== null) {
    throw invalidState(`relay(): ${what} is relayed already`);
  }
  if (record.intake !== null) {
    throw invalidState(`relay(): the readable of ${what} was taken: what comes in is its`);
  }
}

native.handle(Kind.TCP_RELAYED, (record, bytes) => {
  record.relay?.count(record, bytes);
});

module.exports = { relay };
