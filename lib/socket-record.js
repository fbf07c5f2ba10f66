"use strict";

// The state that the package keeps for a socket of any interface, in addition to the socket's attributes. Every socket has a record, also
// an idle one, so a record has only the fields that every socket needs. The other fields are in SocketExtras, which is made when one of
// them is first needed.

const { AsyncResource } = require("node:async_hooks");

/** The id of a record without a socket in the native half: the socket is not yet open, or it is gone. */
const GONE = -1;

/**
 * A startTls() that is not finished: the functions that settle its promise, the peer's address, the stack of the call, and, if somebody
 * listens for handshakes on the channels of diagnostics, its operation there.
 *
 * @typedef {{ resolve: (info: any) => void, reject: (error: unknown) => void, address: string, port: number | undefined, trace: import("./trace.js").Trace | null, handshake: import("./channels.js").Operation | null }} Upgrade
 */

/**
 * The members of a relay that other files use (relay.js).
 *
 * @typedef {{ trace: import("./trace.js").Trace | null, count(record: SocketRecord, bytes: number): void, lost(error: Error): void, closed(): void }} Relay
 */

/**
 * The members of a shutdown() that other files use (shutdown.js).
 *
 * @typedef {{ accepted(record: SocketRecord): void, closed(record: SocketRecord): void, check(): void }} Shutdown
 */

/**
 * The fields that a record has only if its socket has a stream, a promise, a loop, a once(), a relay, a Blob, a certificateFor, or a signal.
 */
class SocketExtras {
  /** The promises `opened` and `closed`. @type {InstanceType<typeof import("./promises.js").Promises> | undefined} */
  promises = undefined;
  /**
   * The source of the `readable`, or the `reader`, if the program has taken one of them. Received data goes to it, not to the listeners.
   *
   * @type {InstanceType<typeof import("./readable.js").Readable> | InstanceType<typeof import("./reader-intake.js").ReaderIntake> | undefined}
   */
  intake = undefined;
  /** The `reader`, once the program has read the attribute. If it was released, `intake` is undefined. @type {object | undefined} */
  reader = undefined;
  /** True once `halfclose` was fired while it had a listener. */
  isEndDelivered = false;
  /** How many bytes `reader` held when it was released and the socket could not take them back. The program never got them. */
  droppedBytes = 0;
  /** The `writable`, if the program has taken it. @type {InstanceType<typeof import("./writable.js").Writable> | undefined} */
  outlet = undefined;
  /** The `for await` loops. @type {InstanceType<typeof import("./iteration.js").Iteration> | undefined} */
  iteration = undefined;
  /** The calls of once() that are not settled. @type {InstanceType<typeof import("./once.js").Waits> | undefined} */
  waits = undefined;
  /** The types that streams, loops and once() ask for, beside listeners, as bits of listen() (listener-bits.js). */
  requestedBits = 0;
  /** The types whose events all go to a stream, so that listeners of these types do not count. Bits of listen(). */
  exclusiveBits = 0;
  /** The stack of the program's first request for a promise or a stream (trace.js). @type {import("./trace.js").Trace | null} */
  trace = null;
  /** The startTls() that is not finished. @type {Upgrade | undefined} */
  upgrade = undefined;
  /** The option `framing` of the socket, or of the sockets that the server accepts (framing.js). @type {object | undefined} */
  framing = undefined;
  /** The constructor's connection attempt, if somebody listens for it on the channels of diagnostics. @type {import("./channels.js").Operation | undefined} */
  connecting = undefined;
  /** The relay that the socket is part of. @type {Relay | undefined} */
  relay = undefined;
  /** The shutdown() of a server. @type {Shutdown | undefined} */
  shutdown = undefined;
  /** The Blobs that were sent and are not yet read to their end (blob.js). @type {import("./blob.js").BlobQueue | undefined} */
  blobs = undefined;
  /** certificateFor of the options of TLS. @type {InstanceType<typeof import("./certificates.js").Certificates> | undefined} */
  certificates = undefined;
  /** The reason of the signal that has aborted the socket (abort.js). @type {unknown} */
  abortReason = undefined;
  /**
   * The listeners that a signal will remove (listener-signals.js).
   *
   * @type {InstanceType<typeof import("./listener-signals.js").Signalled>[] | undefined}
   */
  signalled = undefined;
  /** The signals that are watched for this socket's listeners (listener-overrides.js). @type {Set<AbortSignal> | undefined} */
  signals = undefined;
  /**
   * Stops following signals, which may live longer than the socket. It is called once, when the socket has closed.
   *
   * @type {(() => void) | undefined}
   */
  release = undefined;
}

