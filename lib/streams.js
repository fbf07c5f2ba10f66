"use strict";

// `readable` and `writable` of the three interfaces (R-streams): made when first read, in the state that the socket is in by then.

const { invalidState } = require("./errors.js");
const native = require("./native.js");
const { claim } = require("./listeners.js");
const progress = require("./progress.js");
const { HALFCLOSE, byteReadable, connectionReadable, datagramReadable } = require("./readable.js");
const { notOpen } = require("./send.js");
const { noteCaller } = require("./trace.js");
const { illegalInvocation } = require("./webidl.js");
const { DatagramWritable, StreamWritable } = require("./writable.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {InstanceType<typeof import("./readable.js").Readable>} Readable */
/** @typedef {InstanceType<typeof import("./writable.js").Writable>} Writable */
/** @typedef {(record: SocketRecord, chunk: unknown) => boolean} Transmit */

/**
 * Whether nothing comes in or goes out any more, and no event is to tell why.
 *
 * @param {SocketRecord} record
 */
function isEnding(record) {
  return record.finished || native.readyState(record) === "closing" || (record.closed && record.ending !== "");
}

/**
 * @param {SocketRecord} record
 * @param {Readable} intake
 */
function adoptIntake(record, intake) {
  record.intake = intake;
  if (record.failure !== null) {
    intake.fail(record.failure);
  } else if (record.relay !== null && !record.closed) {
    intake.fail(invalidState("TCPSocket.readable: the socket is relayed: what comes in goes to the other socket of relay()"));
  } else if (record.ended || isEnding(record)) {
    intake.end();
  }
  progress.changed(record);
  return intake;
}

/**
 * @param {SocketRecord} record
 * @param {Writable} outlet
 */
function adoptOutlet(record, outlet) {
  record.outlet = outlet;
  if (record.failure !== null || record.relay !== null || isEnding(record)) {
    outlet.fail(record.failure ?? notOpen(record));
  }
  return outlet;
}

/**
 * Neither stream has anything left to do: so has the socket, though the peer may still send.
 *
 * @param {SocketRecord} record
 */
function closeIfBothEnded(record) {
  if (record.intake?.isCancelled && record.outlet?.isClosed && !record.closed) {
    native.binding.close(record.id);
    progress.changed(record);
  }
}

/** @param {SocketRecord} record */
function tcpReadable(record) {
  return (record.intake ?? adoptIntake(record, byteReadable(record, () => closeIfBothEnded(record)))).stream;
}

/**
 * @param {Transmit} transmit send()
 * @param {(record: SocketRecord) => void} reset
 */
function tcpWritable(transmit, reset) {
  /** @param {SocketRecord} record */
  return (record) => {
    if (record.outlet === null) {
      claim(record, record.claimed | HALFCLOSE, record.taken);
      adoptOutlet(record, new StreamWritable(record, transmit, () => closeIfBothEnded(record), () => reset(record)));
    }
    return /** @type {Writable} */ (record.outlet).stream;
  };
}

/** @param {SocketRecord} record */
function udpReadable(record) {
  return (record.intake ?? adoptIntake(record, datagramReadable(record))).stream;
}

/**
 * @param {Transmit} transmit send()
 * @param {(record: SocketRecord) => void} close
 */
function udpWritable(transmit, close) {
  /** @param {SocketRecord} record */
  return (record) => (record.outlet ?? adoptOutlet(record, new DatagramWritable(record, transmit, () => close(record)))).stream;
}

/** @param {SocketRecord} record */
function serverReadable(record) {
  return (record.intake ?? adoptIntake(record, connectionReadable(record))).stream;
}

/**
 * Defines the accessors of an interface's streams.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf undefined for whatever is not of the interface
 * @param {Record<string, (record: SocketRecord) => unknown>} streams by attribute
 */
function defineStreams({ name, prototype }, recordOf, streams) {
  for (const [attribute, stream] of Object.entries(streams)) {
    const accessor = {
      get [attribute]() {
        const record = recordOf(this);
        if (record === undefined) {
          throw illegalInvocation(`${name}.${attribute}`);
        }
        if (!record.accepted) {
          noteCaller(record, getter);
        }
        return stream(record);
      },
    };
    const descriptor = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(accessor, attribute));
    const getter = /** @type {Function} */ (descriptor.get);
    Object.defineProperty(prototype, attribute, { ...descriptor, enumerable: true, configurable: true });
  }
}

/**
 * What `opened` is fulfilled with: Direct Sockets' shape. The streams are made when first read, which takes the bytes from `message`
 * listeners. Therefore they are not enumerable, and not shown: who copies or prints the object takes nothing (R-promises).
 *
 * @param {SocketRecord} record
 * @param {Record<string, (record: SocketRecord) => unknown>} streams
 * @param {object} ends addresses and ports
 */
function openInfo(record, streams, ends) {
  const info = { ...ends };
  for (const [attribute, stream] of Object.entries(streams)) {
    const get = () => {
      if (!record.accepted) {
        noteCaller(record, get);
      }
      return stream(record);
    };
    Object.defineProperty(info, attribute, { get, enumerable: false, configurable: true });
  }
  // util.inspect() with showHidden and getters would call the getters.
  const inspectors = {
    /** @type {(depth: number, options: object, inspect: (value: unknown, options: object) => string) => string} */
    [Symbol.for("nodejs.util.inspect.custom")]: (_depth, options, inspect) => inspect({ ...info }, options),
    /** @type {(inspect: (value: unknown, options: object) => string, options: object) => string} */
    [Symbol.for("Deno.customInspect")]: (inspect, options) => inspect({ ...info }, options),
  };
  for (const symbol of Object.getOwnPropertySymbols(inspectors)) {
    Object.defineProperty(info, symbol, { value: /** @type {any} */ (inspectors)[symbol], writable: true, configurable: true });
  }
  return info;
}

module.exports = { defineStreams, openInfo, serverReadable, tcpReadable, tcpWritable, udpReadable, udpWritable };
