"use strict";

// `readable` gives received data as a ReadableStream (R-streams). When the program reads the property, the socket's record gets an *intake*.
// From then on the intake gets the data, and no `message` or `connect` listener does.
//
// While data flows, the promise of the stream's pull() stays pending. While it is pending, the stream does not call pull() again, so a chunk
// costs no promise of ours. When the stream's queue is full, the promise is fulfilled. The stream calls pull() again when it wants more.
//
// The bytes of a BYOB reader are read straight into the view that waits. The native half only reports that there are bytes, and readable()
// reads them. If no view waits then, they stay in the system until the program gives one.

const { requestBits, requestBitsLater } = require("./listener-bits.js");
const { binding } = require("./native.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * How many bytes the stream of a TCPSocket holds while nobody reads: as many as the native half reads at once. The stream itself has the
 * high-water mark 0, so it calls pull() only if a reader waits. Otherwise a BYOB reader's next view would not be noticed.
 */
const BYTES_HELD = 64 * 1024;
/** The high-water mark of a UDPSocket's stream, in bytes. Each datagram counts its data and DATAGRAM_COST. */
const DATAGRAM_BYTES_HELD = 64 * 1024;
/** The bytes that each datagram counts in addition to its data, so that empty datagrams count, too. */
const DATAGRAM_COST = 512;

/** The second argument of binding.takeIn(): what a stream does with the bytes of a TCP socket (docs/binding.md). */
const Intake = /** @type {const} */ ({ FLOWING: 0, HELD: 1, DROPPED: 2, DIRECT: 3 });

/**
 * Says to the native half what the stream does with the bytes, if it still has the socket.
 *
 * @param {SocketRecord} record
 * @param {number} intake
 */
function takeIn(record, intake) {
  if (record.id !== GONE) {
    binding.takeIn(record.id, intake);
  }
}

/** The bit of listen() for `message` and `connect`. */
const INCOMING = 1;
/** The bit of listen() for `halfclose`. */
const HALFCLOSE = 2;

/**
 * The stream classes of the realm, or Node's own if the realm has none (jest's jsdom environment). They are looked up only when they are
 * needed, because the look-up makes Node load them.
 *
 * @returns {typeof import("node:stream/web")}
 */
function webStreams() {
  return /** @type {any} */ (globalThis.ReadableStream === undefined ? require("node:stream/web") : globalThis);
}

/** The part that the readables of all interfaces share. */
class Readable {
  /** The name of the attribute, for messages. */
  name = /** @type {const} */ ("readable");
  /** The stream's controller. @type {any} */
  controller;
  /** The program has called cancel(). */
  isCancelled = false;
  /** UDPSocket and servers: true while the stream wants another datagram or connection. */
  isWanting = false;
  /** Fulfils the pending pull(); null if none is pending. @type {(() => void) | null} */
  #endPull = null;
  /** True once the stream is closed, cancelled, or has failed. */
  #isOver = false;
  /** An error that the stream reports when the data before it has been read (R-tcp-lost); undefined if there is none. @type {unknown} */
  #failure;
  /** The high-water mark of the stream. */
  #highWaterMark;

  /**
   * @param {SocketRecord} record
   * @param {object} source members of the underlying source, in addition to its methods
   * @param {{ highWaterMark: number, size?: (chunk: any) => number }} strategy
   */
  constructor(record, source, strategy) {
    /** The record of the socket. */
    this.record = record;
    this.#highWaterMark = strategy.highWaterMark;
    const { ReadableStream } = webStreams();
    /** The stream. */
    this.stream = new ReadableStream(
      /** @type {any} */ ({
        ...source,
        start: (/** @type {any} */ controller) => {
          this.controller = controller;
        },
        pull: () => this.#pull(),
        cancel: () => this.#cancel(),
      }),
      strategy,
    );
  }

  /** Starts or stops taking data from the system. @param {boolean} _isFlowing */
  flow(_isFlowing) {}

  /** The stream was cancelled: no data is needed any more. */
  drop() {}

  /** The native half has bytes for a BYOB reader. Only the stream of a TCPSocket asks for that. */
  readable() {}

  /** Whether the stream holds as much as it may hold. */
  get isFull() {
    return this.controller.desiredSize <= 0;
  }

  /** True once the stream is closed, cancelled, or has failed. */
  get isOver() {
    return this.#isOver;
  }

  /**
   * Data has come in.
   *
   * @param {unknown} chunk
   */
  take(chunk) {
    if (this.#isOver) {
      return;
    }
    this.controller.enqueue(chunk);
    if (this.isFull) {
      this.flow(false);
      this.finishPull();
    }
  }

  /** No more data comes. The data in the stream can still be read. */
  end() {
    if (!this.#isOver && this.#failure === undefined) {
      this.#isOver = true;
      this.finish();
      this.finishPull();
    }
  }

  /** Closes the stream. */
  finish() {
    this.controller.close();
  }

  /** The program has called close() or reset(): no more data comes. */
  closing() {
    this.end();
  }

  /** The socket has failed. The data in the stream can still be read before the error. @param {unknown} error */
  fail(error) {
    if (this.#isOver) {
      return;
    }
    if (this.#isEmpty()) {
      this.#isOver = true;
      this.controller.error(error);
    } else {
      this.#failure = error;
    }
    this.finishPull();
  }

  /** Whether the stream has data that was not read yet. */
  get isHolding() {
    return !this.#isOver && !this.#isEmpty();
  }

  /** Whether the stream holds nothing. */
  #isEmpty() {
    return this.controller.desiredSize >= this.#highWaterMark;
  }

  /** Fulfils the pending pull(), if there is one. */
  finishPull() {
    const endPull = this.#endPull;
    this.#endPull = null;
    endPull?.();
  }

  /** The stream calls this when it has room, or when a reader waits. */
  #pull() {
    if (this.#isOver) {
      return undefined;
    }
    if (this.#failure !== undefined) {
      if (!this.#isEmpty()) {
        return undefined;
      }
      this.#isOver = true;
      return Promise.reject(this.#failure);
    }
    this.flow(true);
    return new Promise((resolve) => {
      this.#endPull = () => resolve(undefined);
    });
  }

  /** The program has called cancel(). */
  #cancel() {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.isCancelled = true;
    this.drop();
    this.finishPull();
  }
}

