"use strict";

// One end of a connection that is ours, and the model of it: what the rulings allow it to do next. It observes the events that change nothing
// by being listened for; `message` and `halfclose` listeners come and go by operations.

const { Buffer } = require("node:buffer");
const { shown } = require("./world");

/** The states in which each event may fire (R-task: the state is set just before it). */
const STATES = {
  open: ["open", "halfclosed"],
  message: ["open", "halfclosed"],
  halfclose: ["open"],
  drain: ["open", "halfclosed", "closing"],
  error: ["closed"],
  close: ["closed"],
};

/** The rulings that hold for an end of which nothing else is known. */
const LASTING = new Set(["hang", "panic", "R-promises", "R-error"]);

/** Milliseconds of silence after which close() ends without the peer's FIN (R-tcp-close), less what a timer may be early. */
const LINGER = 1900;

class End {
  /** The readyState that the model knows. @type {string} */
  state;
  /** Events that fired. @type {Record<string, number>} */
  events = { open: 0, message: 0, halfclose: 0, drain: 0, error: 0, close: 0 };
  /** The exception of `error`. @type {any} */
  error = undefined;
  /** Nothing may come any more. */
  isOver = false;
  /** send() has returned false, and no `drain` has come since. */
  isDrainDue = false;
  /** Bytes that send() has taken, with frames' delimiters or lengths. */
  accepted = 0;
  /** Bytes that were delivered. */
  delivered = 0;
  /** What takes the received bytes. @type {"none" | "readable" | "reader" | "relayed"} */
  intake = "none";
  isSuspended = false;
  /** The calls that were made and count. @type {Record<string, number>} time of the call */
  called = {};
  /** A send() returned false and counted nothing: the connection must prove lost. */
  mustFail = false;
  /** The buffer was full (R-tcp-full). */
  isFull = false;
  /** Bytes may be lost in both directions: something was done, here or there, that may end the connection before they are through. */
  isRough = false;
  /** What is received is not all taken, by a call of this end (close(), cancel()). */
  dropsReceived = false;
  /** Calls of once(…, "halfclose") that wait: each counts as a listener. */
  waitsForHalfclose = 0;
  /** Its `writable` was taken, so that its sends and drains are the stream's. */
  hasWritable = false;
  /** What became of some bytes is not known: a write was refused, or a call has panicked. */
  isUncounted = false;
  /** Calls of the reader that wait. */
  reads = 0;
  /** The reader was released, so that the peer's end may be told again. */
  wasReleased = false;
  /** A call has panicked that changes what this end may do, such as relay(): only that it ends, and how, is still checked. */
  isUnknown = false;
  /** A panic has hit this end. */
  isBroken = false;
  /** Operations that wait for an event. @type {Record<string, any[]>} */
  queued = {};
  /** The listeners that operations have added. @type {{ type: string, remove: () => void }[]} */
  listeners = [];
  /** bufferedAmount when it was closed. @type {number | undefined} */
  bufferedAtClose = undefined;
  /** The other end. @type {End | any} */
  peer = undefined;
  /** Events whose bytes were counted. */
  #seen = new WeakSet();

  /**
   * @param {import("./world").World} world
   * @param {string} name
   * @param {any} socket
   * @param {object} how
   * @param {import("./flow").Flow} how.out
   * @param {import("./flow").Flow} how.into
   * @param {boolean} how.hasOpened true: it was accepted, or connect() has returned it
   * @param {any} how.options those that it was made with
   * @param {AbortController} [how.controller]
   * @param {any} [how.raw] the socket itself, where `socket` is a wrapper with a planted fault
   */
  constructor(world, name, socket, { out, into, hasOpened, options, controller, raw = socket }) {
    this.world = world;
    this.name = name;
    this.socket = socket;
    this.raw = raw;
    this.out = out;
    this.into = into;
    this.options = options;
    this.controller = controller;
    this.hasOpened = hasOpened;
    this.wasAccepted = hasOpened;
    this.highWaterMark = options.highWaterMark ?? 65536;
    this.maxBufferedAmount = options.maxBufferedAmount ?? 268435456;
    this.framing = options.framing;
    this.state = hasOpened ? "open" : "connecting";
    this.checkState();
    for (const type of ["open", "error", "close", "drain"]) {
      socket.addEventListener(type, (/** @type {any} */ event) => this.observe(type, event));
    }
    this.settled = { opened: "", closed: "" };
    for (const which of /** @type {const} */ (["opened", "closed"])) {
      const settle = (/** @type {string} */ how) => {
        if (this.settled[which] !== "") world.fault("R-promises", `${name}.${which} settled twice`);
        this.settled[which] = how;
      };
      world.keep(`${name}.${which}`, socket[which], () => settle("fulfilled"), (error) => {
        settle("rejected");
        this[`${which}Error`] = error;
      });
    }
    world.ends.push(this);
  }

