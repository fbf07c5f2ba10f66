"use strict";

// The only file that requires the native half. It keeps the registry of living sockets and hands each event to the
// interface that it belongs to. What is said across this seam: docs/binding.md.

const { AsyncResource } = require("node:async_hooks");
const process = require("node:process");
const { setImmediate } = require("node:timers");
const { fromFailure } = require("./errors.js");
const { loadBinding } = require("./load-binding.js");
const { chooseWake, microtaskDrain } = require("./runtime.js");

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {ArrayBuffer | NodeJS.ArrayBufferView} Bytes */

/**
 * @typedef {object} Binding
 * @property {(serve: () => void, options: object) => { host: number, scratch: Uint8Array, slots: Uint32Array } | Failure} attach
 * @property {(host: number) => any} next
 * @property {(host: number, options: object) => { id: number, remoteAddress: string, localAddress: string, localPort: number } | Failure} openTcp
 * @property {(host: number, options: object) => { id: number, remoteAddress: string | null, localAddress: string, localPort: number } | Failure} openUdp
 * @property {(host: number, options: object) => { id: number, localAddress: string, localPort: number } | Failure} openServer
 * @property {(host: number, name: string, family: 0 | 4 | 6) => { id: number } | Failure} openLookup
 * @property {(host: number, after: number) => { id: number } | Failure} openTimer
 * @property {(text: string) => { address: string, family: 4 | 6 } | Failure} parseAddress
 * @property {(id: number) => number} readyState
 * @property {(id: number) => number} bufferedAmount
 * @property {(id: number) => number} connections
 * @property {(id: number, bits: number) => void} listen
 * @property {(id: number) => void} suspend
 * @property {(id: number) => void} resume
 * @property {(id: number, referenced: boolean) => void} ref
 * @property {(id: number) => boolean} close
 * @property {(id: number) => void} halfclose
 * @property {(id: number) => void} reset
 * @property {(id: number) => void} finish
 * @property {(id: number) => void} abort
 * @property {(id: number, intake: number) => void} takeIn
 * @property {(a: number, b: number) => Failure | undefined} relay
 * @property {(id: number, data: Bytes) => number | Failure} send
 * @property {(id: number, data: string) => number | Failure} sendString
 * @property {(id: number, bytes: number) => number | Failure} sendScratch
 * @property {(id: number, size: number) => number | Failure} sendBlob
 * @property {(options: object, name: string) => Failure | undefined} checkSecure
 * @property {(id: number, options: object, name: string, milliseconds: number | undefined, isEarly: boolean) => Failure | undefined} startTls
 * @property {(id: number) => import("./secure-transport.js").SecureTransportInfo | null} secureInfo
 * @property {(id: number, options: object) => Failure | undefined} setSecureContext
 * @property {(id: number, data: Bytes, address: string | undefined, port: number) => number | Failure} sendTo
 * @property {(id: number, data: string, address: string | undefined, port: number) => number | Failure} sendStringTo
 * @property {(id: number, bytes: number, address: string | undefined, port: number) => number | Failure} sendScratchTo
 * @property {(id: number, size: number, address: string | undefined, port: number) => number | Failure} sendBlobTo
 * @property {(id: number, group: string, interfaceAddress: string | undefined, sourceAddress: string | undefined) => Failure | undefined} join
 * @property {(id: number, group: string, interfaceAddress: string | undefined, sourceAddress: string | undefined) => Failure | undefined} leave
 * @property {(id: number, piece: ArrayBuffer) => void} blobPiece
 * @property {(id: number, reason: string) => void} blobFail
 * @property {() => void} flush
 */

/** @typedef {(id: number, kind: number, a: any, b: any, c: any, d: any) => void} Dispatch */
/** @typedef {(record: SocketRecord, a: any, b: any, c: any, d: any) => void} Handler */
/** @typedef {(kind: number, a: any, b: any, c: any, d: any) => void} ErrandHandler */

/** The events, by the number that the native half gives them. */
const Kind = /** @type {const} */ ({
  NONE: 0,
  TCP_OPEN: 1,
  TCP_MESSAGE: 2,
  TCP_HALFCLOSE: 3,
  TCP_DRAIN: 4,
  TCP_ERROR: 5,
  TCP_CLOSE: 6,
  TCP_BLOB: 7,
  TCP_SECURED: 8,
  TCP_RELAYED: 9,
  TCP_ENDED: 10,
  TCP_FINISH: 14,
  UDP_MESSAGE: 17,
  UDP_DRAIN: 18,
  UDP_ERROR: 19,
  UDP_BLOB: 20,
  SERVER_CONNECT: 33,
  SERVER_ERROR: 34,
  LOOKUP: 48,
  TIMER: 49,
});

