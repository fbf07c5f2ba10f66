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
 * The fields that a record has only if its socket has a stream, a promise, a loop, a once(), a relay, a Blob, a certificateFor, or a listener
 * with a signal.
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
}

/**
 * The record of a socket. It is also the async resource in which the socket's events run: their async context is that of the code that made
 * the socket. For an accepted socket it is that of the server (R-context).
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
    /** The types that have at least one listener which stays until the program removes it (listener-overrides.js). */
    this.permanentBits = 0;
    /** The types that may have listeners which are removed without a call of removeEventListener() (listener-overrides.js). */
    this.transientBits = 0;
    /** True while an event is being dispatched: changes of listenerBits are reported after it. */
    this.firing = false;
    /** Values of on… attributes by event type. @type {Record<string, object | undefined> | null} */
    this.handlers = null;
    /**
     * Stops following signals, which may live longer than the socket. It is called once, when the socket has closed; null if there is
     * nothing to stop.
     *
     * @type {(() => void) | null}
     */
    this.release = null;

    /** Streams: the state of TLS; null while the socket is plain and its options say nothing about it. @type {InstanceType<typeof import("./secure-transport.js").SecureState> | null} */
    this.secure = null;

    /** True if the socket keeps the process alive while it is open (ref(), unref()). */
    this.referenced = true;
    /** The record of the server that has accepted the socket; null for a socket that no server has accepted. @type {SocketRecord | null} */
    this.server = null;
    /** True while connect() has not finished. There is no socket yet, and the record keeps the process alive. */
    this.pending = false;
    /** True once readyState is "closed". It stays so, and attributes keep their last values. */
    this.closed = false;
    /** The last value of the attribute `bufferedAmount`, in bytes. It is valid once `closed` is true. */
    this.bufferedAmount = 0;
    /** The last values of bytesRead, bytesWritten and datagramsDropped; null while the native half has the socket, and where all are 0. @type {import("./figures.js").Figures | null} */
    this.lastFigures = null;
    /** True once the socket has been open. */
    this.opened = false;
    /** Streams: true once the package was informed that the peer sends no more data. */
    this.ended = false;
    /** True once the socket is closed and its buffered data is sent or lost. */
    this.finished = false;
    /** The error that has closed the socket; null if there is none. @type {DOMException | null} */
    this.failure = null;
    /** Why the socket is no longer open, for exceptions of later calls. "" while it is open, and where the reason is not known yet. */
    this.ending = "";
    /** Streams: true if send() has returned false, and `drain` has not fired since. */
    this.isDrainDue = false;
    /** Streams: true if reset() was called after the socket had been open. No `error` event follows. */
    this.isReset = false;
    /** The fields that few sockets need; undefined until one of them is needed. @type {SocketExtras | undefined} */
    this.extras = undefined;
  }

  /** Returns the extras, and makes them if there are none. Code that only reads uses `record.extras?.…`. */
  ensureExtras() {
    this.extras ??= new SocketExtras();
    return this.extras;
  }

  /** Whether a server has accepted the socket. */
  get accepted() {
    return this.server !== null;
  }

  /** Whether this is the record of a TCPSocket or a UnixSocket. */
  get isStream() {
    return this.bits.has("halfclose");
  }

  /** Whether the socket keeps the process alive. Tools that look for open handles call it too. */
  hasRef() {
    return (this.id !== GONE || this.pending) && this.referenced;
  }
}

module.exports = { GONE, SocketRecord };
