"use strict";

// `writable` sends data through a WritableStream (R-streams). The stream passes one chunk at a time to write(). While the promise of
// write() is pending, the other chunks wait in the stream.

const { binding } = require("./native.js");
const { changed } = require("./progress.js");
const { notOpen } = require("./send.js");
const { webStreams } = require("./readable.js");
const { leadOn, leadTo } = require("./trace.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {{ resolve: (value?: any) => void, reject: (error: unknown) => void }} WaitingCall */

/** The part that the `writable` of a stream socket and that of a UDPSocket share. */
class Writable {
  /** The stream's controller. @type {any} */
  controller;
  /** Stream sockets: true once the program has closed the stream. */
  isClosed = false;
  /** True once the program has aborted the stream. The stream itself has then failed. */
  #isAborted = false;
  /** The write() that waits for `open` or `drain`; null if none waits. @type {WaitingCall | null} */
  #writing = null;
  /** The chunk that waits until the socket is open; undefined if none waits. @type {unknown} */
  #early;
  /** Sends a chunk, as send() does. */
  #transmit;

  /**
   * @param {SocketRecord} record
   * @param {(record: SocketRecord, chunk: unknown) => boolean} transmit send()
   */
  constructor(record, transmit) {
    /** The record of the socket. */
    this.record = record;
    this.#transmit = transmit;
    const { WritableStream } = webStreams();
    /** The stream. */
    this.stream = new WritableStream({
      start: (controller) => {
        this.controller = controller;
        // The stream calls abort() only after a pending write() has ended, which may take for ever. The signal is aborted at once.
        controller.signal?.addEventListener("abort", () => this.#onAbort(), { once: true });
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.close(),
      abort: () => this.#onAbort(),
    });
  }

  /** The program has called abort(). */
  #onAbort() {
    this.#isAborted = true;
    this.abort();
  }

  /** @returns {Promise<void> | undefined} */
  close() {
    return undefined;
  }

  abort() {}

  /** The system has accepted the last byte. */
  finished() {}

  /** @param {unknown} chunk */
  #write(chunk) {
    if (this.record.opened) {
      try {
        return this.#transmit(this.record, chunk) ? undefined : this.#wait();
      } catch (error) {
        throw leadOn(error, this.record.extras?.trace);
      }
    }
    this.#early = chunk;
    return this.#wait();
  }

  /** A promise that `drain` or `open` settles. */
  #wait() {
    return new Promise((resolve, reject) => {
      this.#writing = { resolve, reject };
    });
  }

  /** Returns the write() that waits, and forgets it; null if none waits. */
  #takeWriting() {
    const writing = this.#writing;
    this.#writing = null;
    return writing;
  }

  /** The socket is open: sends the chunk that has waited for it. */
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
      this.#takeWriting()?.reject(leadOn(error, this.record.extras?.trace));
    }
  }

  /** The system has accepted all bytes. */
  drained() {
    this.#takeWriting()?.resolve();
  }

  /**
   * The program can send no more.
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
   * The program has called close() or reset() of the socket.
   *
   * @param {unknown} error
   * @param {boolean} _isFlushed true: data that is buffered is still sent
   */
  interrupt(error, _isFlushed) {
    this.fail(error);
  }

  /** The socket is closed. */
  end() {
    this.fail(this.record.failure ?? leadTo(notOpen(this.record), this.record.extras?.trace));
  }
}

/** The writable of a TCPSocket or a UnixSocket. Closing it sends FIN. */
class StreamWritable extends Writable {
  /** The close() that waits until the system has accepted the last byte; null if none waits. @type {WaitingCall | null} */
  #closing = null;
  /** Called when the program closes the stream. */
  #onClose;
  /** Resets the connection. */
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
      throw leadOn(notOpen(record), record.extras?.trace);
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

  /** The system has accepted the last byte: close() is done. */
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
    // If the stream was closed before, the socket's close() still sends its bytes.
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

/** The writable of a UDPSocket. Closing it does not close the socket. */
class DatagramWritable extends Writable {
  /** Closes the socket. */
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
