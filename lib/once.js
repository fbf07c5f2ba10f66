"use strict";

// once(): returns a promise that one event fulfils (R-once). It adds a listener as addEventListener() does. When progress.js reports a
// change after which the event can no longer come, the promise rejects.

const { throwIfAborted, toSignal, watch } = require("./abort.js");
const { distance } = require("./edit-distance.js");
const { invalidState } = require("./errors.js");
const { requestAlso } = require("./listener-bits.js");
const { readyState } = require("./sockets.js");
const { withAwaiters } = require("./trace.js");
const { TCPServerSocket, recordOf: serverRecordOf } = require("./tcp-server-socket.js");
const { TCPSocket, recordOf: tcpRecordOf } = require("./tcp-socket.js");
const { UDPSocket, recordOf: udpRecordOf } = require("./udp-socket.js");
const { UnixServerSocket, recordOf: unixServerRecordOf } = require("./unix-server-socket.js");
const { UnixSocket, recordOf: unixRecordOf } = require("./unix-socket.js");
const { dictionary, missingArguments, shown, toDOMString } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The beginning of the message of each exception. */
const WHERE = "once()";

/** The event types of each interface. @type {Record<string, readonly string[]>} */
const TYPES = {
  TCPServerSocket: ["connect", "error"],
  TCPSocket: ["close", "drain", "error", "halfclose", "message", "open"],
  UDPSocket: ["drain", "error", "message"],
  UnixServerSocket: ["connect", "error"],
  UnixSocket: ["close", "drain", "error", "halfclose", "message", "open"],
};

/**
 * The prototypes whose addEventListener() and removeEventListener() are called. A program's subclass may override these methods.
 *
 * @type {Record<string, EventTarget>}
 */
const PROTOTYPES = {
  TCPServerSocket: TCPServerSocket.prototype,
  TCPSocket: TCPSocket.prototype,
  UDPSocket: UDPSocket.prototype,
  UnixServerSocket: UnixServerSocket.prototype,
  UnixSocket: UnixSocket.prototype,
};

/** The names that other libraries use for the events of servers, in lower case. */
const NAMES_OF_SERVERS = { connection: "connect", secureconnection: "connect", message: "connect" };

/** The same for the events of stream sockets. */
const NAMES_OF_STREAMS = { connect: "open", data: "message", end: "halfclose", secureconnect: "open" };

/** The names that other libraries use for our events, in lower case, by interface. @type {Record<string, Record<string, string>>} */
const OTHER_NAMES = {
  TCPServerSocket: NAMES_OF_SERVERS,
  TCPSocket: NAMES_OF_STREAMS,
  UDPSocket: { data: "message" },
  UnixServerSocket: NAMES_OF_SERVERS,
  UnixSocket: NAMES_OF_STREAMS,
};

/** The third argument of addEventListener(), for an event that is waited for once. */
const LISTENER_OPTIONS = Object.freeze({ once: true });

/** The third argument of once(). */
const toOnceOptions = dictionary({ signal: toSignal });

/** One call of once() whose promise is not settled. */
class Wait {
  /** Resolves the promise. @type {(value: any) => void} */
  #resolve;
  /** The record of the socket. */
  #record;
  /** The option `signal`; undefined without one. */
  #signal;
  /** Ends the watch of the signal; undefined without a signal. */
  #stopWatching;
  /** True once the promise is settled. */
  #isOver = false;

  /**
   * @param {SocketRecord} record
   * @param {string} type
   * @param {AbortSignal | undefined} signal
   * @param {(value: any) => void} resolve
   */
  constructor(record, type, signal, resolve) {
    /** The type of the event. */
    this.type = type;
    this.#record = record;
    this.#signal = signal;
    this.#resolve = resolve;
    /** The listener of the event. It fulfils the promise. */
    this.listener = (/** @type {Event} */ event) => {
      this.#end();
      this.#resolve(event);
    };
    // The watch begins before a listener is added, because a signal of another realm may throw here.
    this.#stopWatching = signal === undefined ? undefined : watch(signal, this, (reason) => this.reject(() => reason));
  }

  /**
   * Rejects the promise, because the event will not come. If the signal is aborted, the promise rejects with the signal's reason, because
   * the abort may be the cause.
   *
   * @param {() => unknown} reason makes the value that the promise rejects with
   */
  reject(reason) {
    if (this.#isOver) {
      return;
    }
    const signal = this.#signal;
    const cause = signal?.aborted === true ? () => signal.reason : reason;
    prototypeOf(this.#record).removeEventListener.call(this.#record.socket, this.type, this.listener);
    this.#end();
    // The stack of an exception shows the functions that await a promise only if the exception is made in a reaction (a callback of then())
    // that settles this promise. So the exception is made in such a reaction.
    let go = () => {};
    const rejection = new Promise((resolve) => {
      go = () => resolve(undefined);
    }).then(() => {
      throw cause();
    });
    this.#resolve(rejection);
    queueMicrotask(go);
  }

  /** Ends the call of once(), but does not remove its listener. */
  #end() {
    this.#isOver = true;
    this.#record.extras?.waits?.delete(this);
    this.#stopWatching?.();
  }
}

