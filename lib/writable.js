"use strict";

// `writable`: send() as a WritableStream (R-streams). The stream hands over one chunk at a time: while its promise is pending, the
// others wait there.

const { binding } = require("./native.js");
const { changed } = require("./progress.js");
const { notOpen } = require("./send.js");
const { webStreams } = require("./readable.js");
const { leadOn, leadTo } = require("./trace.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {{ resolve: (value?: any) => void, reject: (error: unknown) => void }} Waiting */

/** What the writables of a TCPSocket and of a UDPSocket have in common. */
class Writable {
  /** @type {any} */
  controller;
  /** Of a TCPSocket's: the program has closed it. */
  isClosed = false;
  /** The program has aborted the stream, which so fails by itself. */
  #isAborted = false;
  /** The write() that waits for `open` or `drain`. @type {Waiting | null} */
  #writing = null;
  /** What is to be sent once the socket is open. */
  /** @type {unknown} */
  #early;
  #transmit;

  /**
   * @param {SocketRecord} record
   * @param {(record: SocketRecord, chunk: unknown) => boolean} transmit send()
   */
  constructor(record, transmit) {
    this.record = record;
    this.#transmit = transmit;
    const { WritableStream } = webStreams();
    this.stream = new WritableStream({
      start: (controller) => {
        this.controller = controller;
        // abort() reaches the sink only when what is under way has ended, which may take for ever.
        controller.signal?.addEventListener("abort", () => this.#onAbort(), { once: true });
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.close(),
      abort: () => this.#onAbort(),
    });
  }

  #onAbort() {
    this.#isAborted = true;
    this.abort();
  }

  /** @returns {Promise<void> | undefined} */
  close() {
    return undefined;
  }

  abort() {}

  /** The last byte is the system's. */
  finished() {}

  /** @param {unknown} chunk */
  #write(chunk) {
    if (this.record.opened) {
      try {
        return this.#transmit(this.record, chunk) ? undefined : this.#wait();
      } catch (error) {
        throw leadOn(error, this.record.trace);
      }
    }
    this.#early = chunk;
    return this.#wait();
  }

  #wait() {
    return new Promise((resolve, reject) => {
      this.#writing = { resolve, reject };
    });
  }

  #takeWriting() {
    const writing = this.#writing;
    this.#writing = null;
    return writing;
  }

  /** The socket is open: what waited for that is sent. */
  opened() {
    const writing = this.#writing;
    if (writing === null) {
      return;
    }
    const early = this.#early;
    this.#early = undefined;
    try {
      if (this.#transmit(this.record, early)) {
        this.#takeWriting()?.resolve();
      }
    } catch (error) {
      this.#takeWriting()?.reject(leadOn(error, this.record.trace));
    }
  }

  /** All that was sent is the system's. */
  drained() {
    this.#takeWriting()?.resolve();
  }

  /**
   * Nothing can be sent any more.
   *
   * @param {unknown} error
   */
  fail(error) {
    if (!this.#isAborted) {
      this.controller.error(error);
    }
    this.#takeWriting()?.reject(error);
  }

  /**
   * close() or reset() of the socket was called.
   *
   * @param {unknown} error
   * @param {boolean} _isFlushed
   */
  interrupt(error, _isFlushed) {
    this.fail(error);
  }

  /** The socket is over. */
  end() {
    this.fail(this.record.failure ?? leadTo(notOpen(this.record), this.record.trace));
  }
}

/** A TCPSocket's. Closing it ends our direction. */
class StreamWritable extends Writable {
  /** That close(), while the last byte is not the system's. @type {Waiting | null} */
  #closing = null;
  #onClose;
  #reset;

  /**
   * @param {SocketRecord} record
   * @param {(record: SocketRecord, chunk: unknown) => boolean} transmit
   * @param {() => void} onClose
   * @param {() => void} reset
   */
  constructor(record, transmit, onClose, reset) {
    super(record, transmit);
    this.#onClose = onClose;
    this.#reset = reset;
  }

  close() {
    const { record } = this;
    if (record.closed) {
      throw leadOn(notOpen(record), record.trace);
    }
    this.isClosed = true;
    record.ending ||= "its writable was closed";
    binding.finish(record.id);
    changed(record);
    this.#onClose();
    return new Promise((resolve, reject) => {
      this.#closing = { resolve, reject };
    });
  }

  abort() {
    this.#reset();
  }

  /** The last byte is the system's. */
  finished() {
    const closing = this.#closing;
    this.#closing = null;
    closing?.resolve();
  }

  /** @param {unknown} error */
  fail(error) {
    const closing = this.#closing;
    this.#closing = null;
    closing?.reject(error);
    super.fail(error);
  }

  /**
   * @param {unknown} error
   * @param {boolean} isFlushed
   */
  interrupt(error, isFlushed) {
    // What is closed already is flushed by the socket's close() as well.
    if (!(this.isClosed && isFlushed)) {
      this.fail(error);
    }
  }

  end() {
    if (this.isClosed && this.record.failure === null) {
      this.finished();
    } else {
      super.end();
    }
  }
}

/** A UDPSocket's. Closing it leaves the socket as it is. */
class DatagramWritable extends Writable {
  #abort;

  /**
   * @param {SocketRecord} record
   * @param {(record: SocketRecord, chunk: unknown) => boolean} transmit
   * @param {() => void} abort
   */
  constructor(record, transmit, abort) {
    super(record, transmit);
    this.#abort = abort;
  }

  abort() {
    this.#abort();
  }
}

module.exports = { DatagramWritable, StreamWritable, Writable };