/** The stream of a TCPSocket: bytes. */
class ByteReadable extends Readable {
  /** What the native half was asked to do with the bytes. @type {number} */
  #intake = Intake.FLOWING;
  /** Called when the program cancels the stream. */
  #onCancel;

  /**
   * @param {SocketRecord} record
   * @param {() => void} onCancel
   */
  constructor(record, onCancel) {
    super(record, { type: "bytes" }, { highWaterMark: 0 });
    this.#onCancel = onCancel;
    // Like a `message` listener, the stream needs bytes. It also counts as a `halfclose` listener.
    requestBits(record, record.ensureExtras().requestedBits | INCOMING | HALFCLOSE, INCOMING);
  }

  get isFull() {
    return this.controller.desiredSize <= -BYTES_HELD;
  }

  /** @param {boolean} isFlowing */
  flow(isFlowing) {
    const intake = !isFlowing ? Intake.HELD : this.controller.byobRequest === null ? Intake.FLOWING : Intake.DIRECT;
    if (this.#intake !== intake) {
      this.#takeIn(intake);
    }
  }

  /** @param {Uint8Array} chunk */
  take(chunk) {
    // A BYOB reader has come while another one's pull() was pending, so pull() was not called for its view.
    const hasView = this.#intake === Intake.FLOWING && !this.isOver && this.controller.byobRequest !== null;
    super.take(chunk);
    if (hasView && this.#intake === Intake.FLOWING) {
      this.#takeIn(Intake.DIRECT);
    }
  }

  readable() {
    // The native half has reported the bytes, and leaves them in the system until they are read or asked for.
    this.#intake = Intake.HELD;
    if (this.isOver) {
      return;
    }
    const request = this.controller.byobRequest;
    if (request === null) {
      // Nobody waits, or a default reader. pull() is called for the next read.
      this.finishPull();
      return;
    }
    this.#intake = Intake.DIRECT;
    const bytes = binding.readInto(this.record.id, request.view);
    if (bytes > 0) {
      request.respond(bytes);
    }
  }

  drop() {
    this.#takeIn(Intake.DROPPED);
    requestBits(this.record, HALFCLOSE, INCOMING);
    this.#onCancel();
  }

  finish() {
    const { controller } = this;
    try {
      controller.close();
    } catch {
      // A reader has given views whose elements have several bytes, and the last element is not complete. The stream has errored because of
      // this.
      return;
    }
    // A reader that has given a view and waits gets the view back, empty.
    controller.byobRequest?.respond(0);
  }

  /** Reports to the native half what the stream does with the bytes. @param {number} intake */
  #takeIn(intake) {
    this.#intake = intake;
    takeIn(this.record, intake);
  }
}

/** The stream of a UDPSocket or a server: one chunk for each datagram or connection. */
class ItemReadable extends Readable {
  /**
   * @param {SocketRecord} record
   * @param {{ highWaterMark: number, size?: (chunk: any) => number }} strategy
   */
  constructor(record, strategy) {
    super(record, {}, strategy);
    requestBits(record, record.ensureExtras().requestedBits, INCOMING);
    this.flow(strategy.highWaterMark > 0);
  }

  /** @param {boolean} isFlowing */
  flow(isFlowing) {
    this.isWanting = isFlowing;
    requestIncoming(this.record);
  }

  drop() {
    this.flow(false);
  }

  /** A server that closes may still have a connection. It goes to the listeners, or is reset (R-srv-close). */
  finish() {
    this.flow(false);
    super.finish();
  }
}

/**
 * Asks for datagrams or connections while the stream or a loop wants one.
 *
 * @param {SocketRecord} record
 */
function requestIncoming(record) {
  const { iteration, intake, exclusiveBits } = record.ensureExtras();
  requestBits(record, iteration?.isAwaited || intake?.isWanting ? INCOMING : 0, exclusiveBits);
}

/**
 * As requestIncoming(), for the record of the event that is being delivered. The native half gets to know it after the event's microtasks.
 *
 * @param {SocketRecord} record
 */
function requestIncomingLater(record) {
  const { iteration, intake, exclusiveBits } = record.ensureExtras();
  requestBitsLater(record, iteration?.isAwaited || intake?.isWanting ? INCOMING : 0, exclusiveBits);
}

/**
 * The `readable` of a TCPSocket or a UnixSocket.
 *
 * @param {SocketRecord} record
 * @param {() => void} onCancel
 */
function byteReadable(record, onCancel) {
  return new ByteReadable(record, onCancel);
}

/** The `readable` of a UDPSocket. @param {SocketRecord} record */
function datagramReadable(record) {
  return new ItemReadable(record, {
    highWaterMark: DATAGRAM_BYTES_HELD,
    size: ({ data }) => data.byteLength + DATAGRAM_COST,
  });
}

/**
 * The `readable` of a server. Connections wait in the backlog until the program reads.
 *
 * @param {SocketRecord} record
 */
function connectionReadable(record) {
  return new ItemReadable(record, { highWaterMark: 0 });
}

module.exports = { HALFCLOSE, INCOMING, Intake, Readable, byteReadable, connectionReadable, datagramReadable, requestIncoming, requestIncomingLater, takeIn, webStreams };