/** The calls of once() on one socket whose promises are not settled. */
class Waits {
  /** The calls. @type {Set<Wait>} */
  #all = new Set();
  /** The record of the socket. */
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

  /** Whether an `error` that closes the socket settles one of the calls (R-unheard). */
  get isSettledByFailure() {
    return [...this.#all].some(({ type }) => !this.#outlivesFailure(type));
  }

  /**
   * Rejects the calls whose event can no longer come. It is called after each change that may decide this.
   *
   * @param {string} [coming] the type of an event that is about to fire
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
   * Rejects the calls whose event cannot come after an `error` that closes the socket. The `error` event is about to fire.
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

  /** Whether an event of this type still comes when an `error` closes the socket. @param {string} type */
  #outlivesFailure(type) {
    // R-tcp-lost: `close` follows the `error` of a connection that was open.
    return type === "error" || (type === "close" && this.#record.opened);
  }
}

// In Web IDL, an operation of a namespace cannot be called with `new`. A method of an object literal cannot either, but a declared function
// can.
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
        const extras = record.ensureExtras();
        extras.waits ??= new Waits(record);
        extras.waits.add(wait);
        if (signal?.aborted) {
          // The signal only looks like an AbortSignal, and was aborted while its `abort` listener was added.
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
  const record = tcpRecordOf(socket) ?? udpRecordOf(socket) ?? serverRecordOf(socket) ?? unixRecordOf(socket) ?? unixServerRecordOf(socket);
  if (record !== undefined) {
    return record;
  }
  const isOfAnotherCopy = /^\[object (TCPSocket|TCPServerSocket|UDPSocket|UnixSocket|UnixServerSocket)\]$/.test(tagOf(socket));
  const what = isOfAnotherCopy ? "one of another copy of this package, whose once() takes it" : shown(socket);
  throw new TypeError(`${WHERE}: socket must be a TCPSocket, a TCPServerSocket, a UDPSocket, a UnixSocket or a UnixServerSocket, not ${what}`);
}

/** @param {unknown} value */
function tagOf(value) {
  try {
    return Object.prototype.toString.call(value);
  } catch {
    // A getter or a proxy of the program has thrown.
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
 * The type that the program may have meant; undefined if none is close.
 *
 * @param {string} interfaceName
 * @param {string} type
 */
function nearest(interfaceName, type) {
  // "onmessage" and "Message" are recognised, too.
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
 * Asks for a report of the peer's end if the call waits for a `message`. Where no `halfclose` fires, `close` may come much later, and only
 * this report ends the wait.
 *
 * @param {SocketRecord} record
 * @param {string} type
 */
function listenForEnd(record, type) {
  if (type === "message" && record.isStream) {
    requestAlso(record, END);
  }
}

/** The bit of listen() that asks for a report of the peer's end. */
const END = 4;

/**
 * Returns why an event of this type can no longer come; undefined while it still may.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @returns {string | undefined}
 */
function whyNever(record, type) {
  return record.isStream ? whyNeverOfStreams(record, type) : whyNeverOfOthers(record, type);
}

/**
 * The same for a TCPSocket or a UnixSocket.
 *
 * @param {SocketRecord} record
 * @param {string} type
 */
function whyNeverOfStreams(record, type) {
  if (record.closed) {
    return over(record);
  }
  const state = readyState(record);
  // After close() while connecting, an `error` is still to come, and it ends the wait (R-tcp-close-connecting).
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
  if (record.extras?.relay !== undefined) {
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
  const intake = record.extras?.intake;
  return intake === undefined ? undefined : `its ${intake.name} was taken, and gets the bytes`;
}

/**
 * The same for a UDPSocket or a server.
 *
 * @param {SocketRecord} record
 * @param {string} type
 */
function whyNeverOfOthers(record, type) {
  if (record.extras?.intake !== undefined && (type === "message" || type === "connect")) {
    return `its readable was taken, and gets the ${type === "message" ? "datagrams" : "connections"}`;
  }
  if (!record.closed) {
    return undefined;
  }
  const isOver = record.finished || record.failure !== null;
  // R-srv-close: a connection that was accepted before close() may still come. R-udp-toolong: the error that has closed the socket is still
  // to come.
  const mayCome = type === "connect" || (type === "error" && record.ending === "");
  return mayCome && !isOver ? undefined : over(record);
}

/** Why no event comes any more: the state, and the reason if there is one. @param {SocketRecord} record */
function over(record) {
  const state = readyState(record);
  return record.ending === "" ? `the socket is "${state}"` : `the socket is "${state}": ${record.ending}`;
}

/**
 * The exception for an event that can no longer come.
 *
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

module.exports = { Waits, once };
