"use strict";

// This copy of the package as the native half knows it. A process may have several copies: each jest registry and each worker has its own.
// The native half calls each copy in turn, and the copy takes its events.

const process = require("node:process");
const { setImmediate } = require("node:timers");
const { fromFailure } = require("./errors.js");
const { NO_EVENT, PACKED, binding } = require("./native.js");
const { chooseWake, microtaskDrain } = require("./runtime.js");
const { deliver, discard, sockets } = require("./sockets.js");

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** Memory that both halves read and write. It is there once this copy is attached. */
const shared = {
  /** Strings are encoded into it. @type {Uint8Array} */
  scratch: new Uint8Array(0),
  /** The numbers of the event that next() has returned: its id, its kind, and its values after the first. @type {Uint32Array} */
  slots: new Uint32Array(0),
};

/** The number that the native half has given this copy; undefined until the first socket. @type {number | undefined} */
let instance;

/** Runs the microtasks; null if this runtime has no such function. */
const drainMicrotasks = microtaskDrain();
const { attach, flush, next } = binding;
const { listeners, once } = process;
const { apply } = Reflect;

/** Takes this copy's events, one by one. The native half calls it in each turn that has events for this copy. */
function serve() {
  const { slots } = shared;
  for (;;) {
    const a = next(/** @type {number} */ (instance));
    const kind = /** @type {number} */ (slots[1]);
    // If a program has detached the slots, kind is undefined. This comparison ends the loop then, too.
    if (!(kind < NO_EVENT)) {
      return;
    }
    const id = /** @type {number} */ (slots[0]);
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
  }
}

/**
 * Runs a turn of a wake source other than libuv. A turn returns false when a worker was terminated in it. Node has then not ended its async
 * ids of the event. This immediate must throw: if it returned, Node would find wrong async ids and abort the process.
 *
 * @param {() => boolean} turn
 */
function takeTurn(turn) {
  if (!turn()) {
    throw new Error("the environment is ending");
  }
}

/** The options of attach(). This file keeps them alive: the native half holds them only while a socket is open. */
const attachment = {
  wake: chooseWake(),
  /** @param {() => boolean} turn */
  setImmediate: (turn) => setImmediate(takeTurn, turn),
  // The async resource of the wake-ups. It does not keep the process alive: each socket is a resource of its own and does that.
  resource: { hasRef: () => false },
  // With it the native half recognises the runtime's libuv among those that other libraries may have brought along.
  uv: process.versions.uv,
};

/** The number of this copy. The first call attaches the copy: require() alone starts nothing. */
function packageInstance() {
  if (instance === undefined) {
    const answer = attach(serve, attachment);
    if (!("instance" in answer)) {
      throw fromFailure(answer, "tcp-udp-sockets");
    }
    shared.scratch = answer.scratch;
    shared.slots = answer.slots;
    instance = answer.instance;
    // flush() sends what was queued in the turn that ends the process (process.exit(), an uncaught exception). All copies of the package
    // share that function, so one listener for all of them is enough.
    if (!isFlushedOnExit()) {
      apply(once, process, ["exit", flush]);
    }
  }
  return instance;
}

/** Whether some copy of the package has already added flush() as a listener of `exit`. */
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
 * Opens a record's socket and enlists it. If the socket cannot be opened, or something throws, the record is discarded. All code that can
 * throw runs before the socket is open.
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
  if ("id" in opened) {
    // The two steps of enlist(). A call of that function might find the stack full, and the socket would be lost.
    record.id = opened.id;
    sockets.set(opened.id, record);
  } else {
    discard(record);
  }
  return opened;
}

module.exports = { open, packageInstance, shared };
