"use strict";

// The event interfaces. None of them is exported as a value (R-noif).
//
// The classes extend Event and have private fields. Later TCPMessageEvent's prototype gets MessageEvent's prototype as its prototype. So its
// objects are real events for dispatchEvent() and `instanceof MessageEvent`, but cost a tenth of `new MessageEvent()` in Node 24 and later.
// Therefore every attribute of MessageEvent is defined here.

const { addressText } = require("./address.js");
const { defineInterface } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./tcp-socket.js").TCPSocket>} TCPSocket */

/** Makes an ArrayBuffer immutable; undefined where the engine cannot. Received data is immutable where it can (R-data). */
const transferToImmutable = /** @type {((this: ArrayBuffer) => ArrayBuffer) | undefined} */ (
  /** @type {any} */ (ArrayBuffer.prototype).transferToImmutable
);

/** TCPMessageEvent inherits from MessageEvent already. */
let isBelowMessageEvent = false;

/** Makes TCPMessageEvent inherit from MessageEvent. It runs with the first message: in Node, reading MessageEvent loads the HTTP client. */
function goBelowMessageEvent() {
  isBelowMessageEvent = true;
  Object.setPrototypeOf(TCPMessageEvent.prototype, globalThis.MessageEvent.prototype);
}

/** The value of `ports`: no port has sent the message. */
const noPorts = /** @type {MessagePort[]} */ (Object.freeze(/** @type {unknown[]} */ ([])));

/** The `message` event of a TCPSocket: a MessageEvent. */
class TCPMessageEvent extends Event {
  /** The attribute. */
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

  // A message of a socket has no values for the following attributes. Reading #data is their brand check.

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
  /** The attribute; an IPv4 address may be a number (address.js). */
  #remoteAddress;
  /** The attribute. */
  #remotePort;

  /**
   * @param {ArrayBuffer} data
   * @param {number | string} remoteAddress formatted when the program reads the attribute
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
  /** The attribute. */
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

/** The `error` event of all three interfaces. */
class ErrorEvent extends Event {
  /** The attribute. */
  #error;

  /** @param {DOMException} error */
  constructor(error) {
    super("error");
    this.#error = error;
  }

  get error() {
    return this.#error;
  }

  /** error.message, so that a program that logs the event sees it. */
  get message() {
    return this.#error.message;
  }
}

/**
 * Gives a class the shape of an event interface.
 *
 * @param {{ prototype: object }} eventClass
 * @param {string} name
 * @param {readonly string[]} attributes
 * @param {readonly string[]} shown the attributes that util.inspect() shows
 */
function defineEvent(eventClass, name, attributes, shown) {
  const prototype = /** @type {any} */ (eventClass.prototype);
  defineInterface(eventClass, name, attributes);
  // An interface without an interface object (LegacyNoInterfaceObject) has no own `constructor`. A read finds the inherited one.
  delete prototype.constructor;
  // Node shows only the attributes that every Event has. `socket.onerror = console.error` would not print what has happened.
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
