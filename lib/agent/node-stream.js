"use strict";

// SocketStream: a stream.Duplex over a TCPSocket or a UnixSocket, with the members of net.Socket that node:http, node:tls and undici use. It
// needs nothing of Node's internals, so it works in Bun and Deno, too. Bytes come from the socket's record, as they do for `readable`
// (R-streams): no event is made for them.

const { isIP } = require("node:net");
const process = require("node:process");
const { setImmediate } = require("node:timers");
const { networkError } = require("../errors.js");
const { requestBits } = require("../listener-bits.js");
const { binding } = require("../native.js");
const { HALFCLOSE, INCOMING, Intake, takeIn } = require("../readable.js");
const { shown } = require("../shown.js");
const { GONE } = require("../socket-record.js");
const { transmit } = require("../stream-send.js");
const { ActivityTimer } = require("./activity-timer.js");
const { linger } = require("./linger.js");
const { LiveSettings } = require("./live-settings.js");
const { toKeepAliveDelay } = require("./options.js");
const { NetMembers } = require("./net-members.js");
const { PooledHandle } = require("./pooled-handle.js");

/** @typedef {InstanceType<typeof import("../socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(error?: any) => void} Callback */

/**
 * Where the result of connecting goes: a TCPSocket or a UnixSocket that is open, with its record, or the reason why there is none.
 *
 * @typedef {{ opened: (socket: any, record: SocketRecord) => void, refused: (reason: unknown) => void }} Report
 */

/**
 * An attempt to connect. `reference` says whether it keeps the process alive; the socket it leads to does the same.
 *
 * @typedef {{ abort: () => void, reference: (isReferenced: boolean) => void }} Connecting
 */

/** The longest time of a timer of node:timers, in milliseconds. */
const LONGEST = 2 ** 31 - 1;

/** Marks a stream as idle in the pool of an agent, or as in use. @type {(stream: object, isIdle: boolean) => void} */
let markIdle = () => {};

class SocketStream extends NetMembers {
  /** As net.Socket has it: the milliseconds of setTimeout(). */
  timeout = 0;
  /** As net.Socket has it: the addresses that were tried, each with its port. @type {string[]} */
  autoSelectFamilyAttemptedAddresses = [];
  /** What http.Agent asks of a handle. @type {InstanceType<typeof PooledHandle> | null} */
  _handle = null;

  /** Its record. @type {SocketRecord | undefined} */
  #record;
  /** The attempt to connect; null if there is none. @type {Connecting | null} */
  #connecting = null;
  /** The write that waits for the connection. @type {(() => void) | null} */
  #early = null;
  /** The callback of the write that waits until the socket has sent what it buffers. @type {Callback | null} */
  #writing = null;
  /** The callback of the end that waits until the last byte is sent. @type {Callback | null} */
  #finishing = null;
  /** True while the bytes stay in the system, because nobody reads. */
  #isHeld = false;
  /** True while the socket is in the pool of an agent, and no request uses it. */
  #isIdle = false;
  /** True once resetAndDestroy() was called. */
  #isReset = false;
  /** What setNoDelay() and setKeepAlive() have set. @type {InstanceType<typeof LiveSettings>} */
  #settings;
  /** The timer of setTimeout(); null without one. @type {InstanceType<typeof ActivityTimer> | null} */
  #timer = null;