/** The fields that a record has once its socket closes, or is about to. */
class SocketEnd {
  /** The last value of the attribute `bufferedAmount`, in bytes. */
  bufferedAmount = 0;
  /** The last values of bytesRead, bytesWritten and datagramsDropped; null where all are 0. @type {import("./figures.js").Figures | null} */
  lastFigures = null;
  /** The error that has closed the socket; null if there is none. @type {DOMException | null} */
  failure = null;
  /** Why the socket is no longer open. "": the reason is not known yet. */
  ending = "";
}

/**
 * What all sockets of an interface have in common.
 *
 * @typedef {object} SocketKind
 * @property {string} name the interface's name
 * @property {string} resource the type of the async resource (R-context)
 * @property {ReadonlyMap<string, number>} bits the bit of listen() for each event type that has one
 */

/**
 * Describes the sockets of an interface.
 *
 * @param {string} name the interface's name
 * @param {ReadonlyMap<string, number>} bits
 * @returns {SocketKind}
 */
function socketKind(name, bits) {
  return { name, resource: name.toUpperCase(), bits };
}

// The bits of `flags`. Sets of bits of listen() have four bits each.
const REFERENCED = 1 << 0;
const PENDING = 1 << 1;
const CLOSED = 1 << 2;
const OPENED = 1 << 3;
const ENDED = 1 << 4;
const FINISHED = 1 << 5;
const DRAIN_DUE = 1 << 6;
const RESET = 1 << 7;
const FIRING = 1 << 8;
const LISTENER_SHIFT = 12;
const REPORTED_SHIFT = 16;
const PERMANENT_SHIFT = 20;
const TRANSIENT_SHIFT = 24;
/** One set of bits of listen(). */
const SET = 0b1111;

/**
 * The record of a socket. It is also the async resource in which the socket's events run: their async context is that of the code that made
 * the socket. For an accepted socket it is that of the server (R-context).
 *
 * What is true or false of a socket, and its sets of event types, are bits of one number: a field for each would be a third of the memory
 * of an idle socket.
 */
class SocketRecord extends AsyncResource {
  /**
   * @param {EventTarget} socket
   * @param {SocketKind} kind
   */
  constructor(socket, kind) {
    super(kind.resource, { requireManualDestroy: true });
    /** The socket's id in the native half, or GONE. */
    this.id = GONE;
    /** The bits that the accessors below read and write. */
    this.flags = REFERENCED;
    /** The socket. */
    this.socket = socket;
    /** What it has in common with all sockets of its interface. */
    this.kind = kind;
    /** Values of on… attributes by event type. @type {Record<string, object | undefined> | null} */
    this.handlers = null;
    /** The record of the server that has accepted the socket; null for a socket that no server has accepted. @type {SocketRecord | null} */
    this.server = null;
    /** Streams: the state of TLS; null while the socket is plain and its options say nothing about it. @type {InstanceType<typeof import("./secure-transport.js").SecureState> | null} */
    this.secure = null;
    /** The fields of a socket that closes; undefined until one of them is needed. @type {SocketEnd | undefined} */
    this.end = undefined;
    /** The fields that few sockets need; undefined until one of them is needed. @type {SocketExtras | undefined} */
    this.extras = undefined;
  }

  /** Returns the extras, and makes them if there are none. Code that only reads uses `record.extras?.…`. */
  ensureExtras() {
    this.extras ??= new SocketExtras();
    return this.extras;
  }

