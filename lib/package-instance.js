"use strict";

// This package instance: the loaded copy of lib/ that this file belongs to. A process may have several: each jest registry and each worker
// has its own. In a turn the native half calls serve() of each instance that has events, and serve() takes them one by one.

const process = require("node:process");
const { setImmediate } = require("node:timers");
const { busyPoll } = require("./busy-poll.js");
const { fromFailure } = require("./errors.js");
const { reportDeferred } = require("./listener-bits.js");
const { BATCH, NO_EVENT, PACKED, binding } = require("./native.js");
const { chooseWake, collectsLate, microtaskDrain } = require("./runtime.js");
const { deliver, discard, sockets } = require("./sockets.js");
const { tlsPlace } = require("./tls-place.js");

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** Memory that both halves read and write. It is empty until this instance is attached. */
const shared = {
  /** Short strings are encoded into it (UTF-8). @type {Uint8Array} */
  scratch: new Uint8Array(0),
  /** The numbers of the event that next() has returned: its id, its kind, and its values after the first. @type {Uint32Array} */
  slots: new Uint32Array(0),
  /** The short datagrams of one batch: how many were taken, then the address, the port and the length of each. @type {Uint32Array} */
  datagrams: new Uint32Array(0),
  /** The same memory. From the byte FIRST_BYTE on it has the bytes of the datagrams, SHORT_DATAGRAM bytes for each. @type {Uint8Array} */
  datagramBytes: new Uint8Array(0),
};

/** The longest datagram, in bytes, that is in `shared.datagrams`. */
const SHORT_DATAGRAM = 64;
/** The most datagrams that are there. */
const DATAGRAM_BATCH = 32;
/** The byte of `shared.datagramBytes` at which the first datagram begins: behind the numbers of all. */
const FIRST_BYTE = 4 * (1 + 3 * DATAGRAM_BATCH);
/** The engine's own method, since a program may replace it. */
const { slice } = Uint8Array.prototype;

/** The number that the native half has given this instance; undefined until the first socket. @type {number | undefined} */
let instance;

/** Runs the microtasks; null if this runtime has no such function. */
const drainMicrotasks = microtaskDrain();
const { attach, flush, next } = binding;
const { listeners, once } = process;
const { apply } = Reflect;

/** Takes this instance's events, one by one. The native half calls it in each turn that has events for this instance. */
function serve() {
  try {
    takeEvents();
  } finally {
    // Also after an event whose listener, or whose microtasks, have thrown.
    reportDeferred();
  }
}

/** Takes the events until there are no more, or until one of them was delivered and microtasks cannot be run here. */
function takeEvents() {
  const { slots } = shared;
  for (;;) {
    const a = next(/** @type {number} */ (instance));
    const kind = /** @type {number} */ (slots[1]);
    // If a program has detached the slots, `kind` is undefined. Then the comparison is false, and the loop ends, too.
    if (!(kind < NO_EVENT)) {
      return;
    }
    const id = /** @type {number} */ (slots[0]);
    if ((kind & BATCH) !== 0) {
      deliverDatagrams(id, kind & ~BATCH, /** @type {number} */ (slots[2]));
      if (drainMicrotasks === null) {
        return;
      }
      continue;
    }
    if ((kind & PACKED) === 0) {
      deliver(id, kind, a, slots[2], slots[3], slots[4]);
    } else {
      deliver(id, kind & ~PACKED, a[0], a[1], a[2], a[3]);
    }
    // R-task: microtasks run between two events. Where this runtime has no way to run them here, the native half calls serve() again for
    // the next event.
    if (drainMicrotasks === null) {
      return;
    }
    drainMicrotasks();
    reportDeferred();
  }
}

/**
 * Delivers short datagrams, one by one (R-task). While it does so, the native half may revoke the rest, for example because a handler has
 * called suspend(). Then the count of those taken is no longer the one that this function has written.
 *
 * @param {number} id
 * @param {number} kind
 * @param {number} count
 */