  /**
   * @param {(stream: SocketStream, report: Report) => Connecting} open starts to connect
   * @param {{ allowHalfOpen?: boolean, highWaterMark?: number | undefined, settings?: Record<string, unknown> }} options `settings`: what
   *   noDelay and keepAliveDelay are from the start
   */
  constructor(open, { allowHalfOpen = false, highWaterMark, settings = { noDelay: true, keepAliveDelay: 0 } }) {
    super(
      highWaterMark === undefined
        ? { allowHalfOpen, autoDestroy: true, decodeStrings: false, emitClose: false }
        : { allowHalfOpen, autoDestroy: true, decodeStrings: false, emitClose: false, highWaterMark },
    );
    this.#settings = new LiveSettings(settings);
    this._handle = new PooledHandle(() => this.#hasPendingRead());
    let isStarting = true;
    const refused = (/** @type {unknown} */ reason) => {
      if (isStarting) {
        // Nobody can have a listener yet. http.request() adds its own in the next tick.
        setImmediate(() => this.#refused(reason));
      } else {
        this.#refused(reason);
      }
    };
    try {
      this.#connecting = open(this, { opened: (socket, record) => this.#opened(socket, record), refused });
    } catch (error) {
      refused(error);
    }
    isStarting = false;
  }

  // --- the connection ---

  /**
   * @param {any} socket
   * @param {SocketRecord} record
   */
  #opened(socket, record) {
    this.#connecting = null;
    this._socket = socket;
    this.#record = record;
    const extras = record.ensureExtras();
    extras.intake = /** @type {any} */ ({
      name: "readable",
      take: (/** @type {Uint8Array} */ bytes) => this.#take(bytes),
      end: () => this.#run(() => this.#ended()),
      fail: (/** @type {Error} */ error) => this.#run(() => this.#lost(error)),
      closing() {},
    });
    extras.outlet = /** @type {any} */ ({
      drained: () => this.#run(() => this.#written()),
      finished: () => this.#run(() => this.#finished()),
      fail: (/** @type {Error} */ error) => this.#run(() => this.#lost(error)),
      interrupt: (/** @type {Error} */ error) => this.#run(() => this.destroy(error)),
      end: () => this.#run(() => this.#closed()),
    });
    requestBits(record, INCOMING | HALFCLOSE, INCOMING);
    this.#settings.opened(socket, record);
    this.connecting = false;
    const early = this.#early;
    this.#early = null;
    early?.();
    this.emit("connect");
    this.emit("ready");
  }

  /** @param {unknown} reason */
  #refused(reason) {
    this.#connecting = null;
    // A lookup() or an allowAddress() of the program may throw anything.
    const isError = typeof reason === "object" && reason !== null;
    this.destroy(/** @type {Error} */ (isError ? reason : networkError(`cannot connect: ${shown(reason)} was thrown`, { cause: reason })));
  }

  /** An address is about to be tried. @param {string | null} host the name that led to it @param {string} address @param {number} port */
  attempted(host, address, port) {
    const family = isIP(address.split("%")[0]);
    this.autoSelectFamilyAttemptedAddresses.push(`${address}:${port}`);
    process.nextTick(() => {
      if (!this.destroyed) {
        if (host !== null) {
          this.emit("lookup", null, address, family, host);
        }
        this.emit("connectionAttempt", address, port, family);
      }
    });
  }