  get isMessageListener() {
    return this.listeners.some(({ type }) => type === "message");
  }

  /** @param {string} rule @param {string} text */
  fault(rule, text) {
    if (this.isUnknown && !LASTING.has(rule)) return;
    const tellsOfPanic = this.world.plan.panics && /internal error|the package has failed/.test(text);
    if (this.world.hasPanicked() || tellsOfPanic) {
      // The call has not done its work, and answers with what it may answer with.
      this.isUncounted = true;
      this.out.isUnsure = true;
      this.roughen();
      return;
    }
    this.world.fault(rule, `${this.name} (${this.state}): ${text}`);
  }

  /** Whether the peer's FIN closes it without an event: nobody listens for `halfclose` (R-tcp-fin). */
  get mayCloseAlone() {
    const { allowHalfOpen } = this.options;
    const hasListener = this.intake !== "none" || this.hasWritable || this.waitsForHalfclose > 0 || this.listeners.some(({ type }) => type === "halfclose");
    return allowHalfOpen === false || (allowHalfOpen !== true && !hasListener);
  }

  /** Whether it may be "closing" now without an event or a call of its own. @param {string} now */
  mayBecome(now) {
    // Its `writable` was closed, so that halfclose() comes behind the last write; or aborted.
    if (now === "halfclosed" && this.hasWritable && typeof this.writer === "string") return this.state === "open" || this.state === "connecting";
    // Before it is open, reset() is close() (R-reset).
    if (this.isAborted && (now === "closed" || (now === "closing" && this.state === "connecting"))) return true;
    // Both directions have ended: `readable` was cancelled, and `writable` closed.
    if (now === "closing" && this.isCancelled && typeof this.writer === "string") return this.state === "open" || this.state === "halfclosed";
    if (now === "closed" && this.world.plan.panics) {
      // A panic closes a socket at once; the error that tells of it must follow.
      this.awaitsPanic = true;
      return true;
    }
    // close() and reset() of one socket of a relay close the other one, too (R-relay).
    const { close, reset, abort } = this.relayed?.called ?? {};
    if (now === "closed" && (reset ?? abort) !== undefined) return true;
    return this.state === "open" && now === "closing" && (this.mayCloseAlone || close !== undefined);
  }

  /** The state is the one that was left, but for a FIN that nobody listens for (R-tcp-fin). */
  checkState() {
    const now = this.socket.readyState;
    if (now === this.state) return;
    if (!this.mayBecome(now)) {
      this.fault("R-task", `readyState became "${now}" outside the task of an event`);
    }
    this.state = now;
  }

