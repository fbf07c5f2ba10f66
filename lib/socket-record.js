"use strict";

// What the package keeps of a socket, of all three interfaces, beside the socket's attributes. Every idle socket has a record, so it holds
// what every socket needs. What only some sockets need is in SocketExtras, made when it is first needed.

const { AsyncResource } = require("node:async_hooks");

/** The id of a record without a socket in the native half: the socket is not yet open, or it is gone. */
const GONE = -1;

/**
 * A startTls() that is not finished: how its promise is settled, the peer's address, and the stack of the call.
 *
 * @typedef {{ resolve: (info: any) => void, reject: (error: unknown) => void, address: string, port: number, trace: import("./trace.js").Trace | null }} Upgrade
 */

/**
 * What the record needs of a relay (relay.js).
 *
 * @typedef {{ trace: import("./trace.js").Trace | null, count(record: SocketRecord, bytes: number): void, lost(error: Error): void, closed(): void }} Relay
 */

/** What a record has only if its socket has a stream, a promise, a loop, a once(), a relay, a Blob, or a listener with a signal. */
class SocketExtras {
  /** The promises `opened` and `closed`. @type {InstanceType<typeof import("./promises.js").Promises> | undefined} */
  promises = undefined;
  /** The `readable`, if the program has taken it. It gets what comes in instead of the listeners. @type {InstanceType<typeof import("./readable.js").Readable> | undefined} */
  intake = undefined;
  /** The `writable`, if the program has taken it. @type {InstanceType<typeof import("./writable.js").Writable> | undefined} */
  outlet = undefined;
  /** The `for await` loops. @type {InstanceType<typeof import("./iteration.js").Iteration> | undefined} */
  iteration = undefined;
  /** The calls of once() that are not settled. @type {InstanceType<typeof import("./once.js").Waits> | undefined} */
  waits = undefined;
  /** The types that streams, loops and once() ask for, beside listeners, as bits of listen() (listener-bits.js). */
  requestedBits = 0;
  /** The types of which a stream takes all events: listeners of these types do not count. Bits of listen(). */
  exclusiveBits = 0;
  /** The stack of the program's first request for a promise or a stream (trace.js). @type {import("./trace.js").Trace | null} */
  trace = null;
  /** The startTls() that is not finished. @type {Upgrade | undefined} */
  upgrade = undefined;
  /** The relay that the socket is part of. @type {Relay | undefined} */
  relay = undefined;
  /** The Blobs that were sent and are not yet read to their end (blob.js). @type {import("./blob.js").BlobQueue | undefined} */
  blobs = undefined;
  /** The reason of the signal that has aborted the socket (abort.js). @type {unknown} */
  abortReason = undefined;
  /** The listeners that a signal will end (listener-signals.js). @type {InstanceType<typeof import("./listener-signals.js").Signalled>[] | undefined} */
  signalled = undefined;
  /** The signals of listeners that are watched for this socket (listener-overrides.js). @type {Set<AbortSignal> | undefined} */
  signals = undefined;
}

/**
 * It is the async resource in which the socket's events run: the context of the code that made the socket, or of the server for an
 * accepted socket (R-context).
 */
class SocketRecord extends AsyncResource {
  /**
   * @param {EventTarget} socket
   * @param {string} name the interface's name
   * @param {ReadonlyMap<string, number>} bits the bit of listen() for each event type that has one
   */
  constructor(socket, name, bits) {
    super(name.toUpperCase(), { requireManualDestroy: true });
    /** The socket's id in the native half, or GONE. */
    this.id = GONE;
    /** The socket. */
    this.socket = socket;
    /** The name of its interface. */
    this.name = name;
    /** The bit of listen() for each event type that has one. */
    this.bits = bits;

    /** The types that have listeners, as bits of listen(). */
    this.listenerBits = 0;
    /** The last argument of listen(). */
    this.reportedBits = 0;
    /** The types of which at least one listener stays until the program removes it (listener-overrides.js). */
    this.permanentBits = 0;
    /** The types of which some listeners may go without a call: by `once`, or by a signal (listener-overrides.js). */
    this.transientBits = 0;
    /** An event is being dispatched: changes of listenerBits are reported after it. */
    this.firing = false;
    /** Values of on… attributes by event type. @type {Record<string, object | undefined> | null} */
    this.handlers = null;
    /** Frees what outlives the socket. It is called once, when the socket has closed. @type {(() => void) | null} */
    this.release = null;

    /** The socket keeps the process alive while it is open (ref(), unref()). */
    this.referenced = true;
    /** A server has accepted the socket. */
    this.accepted = false;
    /** connect() has not finished. There is no socket yet, and the record keeps the process alive. */
    this.pending = false;
    /** readyState is "closed" and stays so. The attributes have their last values in this record. */
    this.closed = false;
    /** The last value of the attribute, once `closed`. Bytes. */
    this.bufferedAmount = 0;
    /** The socket has been open. */
    this.opened = false;
    /** TCP: the peer's end was reported. */
    this.ended = false;
    /** The socket is closed, and what was buffered is sent or lost. */
    this.finished = false;
    /** The error that has closed the socket. @type {DOMException | null} */
    this.failure = null;
    /** Why the socket is no longer open, for exceptions of later calls. "" while it is open, and where the reason is not known yet. */
    this.ending = "";
    /** TCP: send() has returned false, and `drain` has not fired since. */
    this.isDrainDue = false;
    /** TCP: reset() was called when the socket had been open. No `error` event follows. */
    this.isReset = false;
    /** undefined until something in it is needed. @type {SocketExtras | undefined} */
    this.extras = undefined;
  }

  /** The extras, to write to them. They are made here; readers use `record.extras?.…`. */
  ensureExtras() {
    this.extras ??= new SocketExtras();
    return this.extras;
  }

  /** Whether the socket keeps the process alive. Tools that look for open handles call it too. */
  hasRef() {
    return (this.id !== GONE || this.pending) && this.referenced;
  }
}

module.exports = { GONE, SocketRecord };