/** Added to the kind of a socket's last event: its id is gone, and may be given to another socket. */
const LAST = 64;

/** Added to the kind where an event's other values are not numbers: then the first is an array of all of them. */
const PACKED = 128;

/** The kind that says that this turn has no more events for this copy of the package. */
const NOTHING = 0xffffffff;

/** The id of a record whose socket the native half does not know, or no more. */
const GONE = -1;

/** The ReadyState by its number there. */
const READY_STATES = /** @type {const} */ (["connecting", "open", "closing", "closed", "halfclosed"]);

/**
 * Short strings are encoded into the scratch buffer: 3 bytes a UTF-16 unit at most, so those of SHORT_STRING units always fit. Up to
 * about 8 KiB encodeInto() wins; above it, the native half reads the string itself.
 */
const SHORT_STRING = Math.floor(8192 / 3);

/**
 * An object whose methods stay what they are now, whoever replaces those of its prototype later: a polyfill, a test's fakes.
 *
 * @template {object} T
 * @param {T} object
 * @param {(keyof T)[]} names
 * @returns {T}
 */
function pinned(object, names) {
  for (const name of names) {
    Object.defineProperty(object, name, { value: object[name] });
  }
  return object;
}

/**
 * What the package keeps of a socket, of whichever interface, beside its attributes. It is the async resource that its events
 * run in (R-context): in the context of the code that made the socket, an accepted one's in its server's.
 */
class SocketRecord extends AsyncResource {
  /**
   * @param {EventTarget} socket
   * @param {string} name the interface's
   * @param {ReadonlyMap<string, number>} bits what listen() calls the types that it wants to know of
   */
  constructor(socket, name, bits) {
    super(name.toUpperCase(), { requireManualDestroy: true });
    this.id = GONE;
    this.socket = socket;
    this.name = name;
    this.bits = bits;

    /** The bits of the types that there are listeners for (listener-bits.js). */
    this.heard = 0;
    /** What listen() was last told. */
    this.told = 0;
    /** An event is being dispatched: what changes of `heard` is told after it. */
    this.firing = false;
    /** How many listeners were added so far, and those that wait for a signal (listener-hooks.js). */
    this.additions = 0;
    /** @type {object[] | null} */
    this.signalled = null;
    /** The bits of which one listener is sure to stay, and of which some may go without a word (listener-overrides.js). */
    this.steady = 0;
    this.vanishing = 0;
    /** The bits that streams and loops ask for, and those in which listeners have no say any more (readable.js). */
    this.claimed = 0;
    this.taken = 0;
    /** The signals that listeners were added with and that are watched for it (listener-overrides.js). @type {Set<AbortSignal> | null} */
    this.signals = null;
    /** Lets go of what outlives the socket, once it is closed. @type {(() => void) | null} */
    this.release = null;
    /** The values of on… attributes by event type. @type {Map<string, object> | null} */
    this.handlers = null;

    this.referenced = true;
    /** A server has accepted it. */
    this.accepted = false;
    /** connect() is at work for it. */
    this.pending = false;
    /** "closed" for good: the attributes' last values are here, no longer there. */
    this.closed = false;
    this.bufferedAmount = 0;
    /** How it fares (progress.js): it has opened; TCP: the peer's end was told; it is over; why it failed, if it did. */
    this.opened = false;
    this.ended = false;
    this.finished = false;
    /** @type {DOMException | null} */
    this.failure = null;
    /** What the signal was aborted with (abort.js). @type {unknown} */
    this.abortReason = undefined;
    /** Who is told of that beside listeners, once asked for: `opened` and `closed`, `readable`, `writable`, loops. */
    /** @type {InstanceType<typeof import("./promises.js").Promises> | null} */
    this.promises = null;
    /** @type {InstanceType<typeof import("./readable.js").Readable> | null} */
    this.intake = null;
    /** @type {InstanceType<typeof import("./writable.js").Writable> | null} */
    this.outlet = null;
    /** @type {InstanceType<typeof import("./iteration.js").Iteration> | null} */
    this.iteration = null;
    /** The calls of once() that are not settled. @type {InstanceType<typeof import("./once.js").Waits> | null} */
    this.waits = null;
    /** TCP: send() has returned false, and `drain` has not fired since. */
    this.isDrainDue = false;
    /** TCP: reset() was called after `open`: no `error` comes any more. */
    this.isReset = false;
    /** Where the program has asked for a promise or a stream first (trace.js). @type {import("./trace.js").Trace | null} */
    this.trace = null;
    /** Why it is no longer open, for the exceptions that later calls throw. */
    this.ending = "";
    /** How the promise of startTls() is settled, while it is under way, the peer that it is with, and where it was called. @type {{ resolve: (info: any) => void, reject: (error: unknown) => void, address: string, port: number, trace: import("./trace.js").Trace | null } | null} */
    this.upgrade = null;
    /** The name that startTls() verifies, where it is another than the address: connect()'s host. @type {string | null} */
    this.hostName = null;
    /** The Blobs that were sent and not yet read (blob.js). @type {import("./blob.js").BlobQueue | null} */
    this.blobs = null;
    /** What relay() has made of it. @type {{ trace: import("./trace.js").Trace | null, count(record: SocketRecord, bytes: number): void, lost(error: Error): void, closed(): void } | null} */
    this.relay = null;
  }