  /** An event has begun. @param {string} type @param {any} event */
  observe(type, event) {
    const { world, socket } = this;
    if (this.#seen.has(event)) return;
    this.#seen.add(event);
    world.event(`${this.name} ${type}${type === "error" ? ` ${event.error?.code}` : ""}`);
    world.checkStates(this);
    this.events[type] += 1;
    if (this.isOver) this.fault("R-task", `${type} fired after the last event`);
    const before = this.state;
    const state = socket.readyState;
    if (!STATES[type].includes(state)) this.fault("R-task", `readyState is "${state}" in ${type}`);
    this.state = state;
    if (event.target !== this.raw) this.fault("R-shape", `the target of ${type} is another object`);
    this[`on_${type}`](before, event);
    this.runQueued(type);
    world.eventDone();
  }

  /** @param {string} type */
  runQueued(type) {
    const operations = this.queued[type];
    if (operations === undefined) return;
    this.queued[type] = undefined;
    for (const operation of operations) {
      this.world.perform(operation);
    }
  }

  on_open(before) {
    if (this.hasOpened) this.fault("R-task", "open fired twice, or on a socket that is open from the start");
    if (before === "closing") this.fault("R-tcp-close-connecting", "open fired after close()");
    if (this.state !== (before === "connecting" ? "open" : before)) this.fault("R-task", `open made it "${this.state}" from "${before}"`);
    this.hasOpened = true;
  }

  on_message(before, event) {
    if (this.state !== before && before !== "open") this.fault("R-task", `message made it "${this.state}" from "${before}"`);
    if (this.isSuspended) this.fault("R-tcp-suspend", "message fired while suspended");
    if (this.intake !== "none") this.fault("R-streams", `message fired while its bytes belong to ${this.intake}`);
    if (this.events.halfclose > 0 && !this.wasReleased) this.fault("R-tcp-message", "message fired after halfclose");
    const data = new Uint8Array(event.data);
    if (data.length === 0 && this.framing === undefined) this.fault("R-tcp-message", "an empty message");
    this.take(data);
  }

  on_halfclose(before) {
    if (before !== "open") this.fault("R-tcp-fin", `halfclose fired in "${before}"`);
    if (this.events.halfclose > 1 && !this.wasReleased) this.fault("R-tcp-fin", "halfclose fired twice");
    if (this.intake === "relayed") this.fault("R-relay", "halfclose fired on a relayed socket");
    if (this.isSuspended) this.fault("R-tcp-suspend", "halfclose fired while suspended");
  }

  on_drain(before) {
    if (this.state !== before && before !== "open") this.fault("R-task", `drain made it "${this.state}" from "${before}"`);
    // A send() that panicked after it took its bytes has returned nothing.
    if (!this.isDrainDue && !this.hasWritable && !this.world.plan.panics) this.fault("R-tcp-drain", "drain fired without a send() that returned false");
    if (this.socket.bufferedAmount !== 0) this.fault("R-tcp-drain", `bufferedAmount is ${this.socket.bufferedAmount} in drain`);
    if (this.intake === "relayed") this.fault("R-relay", "drain fired on a relayed socket");
    this.isDrainDue = false;
  }

  on_error(_before, { error, message }) {
    if (this.events.error > 1) this.fault("R-tcp-lost", "error fired twice");
    // A panic is reported after reset(), too.
    const isPanic = this.world.plan.panics && /internal error/.test(message);
    if (this.called.reset !== undefined && this.hasOpened && !this.isFull && !isPanic) this.fault("R-reset", `error fired after reset(): ${message}`);
    this.error = error;
    if (error?.name !== "NetworkError" || error.message !== message) this.fault("R-error", `the error is ${error?.name}: ${error?.message}`);
    this.checkCode(error.code);
    if (!this.hasOpened) this.end();
  }

  /** @param {string} code */
  checkCode(code) {
    const { called } = this;
    if (/internal error/.test(this.error.message)) {
      this.isBroken = true;
      this.roughen();
      if (this.world.plan.panics !== true) this.fault("panic", this.error.message);
      return;
    }
    if (!this.hasOpened && called.close !== undefined) {
      if (code !== "ECONNABORTED") this.fault("R-tcp-close-connecting", `the error's code is ${code}`);
      return;
    }
    if (code === "ENOBUFS" && this.hasWritable) {
      // write() is send(), so it may find the buffer full.
      this.isFull = true;
      this.roughen();
    }
    // Its peer has closed, waited for its FIN in vain, and is gone.
    const peerClosed = this.peer?.called?.close ?? this.peer?.called?.reset;
    const hasPeerLingered = peerClosed !== undefined && performance.now() - peerClosed > LINGER;
    if (!this.isRough && !hasPeerLingered) {
      // With panics the end that was hit may tell of it later than its peer.
      if (this.world.plan.panics) this.needsCause = true;
      else this.fault("R-tcp-lost", `it was lost without a cause: ${this.error.message}`);
    }
    const own = { ABORT_ERR: called.abort !== undefined, ETIMEDOUT: called.timeout !== undefined, ENOBUFS: this.isFull || (this.world.plan.panics && this.isUncounted) };
    if (code in own && !own[code]) this.fault("R-error", `code ${code} without a cause`);
    if (this.isFull && code !== "ENOBUFS" && called.abort === undefined) this.fault("R-tcp-full", `code ${code} though the buffer was full`);
    if (typeof code !== "string") this.fault("R-error", `an error without a code: ${this.error.message}`);
  }

  on_close() {
    if (!this.hasOpened) this.fault("R-tcp-lost", "close fired on a socket that never opened");
    this.end();
  }

  end() {
    this.isOver = true;
    this.bufferedAtClose = this.socket.bufferedAmount;
    // A loss or reset() of one socket of a relay resets the other (R-relay).
    const isReset = this.called.reset !== undefined || (this.relayed !== undefined && this.isRough);
    // What a call that has panicked leaves behind is not known.
    const isUnknown = this.world.plan.panics && this.isUncounted;
    if (this.error === undefined && !isReset && this.bufferedAtClose !== 0 && !isUnknown) {
      this.fault("R-tcp-close", `bufferedAmount is ${this.bufferedAtClose} after an orderly end`);
    }
  }

  /** Bytes were delivered, by an event, a stream or a read. @param {Uint8Array} bytes */
  take(bytes) {
    this.delivered += bytes.length;
    const wrong = this.framing === undefined ? this.into.received(bytes) : this.into.receivedFrame(bytes);
    if (wrong !== undefined) this.fault("R-tcp-order", wrong);
    if (this.isOver && this.intake === "none") this.fault("R-task", "bytes came after the last event");
  }

  /** readLine() with a limit of one byte has found a line. @param {string} line */
  takeLine(line) {
    if (line !== "") this.fault("R-reader", `readLine() with a limit of 1 gave ${JSON.stringify(line)}`);
    this.take(Uint8Array.of(0x0a));
  }

  /** The event of once(), which another listener may have had. @param {string} type @param {any} event */
  heard(type, event) {
    if (event?.type !== type) this.fault("R-once", `once(${type}) was fulfilled with ${event?.type}`);
    if (type === "message" && !this.#seen.has(event)) {
      this.#seen.add(event);
      this.events.message += 1;
      this.take(new Uint8Array(event.data));
    }
  }

  /** Something is done that may lose bytes or the connection, here, there, and where a relay leads. */
  roughen() {
    if (this.isRough) return;
    this.isRough = true;
    this.peer?.roughen?.();
    this.relayed?.roughen?.();
  }

  /** What must hold when all is over. */
  check() {
    const { name, socket, settled, into } = this;
    const { error, close, open } = this.events;
    if (socket.readyState !== "closed") this.fault("R-tcp-close", "it is not closed");
    if (error > 1 || close > 1 || (this.hasOpened ? close !== 1 : error !== 1 || close !== 0)) {
      this.fault("R-tcp-lost", `it ended with ${error} error and ${close} close events`);
    }
    if (!this.wasAccepted && open !== (this.hasOpened ? 1 : 0)) this.fault("R-task", `open fired ${open} times`);
    if (settled.opened !== (this.hasOpened ? "fulfilled" : "rejected")) this.fault("R-promises", `opened is ${settled.opened || "pending"}`);
    if (settled.closed !== (error === 0 ? "fulfilled" : "rejected")) this.fault("R-promises", `closed is ${settled.closed || "pending"}, with ${error} errors`);
    if (error === 1 && this.closedError !== this.error) this.fault("R-promises", `${name}.closed rejected with another exception than error's`);
    if (this.mustFail && error === 0 && this.called.reset === undefined && this.called.close === undefined) {
      this.fault("R-tcp-suspend", "send() ignored bytes, and the connection was not lost");
    }
    if (socket.bufferedAmount !== this.bufferedAtClose) this.fault("R-task", "bufferedAmount changed after the last event");
    const isRelayBroken = this.relayed?.isRough;
    if (this.awaitsPanic && !this.isBroken && !isRelayBroken && !this.isRough) this.fault("panic", "it was closed, and no error told of a panic");
    if (this.needsCause && !this.isRough && !this.world.hasServerPanicked) this.fault("panic", `it was lost, and no panic was near: ${this.error.message}`);
    const { bytesRead, bytesWritten, bufferedAmount } = socket;
    const isRelayed = this.intake === "relayed";
    if (!isRelayed && !this.isUncounted && (bytesWritten > this.accepted || bytesWritten + bufferedAmount < this.accepted)) {
      this.fault("R-stats", `bytesWritten is ${bytesWritten}, ${this.accepted} were taken, ${bufferedAmount} are buffered`);
    }
    if (!isRelayed && this.framing === undefined && bytesRead !== this.delivered && !(this.isRough || this.dropsReceived)) {
      this.fault("R-stats", `bytesRead is ${bytesRead}, and ${this.delivered} were delivered`);
    }
    if (error === 0 && !this.isRough && this.isDrainDue && !isRelayed && !this.hasWritable) this.fault("R-tcp-drain", "no drain came after a send() that returned false");
    if (!this.isRough && !this.dropsReceived && !isRelayed && !into.isUnsure && into.position !== into.total && error === 0) {
      this.fault("R-tcp-order", `${into.name}: ${into.position} of ${into.total} bytes came, and both ends ended cleanly`);
    }
  }

  describe() {
    const { accepted, called, delivered, events, intake } = this;
    const listeners = this.listeners.map(({ type }) => type);
    return `${this.name}: ${shown(this.raw)} ${JSON.stringify({ accepted, delivered, intake, called, events, listeners, isSuspended: this.isSuspended, into: [this.into.position, this.into.total] })}`;
  }
}

/** The payload of a frame, as it is on the wire. @param {any} framing @param {number} length */
const framed = (framing, length) => length + (framing.delimiter === undefined ? framing.lengthPrefix : Buffer.byteLength(framing.delimiter));

module.exports = { End, framed };
