"use strict";

// The event interfaces. None of them is exported as a value (R-noif).
//
// The classes extend Event and have private fields. With the first message, StreamMessageEvent.prototype is made to inherit from
// MessageEvent.prototype. So a StreamMessageEvent is a real event for dispatchEvent() and for `instanceof MessageEvent`, but takes a tenth of
// the time of `new MessageEvent()` in Node 24 and later. The getters of MessageEvent.prototype throw for such an object, so every attribute
// is defined again here.

const { addressText } = require("./address.js");
const { defineInspectors, tooDeep } = require("./inspectors.js");
const { defineInterface } = require("./webidl.js");

/** The method that makes an ArrayBuffer immutable; undefined if the engine has none. If it exists, received data is immutable (R-data). */
const transferToImmutable = /** @type {((this: ArrayBuffer) => ArrayBuffer) | undefined} */ (
  /** @type {any} */ (ArrayBuffer.prototype).transferToImmutable
);

/** True: received data is immutable (R-data). */
const isMadeImmutable = transferToImmutable !== undefined;

/** True once StreamMessageEvent inherits from MessageEvent. */
let isBelowMessageEvent = false;

/**
 * Makes StreamMessageEvent inherit from MessageEvent. It runs only with the first message, because reading globalThis.MessageEvent makes Node
 * load the HTTP client.
 */
function goBelowMessageEvent() {
  isBelowMessageEvent = true;
  Object.setPrototypeOf(StreamMessageEvent.prototype, globalThis.MessageEvent.prototype);
}

/** The value of `ports`. It is empty, because no MessagePort has sent the message. */
const noPorts = /** @type {MessagePort[]} */ (Object.freeze(/** @type {unknown[]} */ ([])));

/** The engine's own function, since a program may replace it. */
const { isView } = ArrayBuffer;

/** The `message` event of a TCPSocket or a UnixSocket: a MessageEvent. */
class StreamMessageEvent extends Event {
  /**
   * The value of the attribute `data`. Before the program reads it, it may be a Uint8Array of its own whose ArrayBuffer is the value: a short
   * one has no ArrayBuffer until it is asked for (R-data).
   *
   * @type {ArrayBuffer | Uint8Array}
   */
  #data;

  /** @param {ArrayBuffer | Uint8Array} data a Uint8Array is one of which nobody else knows, and it is the whole of its ArrayBuffer */
  constructor(data) {
    super("message");
    if (!isBelowMessageEvent) {
      goBelowMessageEvent();
    }
    this.#data = transferToImmutable === undefined || isView(data) ? data : transferToImmutable.call(data);
  }

  get data() {
    const data = this.#data;
    return isView(data) ? this.#dataOf(data) : data;
  }

  /** @param {Uint8Array} bytes */
  #dataOf({ buffer }) {
    const data = /** @type {ArrayBuffer} */ (buffer);
    return (this.#data = transferToImmutable === undefined ? data : transferToImmutable.call(data));
  }

  // A socket's message has no values for the following attributes. They read #data as their brand check, which throws for an object of
  // another class.

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
class UDPMessageEvent extends StreamMessageEvent {
  /** The value of the attribute `remoteAddress`; an IPv4 address may be a number (address.js). */
  #remoteAddress;
  /** The value of the attribute `remotePort`. */
  #remotePort;
  /** With packetInfo the values of the last three attributes, the address as in `#remoteAddress`; else 0 or undefined. */
  #details;

  /**
   * @param {ArrayBuffer | Uint8Array} data as for StreamMessageEvent
   * @param {number | string} remoteAddress formatted when the program reads the attribute
   * @param {number} remotePort
   * @param {readonly [number | string, string | null, number | null] | 0} [details]
   */
  constructor(data, remoteAddress, remotePort, details) {
    super(data);
    this.#remoteAddress = remoteAddress;
    this.#remotePort = remotePort;
    this.#details = details;
  }

  get remoteAddress() {
    return addressText(this.#remoteAddress);
  }

  get remotePort() {
    return this.#remotePort;
  }

  /** R-udp-reply. */
  get localAddress() {
    const details = this.#details;
    return typeof details === "object" ? addressText(details[0]) : null;
  }

  get localInterface() {
    const details = this.#details;
    return typeof details === "object" ? details[1] : null;
  }

  get typeOfService() {
    const details = this.#details;
    return typeof details === "object" ? details[2] : null;
  }
}

/** The `connect` event of a server. */
class ConnectEvent extends Event {
  /** The value of the attribute `connectedSocket`. */
  #connectedSocket;

  /** @param {EventTarget} connectedSocket a TCPSocket or a UnixSocket */
  constructor(connectedSocket) {
    super("connect");
    this.#connectedSocket = connectedSocket;
  }

  get connectedSocket() {
    return this.#connectedSocket;
  }
}

/** The `error` event of all interfaces. */
class ErrorEvent extends Event {
  /** The value of the attribute `error`. */
  #error;

  /** @param {DOMException} error */
  constructor(error) {
    super("error");
    this.#error = error;
  }

  get error() {
    return this.#error;
  }

  /** The same as `error.message`, so that a program that prints the event's `message` gets the reason. */
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
  // Without this, Node would show only the attributes that every Event has: `socket.onerror = console.error` would not print the error.
  defineInspectors(prototype, (event, isTooDeep, options, inspect) => {
    if (isTooDeep) {
      return tooDeep(name, options);
    }
    const attributesShown = Object.fromEntries(["type", ...shown].map((attribute) => [attribute, event[attribute]]));
    return `${name} ${inspect(attributesShown, options)}`;
  });
}

defineEvent(StreamMessageEvent, "MessageEvent", ["data", "origin", "lastEventId", "source", "ports"], ["data"]);
defineEvent(UDPMessageEvent, "UDPMessageEvent", ["remoteAddress", "remotePort", "localAddress", "localInterface", "typeOfService"], ["data", "remoteAddress", "remotePort"]);
defineEvent(ConnectEvent, "ConnectEvent", ["connectedSocket"], ["connectedSocket"]);
defineEvent(ErrorEvent, "ErrorEvent", ["error", "message"], ["error"]);

module.exports = { ConnectEvent, ErrorEvent, StreamMessageEvent, UDPMessageEvent, isMadeImmutable };
