"use strict";

// `readable` and `writable` of all interfaces (R-streams). A stream is made when the program first reads its attribute. If the socket
// is already closed, or has failed, the stream starts in that state.

const { invalidState } = require("./errors.js");
const { requireNoFraming } = require("./framing.js");
const { defineInspectors } = require("./inspectors.js");
const { requestAlso } = require("./listener-bits.js");
const { binding } = require("./native.js");
const progress = require("./progress.js");
const { HALFCLOSE, byteReadable, connectionReadable, datagramReadable } = require("./readable.js");
const { notOpen } = require("./send.js");
const { noteCaller } = require("./trace.js");
const { checkedRecord } = require("./webidl.js");
const { DatagramWritable, StreamWritable } = require("./writable.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {InstanceType<typeof import("./readable.js").Readable>} Readable */
/** @typedef {InstanceType<typeof import("./writable.js").Writable>} Writable */
/** @typedef {(record: SocketRecord, chunk: unknown) => boolean} Transmit */

/**
 * Stores a new `readable` in the record, and gives it the state of the socket.
 *
 * @param {SocketRecord} record
 * @param {Readable} intake
 */
function adoptIntake(record, intake) {
  record.ensureExtras().intake = intake;
  if (record.failure !== null) {
    intake.fail(record.failure);
  } else if (record.extras?.relay !== undefined && !record.closed) {
    intake.fail(invalidState(`${record.name}.readable: the socket is relayed: what comes in goes to the other socket of relay()`));
  } else if (record.ended || progress.isEnding(record)) {
    intake.end();
  }
  progress.changed(record);
  return intake;
}

/**
 * Stores a new `writable` in the record, and gives it the state of the socket.
 *
 * @param {SocketRecord} record
 * @param {Writable} outlet
 */
function adoptOutlet(record, outlet) {
  record.ensureExtras().outlet = outlet;
  if (record.failure !== null || record.extras?.relay !== undefined || progress.isEnding(record)) {
    outlet.fail(record.failure ?? notOpen(record));
  }
  return outlet;
}

/**
 * Closes the socket when its `readable` is cancelled and its `writable` is closed, although the peer may still send.
 *
 * @param {SocketRecord} record
 */
function closeIfBothEnded(record) {
  if (record.extras?.intake?.isCancelled && record.extras?.outlet?.isClosed && !record.closed) {
    binding.close(record.id);
    progress.changed(record);
  }
}

/** @param {SocketRecord} record */
function streamSocketReadable(record) {
  if (record.extras?.intake?.name === "reader") {
    throw invalidState(`${record.name}.readable: the reader of the socket is taken; call its release() first`);
  }
  requireNoFraming(record, `${record.name}.readable`);
  return (presentReadable(record) ?? adoptIntake(record, byteReadable(record, () => closeIfBothEnded(record)))).stream;
}

/**
 * @param {Transmit} transmit send()
 * @param {(record: SocketRecord) => void} reset
 */
function streamSocketWritable(transmit, reset) {
  /** @param {SocketRecord} record */
  return (record) => {
    const outlet = record.extras?.outlet;
    if (outlet !== undefined) {
      return outlet.stream;
    }
    requestAlso(record, HALFCLOSE);
    return adoptOutlet(record, new StreamWritable(record, transmit, () => closeIfBothEnded(record), () => reset(record))).stream;
  };
}

/**
 * The source of the `readable`, if there is one. Only a stream socket can have a `reader` in its place.
 *
 * @param {SocketRecord} record
 */
function presentReadable(record) {
  return /** @type {Readable | undefined} */ (record.extras?.intake);
}

/** @param {SocketRecord} record */
function udpReadable(record) {
  return (presentReadable(record) ?? adoptIntake(record, datagramReadable(record))).stream;
}

/**
 * @param {Transmit} transmit send()
 * @param {(record: SocketRecord) => void} close
 */
function udpWritable(transmit, close) {
  /** @param {SocketRecord} record */
  return (record) => (record.extras?.outlet ?? adoptOutlet(record, new DatagramWritable(record, transmit, () => close(record)))).stream;
}

/** @param {SocketRecord} record */
function serverReadable(record) {
  return (presentReadable(record) ?? adoptIntake(record, connectionReadable(record))).stream;
}

/**
 * Defines the accessors of an interface's streams.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {(socket: unknown) => SocketRecord | undefined} recordOf returns undefined for an object that is not of the interface
 * @param {Record<string, (record: SocketRecord) => unknown>} streams functions that make the streams, by attribute
 */
function defineStreams({ name, prototype }, recordOf, streams) {
  for (const [attribute, stream] of Object.entries(streams)) {
    /** @type {(socket: unknown) => SocketRecord} */
    const checked = (socket) => checkedRecord(recordOf(socket), `${name}.${attribute}`);
    const accessor = {
      get [attribute]() {
        const record = checked(this);
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
 * The value of `opened`, in the shape of Direct Sockets. Its `readable` and `writable` are made when they are first read, and from then on
 * `message` listeners get no bytes. Therefore both are not enumerable, and util.inspect() does not show them: a program that copies or
 * prints the object does not take a stream (R-promises).
 *
 * @param {SocketRecord} record
 * @param {Record<string, (record: SocketRecord) => unknown>} streams functions that make the streams, by attribute
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
  // Without these functions, util.inspect() with the options showHidden and getters would call the getters.
  defineInspectors(info, (_info, _isTooDeep, options, inspect) => inspect({ ...info }, options));
  return info;
}

module.exports = { defineStreams, openInfo, serverReadable, streamSocketReadable, streamSocketWritable, udpReadable, udpWritable };
