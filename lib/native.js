"use strict";

// The native half: its functions, and the numbers that both halves use. docs/binding.md describes them. This is the only file that
// loads the native half.

const { loadBinding } = require("./load-binding.js");

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {ArrayBuffer | NodeJS.ArrayBufferView} Bytes */

/**
 * @typedef {object} Binding
 * @property {(serve: () => void, options: object) => { instance: number, scratch: Uint8Array, slots: Uint32Array, datagrams: Uint32Array, datagramBytes: Uint8Array } | Failure} attach
 * @property {(instance: number) => any} next
 * @property {(instance: number, remoteAddress: string, remotePort: number, options: object, members: number) => { id: number, remoteAddress: string, localAddress: string, localPort: number } | Failure} openTcp
 * @property {(instance: number, remoteAddress: string, remotePort: number, options: object, members: number) => { id: number } | Failure} openAttempt
 * @property {(instance: number, options: object) => { id: number, remoteAddress: string | null, localAddress: string, localPort: number } | Failure} openUdp
 * @property {(instance: number, options: object) => { id: number, localAddress: string, localPort: number } | Failure} openServer
 * @property {(instance: number, options: object) => { id: number, remotePath: string } | Failure} openUnix
 * @property {(instance: number, options: object) => { id: number, localPath: string } | Failure} openUnixServer
 * @property {(instance: number, name: string, family: 0 | 4 | 6) => { id: number } | Failure} openLookup
 * @property {(instance: number, after: number) => { id: number } | Failure} openTimer
 * @property {(text: string) => { address: string, family: 4 | 6 } | Failure} parseAddress
 * @property {(id: number) => number} readyState
 * @property {(id: number) => number} bufferedAmount
 * @property {(id: number) => number} connections
 * @property {(id: number) => number} bytesRead
 * @property {(id: number) => number} bytesWritten
 * @property {(id: number) => number} datagramsDropped
 * @property {(id: number) => (number | null)[]} stats
 * @property {(id: number) => boolean | undefined} hasPendingRead
 * @property {() => boolean[] | null} features
 * @property {(id: number, bits: number) => void} listen
 * @property {(id: number) => void} suspend
 * @property {(id: number) => void} resume
 * @property {(id: number, referenced: boolean) => void} ref
 * @property {(id: number, options: object) => Failure | undefined} setOptions
 * @property {(id: number) => boolean} close
 * @property {(id: number) => boolean} shutdown
 * @property {(id: number) => void} halfclose
 * @property {(id: number) => void} reset
 * @property {(id: number) => void} finish
 * @property {(id: number) => void} abort
 * @property {(id: number, intake: number) => void} takeIn
 * @property {(id: number, bytes: number) => Uint8Array | undefined} newMemory
 * @property {(id: number, view: Uint8Array) => number} readInto
 * @property {(id: number, bytes: Uint8Array, why: number) => boolean | Failure} giveBack
 * @property {(a: number, b: number) => Failure | undefined} relay
 * @property {(id: number, data: Bytes) => number | Failure} send
 * @property {(id: number, data: string) => number | Failure} sendString
 * @property {(id: number, bytes: number) => number | Failure} sendScratch
 * @property {(id: number, size: number) => number | Failure} sendBlob
 * @property {(options: object, name: string) => Failure | undefined} checkSecure
 * @property {(id: number, options: object, name: string | undefined, milliseconds: number | undefined, isEarly: boolean) => Failure | undefined} startTls
 * @property {(id: number) => import("./secure-transport.js").SecureTransportInfo | null} secureInfo
 * @property {(id: number) => boolean | null} watchTlsPlace
 * @property {(id: number, options: object) => Failure | undefined} setSecureContext
 * @property {(id: number, question: number, certificate: object | null) => Failure | undefined} certificateAnswer
 * @property {(id: number, question: number, reason: string) => number} certificateFail
 * @property {(id: number, data: Bytes, address: string | undefined, port: number, options?: object) => number | Failure} sendTo
 * @property {(id: number, data: string, address: string | undefined, port: number, options?: object) => number | Failure} sendStringTo
 * @property {(id: number, bytes: number, address: string | undefined, port: number, options?: object) => number | Failure} sendScratchTo
 * @property {(id: number, size: number, address: string | undefined, port: number, options?: object) => number | Failure} sendBlobTo
 * @property {(id: number, group: string, interfaceAddress: string | undefined, sourceAddress: string | undefined) => Failure | undefined} join
 * @property {(id: number, group: string, interfaceAddress: string | undefined, sourceAddress: string | undefined) => Failure | undefined} leave
 * @property {(id: number, piece: ArrayBuffer) => void} blobPiece
 * @property {(id: number, reason: string) => void} blobFail
 * @property {() => void} flush
 */

/** The kinds of events, by the number that the native half gives them. */
const Kind = /** @type {const} */ ({
  NONE: 0,
  STREAM_OPEN: 1,
  STREAM_MESSAGE: 2,
  STREAM_HALFCLOSE: 3,
  STREAM_DRAIN: 4,
  STREAM_ERROR: 5,
  STREAM_CLOSE: 6,
  STREAM_BLOB: 7,
  STREAM_SECURED: 8,
  STREAM_RELAYED: 9,
  STREAM_ENDED: 10,
  UNIX_OPEN: 11,
  STREAM_READABLE: 12,
  STREAM_FINISH: 14,
  STREAM_CERTIFICATE: 15,
  STREAM_TLS_MOVED: 16,
  UDP_MESSAGE: 17,
  UDP_DRAIN: 18,
  UDP_ERROR: 19,
  UDP_BLOB: 20,
  SERVER_CONNECT: 33,
  SERVER_ERROR: 34,
  UNIX_CONNECT: 35,
  SERVER_CERTIFICATE: 36,
  LOOKUP: 48,
  TIMER: 49,
});

/** A bit in the kind of a socket's last event. From then on the native half may give the id to another socket. */
const LAST = 64;

/** A bit in the kind of an event whose other values are not all numbers. Its first value is then an array of all values. */
const PACKED = 128;

/**
 * A bit in the kind of a message whose values are in the memory `datagrams`, perhaps with further messages of the same socket. The third slot
 * is their number.
 */
const BATCH = 256;

/** The kind that next() reports when this package instance has no more events in this turn. */
const NO_EVENT = 0xffffffff;

/** The values of ReadyState, by the number that the native half gives them. */
const READY_STATES = /** @type {const} */ (["connecting", "open", "closing", "closed", "halfclosed"]);

/**
 * The longest string, in UTF-16 units, that is encoded into the scratch buffer. A unit takes at most 3 bytes, so such a string always fits.
 * For strings up to about 8 KiB encodeInto() is faster. Above that it is faster when the native half reads the string itself.
 */
const SHORT_STRING = Math.floor(8192 / 3);

/** @type {Binding} */
const binding = loadBinding();

module.exports = { BATCH, Kind, LAST, NO_EVENT, PACKED, READY_STATES, SHORT_STRING, binding };
