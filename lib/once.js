"use strict";

// once(): a promise of one event (R-once). It listens as addEventListener() does; what progress.js reports ends it where the event
// can no longer come.

const { throwIfAborted, toSignal, watch } = require("./abort.js");
const { distance } = require("./edit-distance.js");
const { invalidState } = require("./errors.js");
const { claim } = require("./listeners.js");
const native = require("./native.js");
const { TCPServerSocket, recordOf: serverRecordOf } = require("./tcp-server-socket.js");
const { TCPSocket, recordOf: tcpRecordOf } = require("./tcp-socket.js");
const { UDPSocket, recordOf: udpRecordOf } = require("./udp-socket.js");
const { dictionary, missingArguments, shown, toDOMString } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

const WHERE = "once()";

/** The event types of each interface. @type {Record<string, readonly string[]>} */
const TYPES = {
  TCPServerSocket: ["connect", "error"],
  TCPSocket: ["close", "drain", "error", "halfclose", "message", "open"],
  UDPSocket: ["drain", "error", "message"],
};

/** Whose addEventListener() and removeEventListener() are called: a program's subclass may have its own. @type {Record<string, EventTarget>} */
const PROTOTYPES = {
  TCPServerSocket: TCPServerSocket.prototype,
  TCPSocket: TCPSocket.prototype,
  UDPSocket: UDPSocket.prototype,
};

/** What other interfaces call an event of ours, in lower case. @type {Record<string, Record<string, string>>} */
const OTHER_NAMES = {
  TCPServerSocket: { connection: "connect", secureconnection: "connect", message: "connect" },
  TCPSocket: { connect: "open", data: "message", end: "halfclose", secureconnect: "open" },
  UDPSocket: { data: "message" },
};

/** How engines begin a line about a function that awaits a promise. */
const AWAITER = "    at async ";

const LISTENER_OPTIONS = Object.freeze({ once: true });

const toOnceOptions = dictionary({ signal: toSignal });

/** One call of once() that is not settled. */
class Wait {
  /** @type {(value: any) => void} */
  #resolve;
  #record;
  #signal;
  #stopWatching;
  #isOver = false;

  /**
   * @param {SocketRecord} record
   * @param {string} type
   * @param {AbortSignal | undefined} signal
   * @param {(value: any) => void} resolve
   */
  constructor(record, type, signal, resolve) {
    this.type = type;
    this.#record = record;
    this.#signal = signal;
    this.#resolve = resolve;
    this.listener = (/** @type {Event} */ event) => {
      this.#end();
      this.#resolve(event);
    };
    // First, for a signal of another realm may throw here.
    this.#stopWatching = signal === undefined ? undefined : watch(signal, this, (reason) => this.reject(() => reason));
  }

  /**
   * The event does not come: `reason` gives what the promise is rejected with, unless its signal is aborted, which may be why.
   *
   * @param {() => unknown} reason
   */
  reject(reason) {
    if (this.#isOver) {
      return;
    }
    const signal = this.#signal;
    const cause = signal?.aborted === true ? () => signal.reason : reason;
    prototypeOf(this.#record).removeEventListener.call(this.#record.socket, this.type, this.listener);
    this.#end();
    // Engines show the functions that await a promise in the stack of what is made in a reaction that leads to that promise.
    let go = () => {};
    const rejection = new Promise((resolve) => {
      go = () => resolve(undefined);
    }).then(() => {
      throw cause();
    });
    this.#resolve(rejection);
    queueMicrotask(go);
  }

  /** Leaves nothing behind, but the listener. */
  #end() {
    this.#isOver = true;
    /** @type {Waits} */ (this.#record.waits).delete(this);
    this.#stopWatching?.();
  }
}

/** The calls of once() on one socket that are not settled. */
class Waits {
  /** @type {Set<Wait>} */
  #all = new Set();
  #record;

  /** @param {SocketRecord} record */
  constructor(record) {
    this.#record = record;
  }

  /** @param {Wait} wait */
  add(wait) {
    this.#all.add(wait);
  }

  /** @param {Wait} wait */
  delete(wait) {
    this.#all.delete(wait);
  }

