"use strict";

// The event interfaces. None of them is exported as a value (R-noif).
//
// Each is a class of its own with private fields that extends Event, and its prototype is put below MessageEvent's only
// afterwards: a genuine Event for dispatchEvent(), `instanceof MessageEvent`, at a tenth of what `new MessageEvent()`
// costs in Node 24 and later. So every attribute of MessageEvent is defined here.

const { addressText } = require("./address.js");
const { defineInterface } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./tcp-socket.js").TCPSocket>} TCPSocket */

/** Where the engine has immutable ArrayBuffers, received data is one (R-data). */
const transferToImmutable = /** @type {((this: ArrayBuffer) => ArrayBuffer) | undefined} */ (
  /** @type {any} */ (ArrayBuffer.prototype).transferToImmutable
);

let isBelowMessageEvent = false;

/** With the first message, not at load: in Node the mere look-up of MessageEvent loads its whole HTTP client. */
function goBelowMessageEvent() {
  isBelowMessageEvent = true;
  Object.setPrototypeOf(TCPMessageEvent.prototype, globalThis.MessageEvent.prototype);
}

/** `ports` of a message that no port sent. */
const noPorts = /** @type {MessagePort[]} */ (Object.freeze(/** @type {unknown[]} */ ([])));

/** The `message` event of a TCPSocket: a MessageEvent. */
class TCPMessageEvent extends Event {
  #data;

  /** @param {ArrayBuffer} data */
  constructor(data) {
    super("message");
    if (!isBelowMessageEvent) {
      goBelowMessageEvent();
    }
    this.#data = transferToImmutable === undefined ? data : transferToImmutable.call(data);
  }

  get data() {
    return this.#data;
  }

  // A message of a socket has none of what the following tell; reading #data is the brand check.

  get origin() {
    void this.#data;
    return "";
  }

  get lastEventId() {
    void this.#data;
    return "";
  }

  get source() {
    void this.#data;
    return null;
  }

  get ports() {
    void this.#data;
    return noPorts;
  }
}

/** The `message` event of a UDPSocket. */
class UDPMessageEvent extends TCPMessageEvent {
  #remoteAddress;
  #remotePort;

  /**
   * @param {ArrayBuffer} data
   * @param {number | string} remoteAddress formatted only when somebody asks for it
   * @param {number} remotePort
   */
  constructor(data, remoteAddress, remotePort) {
    super(data);
    this.#remoteAddress = remoteAddress;
    this.#remotePort = remotePort;
  }

  get remoteAddress() {
    return addressText(this.#remoteAddress);
  }

  get remotePort() {
    return this.#remotePort;
  }
}

/** The `connect` event of a TCPServerSocket. */
class ConnectEvent extends Event {
  #connectedSocket;

  /** @param {TCPSocket} connectedSocket */
  constructor(connectedSocket) {
    super("connect");
    this.#connectedSocket = connectedSocket;
  }

  get connectedSocket() {
    return this.#connectedSocket;
  }
}

/** The `error` event of all three. */
class ErrorEvent extends Event {
  #error;

  /** @param {DOMException} error */
  constructor(error) {
    super("error");
    this.#error = error;
  }

  get error() {
    return this.#error;
  }

  /** error.message, so that logging the event tells something. */
  get message() {
    return this.#error.message;
  }
}

/**
 * @param {{ prototype: object }} eventClass
 * @param {string} name
 * @param {readonly string[]} attributes
 * @param {readonly string[]} shown those that util.inspect() shows
 */
function defineEvent(eventClass, name, attributes, shown) {
  const prototype = /** @type {any} */ (eventClass.prototype);
  defineInterface(eventClass, name, attributes);
  // An interface without an interface object (LegacyNoInterfaceObject) has no `constructor`; the inherited one is found.
  delete prototype.constructor;
  // Node shows only what every Event has: `socket.onerror = console.error` would not tell what happened.
  /**
   * @param {any} event
   * @param {object} options
   * @param {(value: unknown, options: object) => string} inspect
   */
  const show = (event, options, inspect) => {
    const attributesShown = Object.fromEntries(["type", ...shown].map((attribute) => [attribute, event[attribute]]));
    return `${name} ${inspect(attributesShown, options)}`;
  };
  const inspectors = {
    /** @type {(this: any, depth: number, options: object, inspect: any) => string} */
    [Symbol.for("nodejs.util.inspect.custom")](depth, options, inspect) {
      return depth < 0 ? `[${name}]` : show(this, options, inspect);
    },
    /** @type {(this: any, inspect: any, options: object) => string} */
    [Symbol.for("Deno.customInspect")](inspect, options) {
      return show(this, options, inspect);
    },
  };
  for (const symbol of Object.getOwnPropertySymbols(inspectors)) {
    const value = /** @type {any} */ (inspectors)[symbol];
    Object.defineProperty(prototype, symbol, { value, writable: true, configurable: true });
  }
}

defineEvent(TCPMessageEvent, "MessageEvent", ["data", "origin", "lastEventId", "source", "ports"], ["data"]);
defineEvent(UDPMessageEvent, "UDPMessageEvent", ["remoteAddress", "remotePort"], ["data", "remoteAddress", "remotePort"]);
defineEvent(ConnectEvent, "ConnectEvent", ["connectedSocket"], ["connectedSocket"]);
defineEvent(ErrorEvent, "ErrorEvent", ["error", "message"], ["error"]);

module.exports = { ConnectEvent, ErrorEvent, TCPMessageEvent, UDPMessageEvent };