  /** Asked by tools that look for what keeps the process alive. */
  hasRef() {
    return isReferenced(this);
  }
}

/** @type {Binding} */
const binding = loadBinding();
const wake = chooseWake();
/**
 * What both halves read and write, once this copy is attached: what strings are encoded into; the numbers of the event that next()
 * has returned (id, kind, and its values after the first).
 */
const shared = {
  /** @type {Uint8Array} */
  scratch: new Uint8Array(0),
  /** @type {Uint32Array} */
  slots: new Uint32Array(0),
};

/** Living sockets by id. What is here is not garbage collected (R-keep). @type {Map<number, SocketRecord>} */
const sockets = pinned(new Map(), ["get", "set", "delete"]);

/**
 * What runs on behalf of a socket that there is not yet: look-ups, timers, connection attempts (connect.js). Its events are not
 * an interface's, and run in the socket's context all the same.
 *
 * @type {Map<number, { record: SocketRecord, handler: ErrandHandler }>}
 */
const errands = pinned(new Map(), ["get", "set", "delete"]);

/** @type {Handler[]} */
const handlers = [];

/**
 * Sets what an event of this kind does.
 *
 * @param {number} kind
 * @param {Handler} handler
 */
function handle(kind, handler) {
  handlers[kind] = handler;
}

/** @type {Dispatch} */
function deliver(id, kind, a, b, c, d) {
  const record = sockets.get(id);
  if (record === undefined) {
    deliverErrand(id, kind, a, b, c, d);
    return;
  }
  if ((kind & LAST) !== 0) {
    retire(record);
    kind &= ~LAST;
  }
  record.runInAsyncScope(/** @type {Handler} */ (handlers[kind]), undefined, record, a, b, c, d);
}

/** @type {Dispatch} */
function deliverErrand(id, kind, a, b, c, d) {
  const errand = errands.get(id);
  if (errand !== undefined) {
    if ((kind & LAST) !== 0) {
      errands.delete(id);
    }
    errand.record.runInAsyncScope(errand.handler, undefined, kind & ~LAST, a, b, c, d);
  }
}

/** @type {number | undefined} */
let attached;

const drainMicrotasks = microtaskDrain();
const { attach, flush, next } = binding;
const { listeners, once } = process;
const { apply } = Reflect;

/** Called in each turn that has events for this copy of the package. */
function serve() {
  const { slots } = shared;
  for (;;) {
    const a = next(/** @type {number} */ (attached));
    const kind = /** @type {number} */ (slots[1]);
    // Also where somebody has got hold of the slots and has detached them.
    if (!(kind < NOTHING)) {
      return;
    }
    const id = /** @type {number} */ (slots[0]);
    if ((kind & PACKED) === 0) {
      deliver(id, kind, a, slots[2], slots[3], slots[4]);
    } else {
      deliver(id, kind & ~PACKED, a[0], a[1], a[2], a[3]);
    }
    // R-task: microtasks run between two events. Where they can't be run from here, serve() is called again for the next.
    if (drainMicrotasks === null) {
      return;
    }
    drainMicrotasks();
  }
}

/**
 * A turn of the sources other than libuv. Where a worker was terminated in it, what an event had begun in Node's account of async
 * ids is not ended: this immediate must not end in the ordinary way, or Node finds the account wrong and aborts the process.
 *
 * @param {() => boolean} turn false: JavaScript was broken off
 */