  /** @param {number} flag @param {boolean} value */
  #set(flag, value) {
    this.flags = value ? this.flags | flag : this.flags & ~flag;
  }

  /** @param {number} shift @param {number} bits */
  #setBits(shift, bits) {
    this.flags = (this.flags & ~(SET << shift)) | (bits << shift);
  }

  /** True if the socket keeps the process alive while it is open (ref(), unref()). */
  get referenced() {
    return (this.flags & REFERENCED) !== 0;
  }
  set referenced(value) {
    this.#set(REFERENCED, value);
  }

  /** True while connect() has not finished. There is no socket yet, and the record keeps the process alive. */
  get pending() {
    return (this.flags & PENDING) !== 0;
  }
  set pending(value) {
    this.#set(PENDING, value);
  }

  /** True once readyState is "closed". It stays so, and attributes keep their last values. */
  get closed() {
    return (this.flags & CLOSED) !== 0;
  }
  set closed(value) {
    this.#set(CLOSED, value);
  }

  /** True once the socket has been open. */
  get opened() {
    return (this.flags & OPENED) !== 0;
  }
  set opened(value) {
    this.#set(OPENED, value);
  }

  /** Streams: true once the package was informed that the peer sends no more data. */
  get ended() {
    return (this.flags & ENDED) !== 0;
  }
  set ended(value) {
    this.#set(ENDED, value);
  }

  /** True once the socket is closed and its buffered data is sent or lost. */
  get finished() {
    return (this.flags & FINISHED) !== 0;
  }
  set finished(value) {
    this.#set(FINISHED, value);
  }

  /** Streams: true if send() has returned false, and `drain` has not fired since. */
  get isDrainDue() {
    return (this.flags & DRAIN_DUE) !== 0;
  }
  set isDrainDue(value) {
    this.#set(DRAIN_DUE, value);
  }

  /** Streams: true if reset() was called after the socket had been open. No `error` event follows. */
  get isReset() {
    return (this.flags & RESET) !== 0;
  }
  set isReset(value) {
    this.#set(RESET, value);
  }

  /** True while an event is being dispatched: changes of listenerBits are reported after it. */
  get firing() {
    return (this.flags & FIRING) !== 0;
  }
  set firing(value) {
    this.#set(FIRING, value);
  }

  /** The types that have listeners, as bits of listen(). */
  get listenerBits() {
    return (this.flags >> LISTENER_SHIFT) & SET;
  }
  set listenerBits(bits) {
    this.#setBits(LISTENER_SHIFT, bits);
  }

  /** The last argument of listen(). */
  get reportedBits() {
    return (this.flags >> REPORTED_SHIFT) & SET;
  }
  set reportedBits(bits) {
    this.#setBits(REPORTED_SHIFT, bits);
  }

  /** The types that have at least one listener which stays until the program removes it (listener-overrides.js). */
  get permanentBits() {
    return (this.flags >> PERMANENT_SHIFT) & SET;
  }
  set permanentBits(bits) {
    this.#setBits(PERMANENT_SHIFT, bits);
  }

  /** The types that may have listeners which are removed without a call of removeEventListener() (listener-overrides.js). */
  get transientBits() {
    return (this.flags >> TRANSIENT_SHIFT) & SET;
  }
  set transientBits(bits) {
    this.#setBits(TRANSIENT_SHIFT, bits);
  }

  /** The name of the socket's interface. */
  get name() {
    return this.kind.name;
  }

  /** The bit of listen() for each event type that has one. */
  get bits() {
    return this.kind.bits;
  }

  /** The last value of the attribute `bufferedAmount`, in bytes. It is valid once `closed` is true. */
  get bufferedAmount() {
    return this.end?.bufferedAmount ?? 0;
  }
  set bufferedAmount(bytes) {
    this.#ensureEnd().bufferedAmount = bytes;
  }

  /** The last values of bytesRead, bytesWritten and datagramsDropped; null while the native half has the socket, and where all are 0. */
  get lastFigures() {
    return this.end?.lastFigures ?? null;
  }
  set lastFigures(figures) {
    this.#ensureEnd().lastFigures = figures;
  }

  /** The error that has closed the socket; null if there is none. */
  get failure() {
    return this.end?.failure ?? null;
  }
  set failure(error) {
    this.#ensureEnd().failure = error;
  }

  /** Why the socket is no longer open, for exceptions of later calls. "" while it is open, and where the reason is not known yet. */
  get ending() {
    return this.end?.ending ?? "";
  }
  set ending(reason) {
    this.#ensureEnd().ending = reason;
  }

  #ensureEnd() {
    this.end ??= new SocketEnd();
    return this.end;
  }

  /** Whether a server has accepted the socket. */
  get accepted() {
    return this.server !== null;
  }

  /** Whether this is the record of a TCPSocket or a UnixSocket. */
  get isStream() {
    return this.kind.bits.has("halfclose");
  }

  /** Whether the socket keeps the process alive. Tools that look for open handles call it too. */
  hasRef() {
    return (this.id !== GONE || this.pending) && this.referenced;
  }
}

module.exports = { GONE, SocketRecord, socketKind };