  /** Runs a function in the async context of the request that uses the socket. @param {() => void} act */
  #run(act) {
    const handle = this._handle;
    if (handle === null) {
      act();
    } else {
      handle.run(act);
    }
  }

  // --- reading ---

  /** @param {Uint8Array} bytes */
  #take(bytes) {
    if (this.#isIdle) {
      // Nobody asked for these bytes. They would count as the response to the next request.
      this.destroy();
      return;
    }
    this.#refresh();
    if (!this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))) {
      this.#hold(true);
    }
  }

  _read() {
    if (this.#isHeld) {
      this.#hold(false);
    }
  }

  /** Leaves the bytes in the system, or takes them again. @param {boolean} isHeld */
  #hold(isHeld) {
    const record = this.#record;
    if (record !== undefined && record.id !== GONE && isHeld !== this.#isHeld) {
      this.#isHeld = isHeld;
      takeIn(record, isHeld ? Intake.HELD : Intake.FLOWING);
    }
  }

  /** @param {boolean} isIdle */
  #markIdle(isIdle) {
    const handle = this._handle;
    if (!isIdle && handle !== null && !handle.isChecked && handle.hasPendingRead()) {
      // The runtime has not asked, and it is too late to take another socket. The request has its listeners in the next tick.
      setImmediate(() => this.destroy(/** @type {any} */ (networkError("the server sent bytes, or ended the idle connection", { code: "ECONNRESET", syscall: "read" }))));
    } else {
      this.#isIdle = isIdle;
    }
    if (handle !== null) {
      handle.isChecked = false;
    }
  }

  /** Whether a read would find something. @returns {boolean} */
  #hasPendingRead() {
    const record = this.#record;
    return record !== undefined && record.id !== GONE && binding.hasPendingRead(record.id) === true;
  }

  /** The peer has ended its direction. */
  #ended() {
    if (!this.destroyed && !this.readableEnded) {
      this.push(null);
      // Where nobody reads, "end" comes all the same once nothing is left.
      this.read(0);
    }
  }

  // --- writing ---

  /**
   * @param {Buffer | string} chunk
   * @param {BufferEncoding} encoding
   * @param {Callback} callback
   */
  _write(chunk, encoding, callback) {
    this.#write(() => this.#send(chunk, encoding), callback);
  }

  /**
   * @param {{ chunk: Buffer | string, encoding: BufferEncoding }[]} chunks
   * @param {Callback} callback
   */
  _writev(chunks, callback) {
    this.#write(() => {
      let isTaken = true;
      for (const { chunk, encoding } of chunks) {
        isTaken = this.#send(chunk, encoding) && isTaken;
      }
      return isTaken;
    }, callback);
  }

  /**
   * Sends now, or once the connection is established.
   *
   * @param {() => boolean} send returns false if `drain` follows
   * @param {Callback} callback
   */
  #write(send, callback) {
    if (this.#record === undefined) {
      this.#writing = callback;
      this.#early = () => {
        this.#writing = null;
        this.#write(send, callback);
      };
      return;
    }
    this.#refresh();
    let isTaken = false;
    try {
      isTaken = send();
    } catch (error) {
      if (/** @type {Error} */ (error).name !== "InvalidStateError") {
        callback(error);
        return;
      }
      // The socket is closed or lost, and the event that says why is under way. It destroys the stream, which settles the callback.
    }
    if (isTaken) {
      callback();
    } else {
      this.#writing = callback;
      if (this.#record.closed) {
        this.#closed();
      }
    }
  }

  /**
   * @param {Buffer | string} chunk
   * @param {BufferEncoding} encoding
   */
  #send(chunk, encoding) {
    const isText = typeof chunk === "string" && encoding !== "utf8" && encoding !== "utf-8";
    return transmit(/** @type {SocketRecord} */ (this.#record), isText ? Buffer.from(chunk, encoding) : chunk);
  }

  /** What was written is the system's. */
  #written() {
    const callback = this.#writing;
    this.#writing = null;
    this.#refresh();
    callback?.();
  }

  /** @param {Callback} callback */
  _final(callback) {
    if (this.#record === undefined) {
      this.#writing = callback;
      this.#early = () => {
        this.#writing = null;
        this._final(callback);
      };
    } else if (this.#record.id === GONE) {
      callback();
    } else {
      this.#finishing = callback;
      binding.finish(this.#record.id);
    }
  }

  /** The last byte is the system's, and FIN follows it. */
  #finished() {
    const callback = this.#finishing;
    this.#finishing = null;
    callback?.();
  }

  // --- the end ---

  /**
   * The connection is lost. If the peer had ended it before (EPIPE says the same), and no write waits, that is the end: the peer only refuses our own
   * end, such as the close_notify of TLS. Nobody may listen for errors any more.
   *
   * @param {Error} error
   */
  #lost(error) {
    const { code } = /** @type {any} */ (error);
    if (this.#writing === null && (this.#record?.ended || code === "EPIPE")) {
      this.#ended();
      this.#finished();
    } else {
      this.destroy(error);
    }
  }

  /** The socket is closed. */
  #closed() {
    if (this.destroyed) {
      return;
    }
    if (this.#writing !== null) {
      this.destroy(/** @type {any} */ (networkError("cannot send: the connection is closed", { code: "EPIPE", syscall: "write" })));
    } else {
      this.#finished();
    }
  }

  /**
   * @param {Error | null} error
   * @param {Callback} callback
   */
  _destroy(error, callback) {
    this.connecting = false;
    this.#stopTimer();
    this._handle = null;
    this.#early = null;
    const record = this.#record;
    if (record === undefined) {
      this.#connecting?.abort();
      this.#connecting = null;
    } else if (record.id !== GONE) {
      linger(this._socket, record, this.#isReset || this.#isHeld || this.#writing !== null);
    }
    const waiting = [this.#writing, this.#finishing].filter((each) => each !== null);
    this.#writing = null;
    this.#finishing = null;
    callback(error);
    // As with net.Socket, "error" comes first: before it, a request would take the end of its last write for the end of the request, and give up
    // the socket, and nobody would listen for the error. Then "close", which says whether there was one.
    for (const each of waiting) {
      process.nextTick(each, error ?? destroyed());
    }
    process.nextTick(() => this.emit("close", error !== null && error !== undefined));
  }

  /** Closes the connection once all that was written is sent. */
  destroySoon() {
    if (this.writable) {
      this.end();
    }
    if (this.writableFinished) {
      this.destroy();
    } else {
      this.once("finish", () => this.destroy());
    }
  }

  /** Closes the connection with RST. */
  resetAndDestroy() {
    this.#isReset = true;
    return this.destroy();
  }

  // --- the members of net.Socket ---

  /**
   * @param {number} milliseconds 0: no limit
   * @param {() => void} [callback]
   */
  setTimeout(milliseconds, callback) {
    if (typeof milliseconds !== "number" || !(milliseconds >= 0)) {
      throw new TypeError(`setTimeout(): the time must be a number of milliseconds, 0 or more, not ${shown(milliseconds)}`);
    }
    this.#stopTimer();
    this.timeout = Math.min(milliseconds, LONGEST);
    if (this.timeout > 0 && !this.destroyed) {
      this.#timer = new ActivityTimer(this.timeout, () => this.#progress(), () => this.emit("timeout"));
    }
    if (callback !== undefined) {
      this.removeListener("timeout", callback);
      if (this.timeout > 0) {
        this.once("timeout", callback);
      }
    }
    return this;
  }

  /** There was activity: the time of setTimeout() begins again. */
  #refresh() {
    this.#timer?.refresh();
  }

  #stopTimer() {
    this.#timer?.stop();
    this.#timer = null;
  }

  /** How many bytes of a write under way the system has; undefined: nothing is being written. */
  #progress() {
    return this.#writing === null ? undefined : /** @type {number | undefined} */ (this._socket?.bytesWritten);
  }

  /** @param {boolean} [isOn] */
  setNoDelay(isOn = true) {
    this.#set("noDelay", Boolean(isOn));
    return this;
  }

  /**
   * @param {boolean} [isOn]
   * @param {number} [delay] in milliseconds; 0: the system's
   */
  setKeepAlive(isOn = false, delay = 0) {
    this.#set("keepAliveDelay", isOn ? toKeepAliveDelay(delay) : 0);
    return this;
  }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  #set(name, value) {
    if (!this.destroyed) {
      this.#settings.set(name, value);
    }
  }

  /** The connection keeps the process alive, also while it is being established. */
  ref() {
    this.#connecting?.reference(true);
    this._socket?.ref();
    return this;
  }

  /** The connection does not keep the process alive. */
  unref() {
    this.#connecting?.reference(false);
    this._socket?.unref();
    return this;
  }

  static {
    markIdle = (stream, isIdle) => {
      if (#isIdle in stream) {
        /** @type {SocketStream} */ (stream).#markIdle(isIdle);
      }
    };
  }
}

/** The error of a write that was under way when the stream was destroyed without an error. */
function destroyed() {
  return Object.assign(new Error("Cannot write: the stream was destroyed"), { code: "ERR_STREAM_DESTROYED" });
}

module.exports = { SocketStream, markIdle };