function takeTurn(turn) {
  if (!turn()) {
    throw new Error("the environment is ending");
  }
}

/** What attach() is given. Kept here: the native half holds it only while a socket is open. */
const attachment = {
  wake,
  /** @param {() => boolean} turn */
  setImmediate: (turn) => setImmediate(takeTurn, turn),
  // What the wake-ups run in, as async_hooks sees it. It keeps nothing alive: the sockets do, each a resource of its own.
  resource: { hasRef: () => false },
  // So that the native half can tell the runtime's libuv from one that some library has brought along.
  uv: process.versions.uv,
};

/** This copy of the package as the native half knows it. Not before the first socket: a mere require() starts nothing. */
function host() {
  if (attached === undefined) {
    const answer = attach(serve, attachment);
    if (!("host" in answer)) {
      throw fromFailure(answer, "tcp-udp-sockets");
    }
    shared.scratch = answer.scratch;
    shared.slots = answer.slots;
    attached = answer.host;
    // What was sent in the turn that ends the process (process.exit(), an uncaught exception) still goes out.
    // Once for all copies of the package: they share the function.
    if (!isHookedUp()) {
      apply(once, process, ["exit", flush]);
    }
  }
  return attached;
}

function isHookedUp() {
  const hooks = apply(listeners, process, ["exit"]);
  for (let at = 0; at < hooks.length; at++) {
    if (hooks[at] === flush) {
      return true;
    }
  }
  return false;
}

/**
 * From now on events with this id are the record's.
 *
 * @param {SocketRecord} record
 * @param {number} id
 */
function enlist(record, id) {
  record.id = id;
  sockets.set(id, record);
}

/**
 * Opens a record's socket and enlists it. Whatever can throw comes before the socket is there. Where it cannot be opened, the record is
 * let go of.
 *
 * @template {{ id: number }} Opened
 * @param {SocketRecord} record
 * @param {(host: number, options: object) => Opened | Failure} openNative one of the binding's
 * @param {object} options
 * @param {() => void} prepare what else can throw
 */
function open(record, openNative, options, prepare) {
  let opened;
  try {
    prepare();
    opened = openNative(host(), options);
  } catch (error) {
    discard(record);
    throw error;
  }
  if ("id" in opened) {
    // What enlist() does. A call might find the stack full.
    record.id = opened.id;
    sockets.set(opened.id, record);
  } else {
    discard(record);
  }
  return opened;
}

/**
 * No socket comes to the record.
 *
 * @param {SocketRecord} record
 */
function discard(record) {
  record.pending = false;
  record.closed = true;
  record.emitDestroy();
  record.release?.();
  record.release = null;
}

/**
 * From now on events with this id are an errand's, on the record's behalf.
 *
 * @param {SocketRecord} record
 * @param {number} id
 * @param {ErrandHandler} handler
 */
function entrust(record, id, handler) {
  errands.set(id, { record, handler });
}

/**
 * Nobody waits for an errand any more, and none of its events is told: it is closed, or becomes the record's own.
 *
 * @param {number} id
 */
function dismiss(id) {
  errands.delete(id);
}

/**
 * The native half has let go of the socket.
 *
 * @param {SocketRecord} record
 */
function retire(record) {
  sockets.delete(record.id);
  record.emitDestroy();
  record.id = GONE;
  record.closed = true;
  record.blobs = null;
  if (record.release !== null) {
    record.release();
    record.release = null;
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

/** @param {SocketRecord} record */
function suspend(record) {
  if (!record.closed) {
    binding.suspend(record.id);
  }
}

/** @param {SocketRecord} record */
function resume(record) {
  if (!record.closed) {
    binding.resume(record.id);
  }
}

/**
 * @param {SocketRecord} record
 * @param {boolean} referenced
 */
function setReferenced(record, referenced) {
  record.referenced = referenced;
  // A closed UDP socket may still have datagrams to send, and keeps the process until then.
  if (record.id !== GONE) {
    binding.ref(record.id, referenced);
  }
}

/** @param {SocketRecord} record */
function isReferenced(record) {
  return (record.id !== GONE || record.pending) && record.referenced;
}

module.exports = {
  GONE,
  Kind,
  SHORT_STRING,
  SocketRecord,
  binding,
  bufferedAmount,
  discard,
  dismiss,
  enlist,
  entrust,
  handle,
  host,
  isReferenced,
  open,
  pinned,
  readyState,
  resume,
  retire,
  setReferenced,
  shared,
  suspend,
};
