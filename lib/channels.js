"use strict";

// The channels of node:diagnostics_channel. Nothing is made or published without a subscriber.

const { isBun } = require("./runtime.js");

/**
 * A channel of the runtime, as far as this package uses it.
 *
 * @typedef {object} RuntimeChannel
 * @property {boolean} hasSubscribers
 * @property {(message: object) => void} publish
 * @property {(message: object, work: () => any) => any} runStores
 */

/** The beginning of the name of each channel. */
const PREFIX = "tcp-udp-sockets:";

/** Stands for the channels of a runtime that has none. @type {RuntimeChannel} */
const SILENT = { hasSubscribers: false, publish() {}, runStores: (_message, work) => work() };

/** node:diagnostics_channel; undefined until it is loaded. @type {{ channel: (name: string) => RuntimeChannel } | undefined} */
let diagnosticsChannel;

/**
 * Loads node:diagnostics_channel when the first socket is made. A program that only requires this package does not pay for it (in Bun it
 * does). It is not loaded later than that, because jest counts a require() after the end of a test file as an error.
 */
function loadChannels() {
  if (diagnosticsChannel === undefined) {
    try {
      diagnosticsChannel = require("node:diagnostics_channel");
    } catch {
      diagnosticsChannel = { channel: () => SILENT };
    }
  }
  return /** @type {NonNullable<typeof diagnosticsChannel>} */ (diagnosticsChannel);
}

/** A channel that is looked up once, when it is first needed. */
class Channel {
  /** Its name. */
  #name;
  /** The runtime's channel; undefined until it is needed. @type {RuntimeChannel | undefined} */
  #channel = undefined;

  /** @param {string} name */
  constructor(name) {
    this.#name = name;
  }

  /** The runtime's channel. */
  get runtime() {
    this.#channel ??= loadChannels().channel(this.#name);
    return this.#channel;
  }

  /** Whether the channel has subscribers, or stores that are bound to it. */
  get hasSubscribers() {
    return this.runtime.hasSubscribers;
  }

  /** Keeps the runtime's channel from being collected. */
  hold() {
    return this.runtime;
  }

  /** @param {object} message */
  publish(message) {
    try {
      this.runtime.publish(message);
    } catch {
      // The stack is full. (The runtime itself reports what a subscriber throws, as an uncaught exception.)
    }
  }
}

/** The five channels of one TracingChannel. */
class TracingChannel {
  /** @param {string} name */
  constructor(name) {
    /** @param {string} event */
    const channel = (event) => new Channel(`tracing:${PREFIX}${name}:${event}`);
    /** The operation begins. */
    this.start = channel("start");
    /** The call that has begun it returns. */
    this.end = channel("end");
    /** The operation has a result or an error. */
    this.asyncStart = channel("asyncStart");
    /** Follows asyncStart at once. */
    this.asyncEnd = channel("asyncEnd");
    /** The operation has failed. It comes before asyncStart, or, where the call itself throws, before end. */
    this.error = channel("error");
  }

  /** Keeps the runtime's channels from being collected. */
  hold() {
    for (const channel of [this.start, this.end, this.asyncStart, this.asyncEnd, this.error]) {
      channel.hold();
    }
  }

  /** Whether any of the channels has subscribers. */
  get hasSubscribers() {
    const { asyncEnd, asyncStart, end, error, start } = this;
    return start.hasSubscribers || end.hasSubscribers || asyncStart.hasSubscribers || asyncEnd.hasSubscribers || error.hasSubscribers;
  }
}

/**
 * One operation on a tracing channel. It publishes what TracingChannel.tracePromise() of Node would publish, always with the same message.
 */
class TracedOperation {
  /** The channels. */
  #channels;
  /** The message. @type {Record<string, unknown>} */
  #message;
  /** False until the call that has begun the operation has returned. A result that is there before waits for that. */
  #hasEnded = false;
  /** Publishes the result that waits; undefined if there is none. @type {(() => void) | undefined} */
  #waiting = undefined;

  /**
   * @param {TracingChannel} channels
   * @param {Record<string, unknown>} message
   */
  constructor(channels, message) {
    this.#channels = channels;
    this.#message = message;
  }

  /**
   * Publishes `start`, and runs the call with the stores that are bound to it. If the call throws, the operation has failed.
   *
   * @template T
   * @param {() => T} work
   * @returns {T}
   */
  begin(work) {
    const { end, error, start } = this.#channels;
    return start.runtime.runStores(this.#message, () => {
      try {
        return work();
      } catch (exception) {
        this.#message.error = exception;
        error.publish(this.#message);
        end.publish(this.#message);
        throw exception;
      }
    });
  }

  /** The call returns. @param {Record<string, unknown>} [members] added to the message */
  end(members) {
    Object.assign(this.#message, members);
    this.#channels.end.publish(this.#message);
    this.#hasEnded = true;
    this.#waiting?.();
  }

  /**
   * @param {unknown} result
   * @param {Record<string, unknown>} [members] added to the message
   */
  fulfilled(result, members) {
    this.#settle(() => {
      Object.assign(this.#message, members, { result });
    });
  }

  /** @param {unknown} error */
  rejected(error) {
    this.#settle(() => {
      this.#message.error = error;
      this.#channels.error.publish(this.#message);
    });
  }

  /** @param {() => void} addResult adds the result or the error to the message */
  #settle(addResult) {
    const publish = () => {
      addResult();
      this.#channels.asyncStart.publish(this.#message);
      this.#channels.asyncEnd.publish(this.#message);
    };
    if (this.#hasEnded) {
      publish();
    } else {
      this.#waiting = publish;
    }
  }
}

/**
 * An operation that is to be published; null without a subscriber.
 *
 * @param {TracingChannel} channels
 * @param {Record<string, unknown>} message
 */
function operation(channels, message) {
  return channels.hasSubscribers ? new TracedOperation(channels, message) : null;
}

/** @typedef {InstanceType<typeof TracedOperation>} Operation */

/** The channels, by what they report. */
const channels = {
  /** A TCPSocket was made, or connect() has made one: { socket }. */
  tcpClient: new Channel(`${PREFIX}tcp.client.socket`),
  /** A TCPServerSocket has accepted a connection: { socket }. */
  tcpServer: new Channel(`${PREFIX}tcp.server.socket`),
  /** A UDPSocket was made: { socket }. */
  udp: new Channel(`${PREFIX}udp.socket`),
  /** A UnixSocket was made: { socket }. */
  unixClient: new Channel(`${PREFIX}unix.client.socket`),
  /** A UnixServerSocket has accepted a connection: { socket }. */
  unixServer: new Channel(`${PREFIX}unix.server.socket`),
  /** Where a TLS connection is driven, once its handshake is done and after each move: { socket, place }. */
  tlsPlace: new Channel(`${PREFIX}tls.place`),
  /** Something has failed on a socket: { socket, error }. */
  error: new Channel(`${PREFIX}error`),
  /** A socket is closed: { socket, error?, and its figures }. */
  close: new Channel(`${PREFIX}close`),
  /** Connection attempts: { host, port } or { path }, later { socket }. */
  connect: new TracingChannel("connect"),
  /** TLS handshakes: { socket }, and on a server { server }. */
  handshake: new TracingChannel("tls.handshake"),
};

if (isBun) {
  // Bun 1.4 garbage-collects a channel and its subscribers if no code holds a reference to it. From now on this package holds references.
  for (const channel of Object.values(channels)) {
    channel.hold();
  }
}

module.exports = { channels, loadChannels, operation };