function deliverDatagrams(id, kind, count) {
  const { datagramBytes, datagrams } = shared;
  for (let taken = 1; ; taken++) {
    const at = 3 * taken - 2;
    const start = FIRST_BYTE + SHORT_DATAGRAM * (taken - 1);
    // A short Uint8Array lies in the engine's heap. It gets an ArrayBuffer only if the program asks for it.
    const data = slice.call(datagramBytes, start, start + /** @type {number} */ (datagrams[at + 2]));
    deliver(id, kind, data, datagrams[at], datagrams[at + 1], 0);
    if (drainMicrotasks !== null) {
      drainMicrotasks();
      reportDeferred();
    }
    if (taken >= count || datagrams[0] !== taken) {
      return;
    }
    datagrams[0] = taken + 1;
  }
}

/**
 * Runs a turn, if the wake source is not libuv. The turn returns false if the worker was terminated during it. Then Node has not removed
 * the async ids of the interrupted event from its stack. If this function returned, Node would find wrong async ids and abort the process.
 * So the function throws.
 *
 * @param {() => boolean} turn
 */
function takeTurn(turn) {
  if (!turn()) {
    throw new Error("the environment is ending");
  }
}

/** The options of attach(). This file keeps them alive, because the native half holds them only while a socket is open. */
const attachment = {
  wake: chooseWake(),
  tls: tlsPlace,
  busyPoll,
  /** @param {() => boolean} turn */
  setImmediate: (turn) => setImmediate(takeTurn, turn),
  // The async resource of the wake-ups and the turns. It does not keep the process alive. Each open socket is a resource of its own, which does.
  resource: { hasRef: () => false },
  // The version of the runtime's libuv. With it the native half recognises this libuv if a library has brought another one along.
  uv: process.versions.uv,
  collectYoung: collectsLate,
  takesSeveral: drainMicrotasks !== null,
};

/** Returns the number of this instance. The first call attaches the instance, so that require() alone starts nothing. */
function packageInstance() {
  if (instance === undefined) {
    const answer = attach(serve, attachment);
    if (!("instance" in answer)) {
      throw fromFailure(answer, "tcp-udp-sockets");
    }
    shared.scratch = answer.scratch;
    shared.slots = answer.slots;
    shared.datagrams = answer.datagrams;
    shared.datagramBytes = answer.datagramBytes;
    instance = answer.instance;
    // flush() sends the data that was queued in the turn that ends the process (process.exit(), an uncaught exception), and removes the
    // files of servers at paths. All package instances share this function, so one listener is enough for all of them.
    if (!isFlushedOnExit()) {
      apply(once, process, ["exit", flush]);
    }
  }
  return instance;
}

/** Whether some package instance has already added flush() as a listener of `exit`. */
function isFlushedOnExit() {
  const hooks = apply(listeners, process, ["exit"]);
  for (let at = 0; at < hooks.length; at++) {
    if (hooks[at] === flush) {
      return true;
    }
  }
  return false;
}

/**
 * Opens a record's socket for its constructor, and adds it to the registry. If the socket cannot be opened, or something throws, the record
 * is discarded and the exception thrown. All code that can throw runs before the socket is open.
 *
 * @template {{ id: number }} Opened
 * @param {SocketRecord} record
 * @param {(instance: number, options: object) => Opened | Failure} openNative a function of the binding
 * @param {object} options
 * @param {() => void} prepare runs first, and may throw
 */
function open(record, openNative, options, prepare) {
  let opened;
  try {
    prepare();
    opened = openNative(packageInstance(), options);
  } catch (error) {
    discard(record);
    throw error;
  }
  if (!("id" in opened)) {
    discard(record);
    throw fromFailure(opened, `${record.name} constructor`);
  }
  // These are the two steps of enlist(). A call of enlist() could find the stack full and throw, and then the open socket would be lost.
  record.id = opened.id;
  sockets.set(opened.id, record);
  return opened;
}

module.exports = { open, packageInstance, shared };
