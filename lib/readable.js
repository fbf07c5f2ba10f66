"use strict";

// `readable`: what comes in as a ReadableStream (R-streams). An intake stands in a record where the stream was taken; from then
// on it gets what `message` or `connect` listeners would.
//
// While it flows, the promise of the stream's pull() stays pending: the stream then asks for no more, and a chunk that somebody
// waits for costs no promise of ours. It is fulfilled when the stream has enough, and what asks again is the next pull().

const { claim } = require("./listeners.js");
const { GONE, binding } = require("./native.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/** What a stream of bytes holds when nobody reads it: as much as the native half reads at once. */
const BYTES_HELD = 64 * 1024;
/** What a stream of datagrams holds, each counted with what it costs beyond its bytes, so that empty ones count too. */
const DATAGRAM_BYTES_HELD = 64 * 1024;
const DATAGRAM_COST = 512;

/** What binding.takeIn() calls what a stream does with the bytes of a TCP socket. */
const Intake = /** @type {const} */ ({ FLOWING: 0, HELD: 1, DROPPED: 2 });

/** The bits of binding.listen(). */
const INCOMING = 1;
const HALFCLOSE = 2;

/**
 * The stream classes of the realm; Node's own where it has none (jest's jsdom environment). Not at load: looking them up
 * loads them.
 *
 * @returns {typeof import("node:stream/web")}
 */
function webStreams() {
  return /** @type {any} */ (globalThis.ReadableStream === undefined ? require("node:stream/web") : globalThis);
}

/** What all three kinds have in common. */
class Readable {
  /** @type {any} */
  controller;
  /** cancel() was called. */
  isCancelled = false;
  /** Of datagrams and connections: whether more are wanted, as loops want them (iteration.js). */
  isWanting = false;
  /** Fulfils the pull() at hand, which lasts as long as the stream wants more. @type {(() => void) | null} */
  #rest = null;
  /** Closed, cancelled, or failed. */
  #isOver = false;
  /** To be told when what came before it has been read (R-tcp-lost). @type {unknown} */
  #failure;
  #highWaterMark;

  /**
   * @param {SocketRecord} record
   * @param {object} source beside the methods
   * @param {{ highWaterMark: number, size?: (chunk: any) => number }} strategy
   */
  constructor(record, source, strategy) {
    this.record = record;
    this.#highWaterMark = strategy.highWaterMark;
    const { ReadableStream } = webStreams();
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

  /** Has what comes in taken from the system, or not. @param {boolean} _isFlowing */
  flow(_isFlowing) {}

  /** Nobody wants what still comes. */
  drop() {}

  /**
   * Something has come in.
   *
   * @param {unknown} chunk
   */
  take(chunk) {
    if (this.#isOver) {
      return;
    }
    this.controller.enqueue(chunk);
    if (this.controller.desiredSize <= 0) {
      this.flow(false);
      this.#letGo();
    }
  }

  /** Nothing comes any more. What the stream holds can still be read. */
  end() {
    if (!this.#isOver && this.#failure === undefined) {
      this.#isOver = true;
      this.finish();
      this.#letGo();
    }
  }

  /** Closes the stream. */
  finish() {
    this.controller.close();
  }

  /** @param {unknown} error */
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
    this.#letGo();
  }

  /** Whether it has something that nobody has read yet. */
  get isHolding() {
    return !this.#isOver && !this.#isEmpty();
  }

  #isEmpty() {
    return this.controller.desiredSize >= this.#highWaterMark;
  }

  #letGo() {
    const rest = this.#rest;
    this.#rest = null;
    rest?.();
  }

  /** The stream has room, or somebody waits. */
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
      this.#rest = () => resolve(undefined);
    });
  }

  #cancel() {
    if (this.#isOver) {
      return;
    }
    this.#isOver = true;
    this.isCancelled = true;
    this.drop();
    this.#letGo();
  }
}

/** A TCPSocket's: a stream of bytes. */
class ByteReadable extends Readable {
  #isHeld = false;
  #onCancel;

  /**
   * @param {SocketRecord} record
   * @param {() => void} onCancel
   */
  constructor(record, onCancel) {
    super(record, { type: "bytes" }, { highWaterMark: BYTES_HELD });
    this.#onCancel = onCancel;
    // As a listener does; and it counts as one for halfclose.
    claim(record, record.claimed | INCOMING | HALFCLOSE, INCOMING);
  }

  /** @param {boolean} isFlowing */
  flow(isFlowing) {
    if (this.#isHeld === isFlowing) {
      this.#isHeld = !isFlowing;
      this.#takeIn(isFlowing ? Intake.FLOWING : Intake.HELD);
    }
  }

  drop() {
    this.#takeIn(Intake.DROPPED);
    claim(this.record, HALFCLOSE, INCOMING);
    this.#onCancel();
  }

  finish() {
    const { controller } = this;
    try {
      controller.close();
    } catch {
      // A reader has given views of larger elements, and the last one is not whole: the stream has errored with that.
      return;
    }
    // A reader that waits with a view of its own gets it back empty.
    controller.byobRequest?.respond(0);
  }

  /** @param {number} intake */
  #takeIn(intake) {
    if (this.record.id !== GONE) {
      binding.takeIn(this.record.id, intake);
    }
  }
}

/** A UDPSocket's or a TCPServerSocket's: one chunk for each datagram or connection. */
class ItemReadable extends Readable {
  /**
   * @param {SocketRecord} record
   * @param {{ highWaterMark: number, size?: (chunk: any) => number }} strategy
   */
  constructor(record, strategy) {
    super(record, {}, strategy);
    claim(record, record.claimed, INCOMING);
    this.flow(strategy.highWaterMark > 0);
  }

  /** @param {boolean} isFlowing */
  flow(isFlowing) {
    this.isWanting = isFlowing;
    claimIncoming(this.record);
  }

  drop() {
    this.flow(false);
  }
}

/**
 * Has datagrams or connections taken while the stream or a loop wants one.
 *
 * @param {SocketRecord} record
 */
function claimIncoming(record) {
  const isWanted = record.iteration?.isAwaited || record.intake?.isWanting;
  claim(record, isWanted ? INCOMING : 0, record.taken);
}

/**
 * A TCPSocket's `readable`, in the state that the socket is in.
 *
 * @param {SocketRecord} record
 * @param {() => void} onCancel
 */
function byteReadable(record, onCancel) {
  return new ByteReadable(record, onCancel);
}

/** @param {SocketRecord} record */
function datagramReadable(record) {
  return new ItemReadable(record, {
    highWaterMark: DATAGRAM_BYTES_HELD,
    size: ({ data }) => data.byteLength + DATAGRAM_COST,
  });
}

/**
 * Connections wait in the backlog until somebody reads.
 *
 * @param {SocketRecord} record
 */
function connectionReadable(record) {
  return new ItemReadable(record, { highWaterMark: 0 });
}

module.exports = { HALFCLOSE, Readable, byteReadable, claimIncoming, connectionReadable, datagramReadable, webStreams };