  /** Whether an `error` that closes the socket settles one of them (R-unheard). */
  get hearsFailure() {
    return [...this.#all].some(({ type }) => !this.#outlivesFailure(type));
  }

  /**
   * Something has changed that decides which events can still come.
   *
   * @param {string} [coming] the type of the event that is about to fire
   */
  check(coming) {
    for (const wait of this.#all) {
      const why = wait.type === coming ? undefined : whyNever(this.#record, wait.type);
      if (why !== undefined) {
        wait.reject(() => never(this.#record, wait.type, why));
      }
    }
  }

  /**
   * An `error` has closed the socket, and is about to fire.
   *
   * @param {DOMException} error
   */
  failed(error) {
    for (const wait of this.#all) {
      if (!this.#outlivesFailure(wait.type)) {
        wait.reject(() => withAwaiters(error));
      }
    }
  }

  /** Whether the event comes with, or behind, an `error` that closes the socket. @param {string} type */
  #outlivesFailure(type) {
    // R-tcp-lost: `close` follows the `error` of a connection that was open.
    return type === "error" || (type === "close" && this.#record.opened);
  }
}

// A method of a namespace, as Web IDL has it, is no constructor.
const { once } = {
  /**
   * @param {unknown} socket
   * @param {unknown} type
   * @param {unknown} [options]
   * @returns {Promise<any>}
   */
  once(socket, type, options = undefined) {
    try {
      if (arguments.length < 2) {
        throw missingArguments(WHERE, 2, arguments.length);
      }
      const record = toRecord(socket);
      const event = toType(record, type);
      const { signal } = toOnceOptions(options, "options");

      throwIfAborted(signal);
      const why = whyNever(record, event);
      if (why !== undefined) {
        throw never(record, event, why);
      }
      return new Promise((resolve) => {
        const wait = new Wait(record, event, signal, resolve);
        if (record.waits === null) {
          record.waits = new Waits(record);
        }
        record.waits.add(wait);
        if (signal?.aborted) {
          // One that only looks like an AbortSignal, aborted by being listened to.
          wait.reject(() => signal.reason);
          return;
        }
        listenForEnd(record, event);
        prototypeOf(record).addEventListener.call(record.socket, event, wait.listener, LISTENER_OPTIONS);
      });
    } catch (error) {
      return Promise.reject(error);
    }
  },
};

/** @param {SocketRecord} record */
function prototypeOf(record) {
  return /** @type {EventTarget} */ (PROTOTYPES[record.name]);
}

/**
 * @param {unknown} socket
 * @returns {SocketRecord}
 */
function toRecord(socket) {
  const record = tcpRecordOf(socket) ?? udpRecordOf(socket) ?? serverRecordOf(socket);
  if (record !== undefined) {
    return record;
  }
  const isOfAnotherCopy = /^\[object (TCPSocket|TCPServerSocket|UDPSocket)\]$/.test(tagOf(socket));
  const what = isOfAnotherCopy ? "one of another copy of this package, whose once() takes it" : shown(socket);
  throw new TypeError(`${WHERE}: socket must be a TCPSocket, a TCPServerSocket or a UDPSocket, not ${what}`);
}

/** @param {unknown} value */
function tagOf(value) {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    // A getter or a proxy of the program's.
    return "";
  }
}

/**
 * @param {SocketRecord} record
 * @param {unknown} value
 */
function toType(record, value) {
  const type = toDOMString(value, "type");
  const known = /** @type {readonly string[]} */ (TYPES[record.name]);
  if (known.includes(type)) {
    return type;
  }
  const meant = nearest(record.name, type);
  const advice = meant === undefined ? "" : `; did you mean "${meant}"?`;
  throw new TypeError(`${WHERE}: type must be one of "${known.join('", "')}" for a ${record.name}, not ${shown(type)}${advice}`);
}

/**
 * The type that somebody may have meant.
 *
 * @param {string} interfaceName
 * @param {string} type
 */
function nearest(interfaceName, type) {
  // "onmessage", "Message".
  const plain = type.slice(0, 32).toLowerCase().replace(/^on/, "");
  const other = /** @type {Record<string, string>} */ (OTHER_NAMES[interfaceName]);
  if (Object.hasOwn(other, plain)) {
    return other[plain];
  }
  const known = /** @type {readonly string[]} */ (TYPES[interfaceName]);
  const found = known.map((name) => ({ name, edits: distance(plain, name) })).sort((a, b) => a.edits - b.edits);
  const [best] = found;
  return best !== undefined && best.edits <= 2 ? best.name : undefined;
}

/**
 * The native half reports the peer's end also where no `halfclose` fires and `close` may be long in coming.
 *
 * @param {SocketRecord} record
 * @param {string} type
 */
function listenForEnd(record, type) {
  if (type === "message" && record.name === "TCPSocket") {
    claim(record, record.claimed | END, record.taken);
  }
}

/** The bit of binding.listen() that asks for the peer's end. */
const END = 4;

/**
 * Why an event of this type can no longer come; undefined while it may.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @returns {string | undefined}
 */
function whyNever(record, type) {
  return record.name === "TCPSocket" ? whyNeverOfTcp(record, type) : whyNeverOfOthers(record, type);
}

/**
 * @param {SocketRecord} record
 * @param {string} type
 */
function whyNeverOfTcp(record, type) {
  if (record.closed) {
    return over(record);
  }
  const state = native.readyState(record);
  // close() while connecting: its `error` is still to come, and ends the wait (R-tcp-close-connecting).
  const isAbandoned = state === "closing" && !record.opened;
  if (type === "close" || isAbandoned) {
    return undefined;
  }
  if (type === "error") {
    return record.failure !== null || record.isReset ? over(record) : undefined;
  }
  if (state === "closed") {
    return over(record);
  }
  if (type === "open") {
    return record.opened ? `the socket has opened already, and is "${state}"` : undefined;
  }
  if (record.relay !== null) {
    return "the socket is relayed";
  }
  if (type === "drain") {
    const mayBeDue = record.isDrainDue || state === "connecting" || state === "open";
    return mayBeDue ? undefined : `the socket is "${state}", and no send() has returned false since the last drain`;
  }
  if (record.ended || state === "closing") {
    const isOurs = !record.ended && record.ending !== "";
    return isOurs ? `the socket is "${state}": ${record.ending}` : `the peer has ended, and the socket is "${state}"`;
  }
  if (type === "halfclose") {
    return state === "halfclosed" ? 'the socket is "halfclosed": the peer\'s end closes it' : undefined;
  }
  return record.intake === null ? undefined : "its readable was taken, and gets the bytes";
}

/**
 * @param {SocketRecord} record a UDPSocket's or a TCPServerSocket's
 * @param {string} type
 */
function whyNeverOfOthers(record, type) {
  if (record.intake !== null && (type === "message" || type === "connect")) {
    return `its readable was taken, and gets the ${type === "message" ? "datagrams" : "connections"}`;
  }
  if (!record.closed) {
    return undefined;
  }
  const isOver = record.finished || record.failure !== null;
  // R-srv-close: what was accepted before close() may still come. R-udp-toolong: the error that has closed it is still to come.
  const mayCome = type === "connect" || (type === "error" && record.ending === "");
  return mayCome && !isOver ? undefined : over(record);
}

/** @param {SocketRecord} record */
function over(record) {
  const state = native.readyState(record);
  return record.ending === "" ? `the socket is "${state}"` : `the socket is "${state}": ${record.ending}`;
}

/**
 * @param {SocketRecord} record
 * @param {string} type
 * @param {string} why
 */
function never(record, type, why) {
  const error = invalidState(`${WHERE}: no ${type} event comes any more: ${why}`);
  if (record.failure !== null) {
    Object.defineProperty(error, "cause", { value: record.failure, writable: true, configurable: true });
  }
  return error;
}

/**
 * The exception of an `error` event was made where no code of the program runs. What awaits it is added to its stack.
 *
 * @param {DOMException} error
 */
function withAwaiters(error) {
  /** @type {{ stack?: unknown }} */
  const here = {};
  Error.captureStackTrace?.(here, withAwaiters);
  const [{ stack }, { stack: added }] = [error, here];
  // A program may have its own Error.prepareStackTrace.
  if (typeof stack !== "string" || typeof added !== "string" || stack.includes(AWAITER)) {
    return error;
  }
  const awaiters = added.split("\n").filter((line) => line.startsWith(AWAITER));
  if (awaiters.length > 0) {
    const value = [stack, ...awaiters].join("\n");
    // What somebody has frozen stays as it is.
    Reflect.defineProperty(error, "stack", { value, writable: true, enumerable: false, configurable: true });
  }
  return error;
}

module.exports = { Waits, once };
