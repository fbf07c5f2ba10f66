"use strict";

// What TCPSocket and UnixSocket have in common: the members that do not concern addresses, and the events of the native half.

const { follow } = require("./abort.js");
const { PIECE_BYTES, answer } = require("./blob.js");
const { askForCertificate, setCertificateFor } = require("./certificates.js");
const { closeSocket, resetSocket } = require("./closing.js");
const { beginHandshake, secured, tlsMoved } = require("./diagnostics.js");
const { defineEnds } = require("./ends.js");
const { fromFailure, invalidState, networkError } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { StreamMessageEvent } = require("./events.js");
const { fireError } = require("./failing.js");
const { defineFigures } = require("./figures.js");
const { sendFrame } = require("./framing.js");
const { connectionState, defineInspection } = require("./inspection.js");
const { fire, hasListener, observeListeners } = require("./listeners.js");
const { Kind, binding } = require("./native.js");
const progress = require("./progress.js");
const { definePromises } = require("./promises.js");
const { SecureState, takeSecureInfo, toSecureTransportOptions } = require("./secure-transport.js");
const { takeReader } = require("./reader.js");
const { relayed } = require("./send.js");
const { brandCheckOf, defineBufferedAmount, defineSocketMembers } = require("./socket-members.js");
const { SocketRecord, socketKind } = require("./socket-record.js");
const { enlist, handle, readyState } = require("./sockets.js");
const { transmit } = require("./stream-send.js");
const { defineStreams, openInfo, streamSocketReadable, streamSocketWritable } = require("./streams.js");
const { leadTo, traceAbove } = require("./trace.js");
const { defineMembers, missingArguments } = require("./webidl.js");

const { abort, halfclose, startTls } = binding;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} AnyRecord */
/** @typedef {import("./secure-transport.js").SecureTransportKind} SecureTransportKind */

/** The bits of listen() by event type. */
const LISTEN_BITS = new Map([["message", 1], ["halfclose", 2]]);

/** The value of `ending` after halfclose(): the socket can no longer send, but can still receive. */
const HALFCLOSED = "halfclose() was called";

/** Describes the sockets of the interface `name`. @param {string} name */
function streamKind(name) {
  return socketKind(name, LISTEN_BITS);
}

/**
 * A record for a socket of this kind.
 *
 * @param {EventTarget | undefined} socket undefined: the record gets its socket later
 * @param {import("./socket-record.js").SocketKind} kind
 */
function newStreamRecord(socket, kind) {
  return new SocketRecord(/** @type {EventTarget} */ (socket), kind);
}

/**
 * The state of TLS in the record. The first call makes it.
 *
 * @param {AnyRecord} record
 */
function ensureSecure(record) {
  record.secure ??= new SecureState();
  return record.secure;
}

/**
 * Stores what the options say about TLS. A plain socket that says nothing needs no memory for it.
 *
 * @param {AnyRecord} record
 * @param {SecureTransportKind} kind
 * @param {number | undefined} connectTimeout
 * @param {string | undefined} [hostName]
 */
function storeSecure(record, kind, connectTimeout, hostName) {
  if (kind !== "off" || connectTimeout !== undefined || hostName !== undefined) {
    Object.assign(ensureSecure(record), { kind, connectTimeout, hostName });
  }
}

/**
 * Gives a record the connection that a server or connect() has established. The socket is "open" at once (R-srv-connect, R-connect).
 *
 * @param {AnyRecord} record
 * @param {number} id
 */
function adoptConnection(record, id) {
  record.opened = true;
  if (record.secure?.kind === "on") {
    record.secure.info = takeSecureInfo(id);
  }
  enlist(record, id);
}

/**
 * Aborts the socket when the signal is aborted.
 *
 * @param {AbortSignal | undefined} signal
 * @param {AnyRecord} record
 */
function followSignal(signal, record) {
  if (signal !== undefined) {
    follow(signal, record, (reason) => abortSocket(record, reason));
  }
}

/**
 * Defines the members that both interfaces have, except send().
 *
 * @param {{ name: string, prototype: EventTarget }} interfaceClass
 * @param {(socket: unknown) => AnyRecord | undefined} recordOf returns undefined for an object that is not of the interface
 * @param {(record: AnyRecord) => import("./ends.js").Ends} ends both ends of the connection, also for the value of `opened`
 * @param {(record: AnyRecord) => { address: string, port?: number, verified: string | undefined }} remote the other end, for errors; and
 *   the name that startTls() verifies if its options have none, or undefined
 */
function defineStreamSocket(interfaceClass, recordOf, ends, remote) {
  const { name } = interfaceClass;
  const checked = brandCheckOf(interfaceClass, recordOf);
  const members = {
    /** "on" when TLS is established. Before that "starttls" if the options ask for it, else "off". */
    get secureTransport() {
      const { secure } = checked(this, "secureTransport");
      return secure === null || (secure.kind === "on" && secure.info === null) ? "off" : secure.kind;
    },

    /** The results of the TLS handshake; null without TLS. */
    get secureTransportInfo() {
      return checked(this, "secureTransportInfo").secure?.info ?? null;
    },

    /**
     * R-tls-start. The method is async, so that an exception becomes a rejection.
     *
     * @param {unknown} [options]
     */
    async startTls(options = undefined) {
      const where = `${name}.startTls()`;
      const record = checked(this, "startTls()");
      const secure = toSecureTransportOptions(options, "options");
      const state = readyState(record);
      if (state !== "open") {
        throw invalidState(`${where}: the socket is "${state}"${record.ending === "" ? "" : `: ${record.ending}`}`);
      }
      if (record.extras?.relay !== undefined) {
        throw relayed(record, "startTls");
      }
      if (record.secure?.kind === "on" || record.extras?.upgrade !== undefined) {
        throw invalidState(`${where}: TLS is ${(record.secure?.info ?? null) === null ? "under way" : "established"} already`);
      }
      if (record.extras?.intake?.name === "reader") {
        throw invalidState(`${where}: the reader of the socket is taken; call its release() first`);
      }
      // The `readable` may hold bytes that nobody has read. They came before the handshake, and an attacker may have sent them.
      const isEarly = /** @type {{ isHolding?: boolean } | undefined} */ (record.extras?.intake)?.isHolding ?? false;
      const { address, port, verified } = remote(record);
      const handshake = beginHandshake({ socket: record.socket }, () => {
        const failure = startTls(record.id, secure, verified, record.secure?.connectTimeout, isEarly);
        if (failure !== undefined) {
          throw fromFailure(failure, where);
        }
      });
      setCertificateFor(record, secure.certificateFor);
      const trace = traceAbove(members.startTls);
      return new Promise((resolve, reject) => {
        record.ensureExtras().upgrade = { resolve, reject, address, port, trace, handshake };
      });
    },

    close() {
      closeSocket(checked(this, "close"), "close() was called");
    },

    /** @param {unknown} data */
    sendFrame(data) {
      const record = checked(this, "sendFrame");
      if (arguments.length === 0) {
        throw missingArguments(`${name}.sendFrame()`, 1, 0);
      }
      return sendFrame(record, data);
    },

    halfclose() {
      const record = checked(this, "halfclose");
      const state = readyState(record);
      // Step 1.
      if (record.extras?.relay !== undefined && state === "open") {
        throw relayed(record, "halfclose");
      }
      if (state === "connecting" || state === "open") {
        // Steps 2 and 3, R-tcp-halfclose.
        record.ending = HALFCLOSED;
        halfclose(record.id);
        progress.changed(record);
      }
    },

    /** R-reset. */
    reset() {
      resetSocket(checked(this, "reset"), "reset() was called");
    },
  };
  defineMembers(interfaceClass, members);
  defineSocketMembers(interfaceClass, recordOf);
  defineBufferedAmount(interfaceClass, recordOf);
  defineFigures(interfaceClass, recordOf);
  defineEnds(name, ends);
  defineInspection(interfaceClass, recordOf, connectionState);
  observeListeners(interfaceClass, recordOf);
  defineEventHandlers(interfaceClass, recordOf, ["drain", "open", "close", "halfclose", "error", "message"]);
  const streams = {
    readable: streamSocketReadable,
    writable: streamSocketWritable(transmit, (record) => resetSocket(record, "its writable was aborted")),
  };
  defineStreams(interfaceClass, recordOf, { ...streams, reader: takeReader });
  definePromises(interfaceClass, recordOf, (record) => openInfo(record, streams, ends(record)));
}

/**
 * The connection is established. The caller has stored what is known of its ends from now on.
 *
 * @param {AnyRecord} record
 */
function fireOpen(record) {
  if (record.secure?.kind === "on") {
    record.secure.info = takeSecureInfo(record.id);
  }
  progress.opened(record);
  fire(record, new Event("open"));
  progress.changed(record);
}

/**
 * Resets the connection because of a signal (R-abort). The `error` event that follows reports it to the streams.
 *
 * @param {AnyRecord} record
 * @param {unknown} reason
 */
function abortSocket(record, reason) {
  if (readyState(record) !== "closed") {
    record.ending = "its signal was aborted";
    record.ensureExtras().abortReason = reason;
    abort(record.id);
  }
}

/**
 * Returns the startTls() that is not finished, and removes it from the record; undefined if there is none.
 *
 * @param {AnyRecord} record
 */
function takeUpgrade({ extras }) {
  const upgrade = extras?.upgrade;
  if (extras !== undefined) {
    extras.upgrade = undefined;
  }
  return upgrade;
}

handle(Kind.STREAM_MESSAGE, (record, data) => {
  const intake = record.extras?.intake;
  if (intake === undefined) {
    fire(record, new StreamMessageEvent(data));
  } else {
    intake.take(new Uint8Array(data));
  }
});
handle(Kind.STREAM_READABLE, (record) => {
  record.extras?.intake?.readable();
});
handle(Kind.STREAM_HALFCLOSE, (record) => {
  if (hasListener(record, "halfclose")) {
    record.ensureExtras().isEndDelivered = true;
  }
  progress.ended(record);
  fire(record, new Event("halfclose"));
  progress.changed(record);
});
handle(Kind.STREAM_ENDED, progress.ended);
handle(Kind.STREAM_DRAIN, (record) => {
  record.isDrainDue = false;
  record.extras?.outlet?.drained();
  fire(record, new Event("drain"));
  progress.changed(record);
});
handle(Kind.STREAM_ERROR, fireError);
handle(Kind.STREAM_CLOSE, (record, bytesRead, bufferedAmount, writtenLow, writtenHigh) => {
  record.bufferedAmount = bufferedAmount;
  record.lastFigures = { bytesRead, bytesWritten: writtenHigh * 2 ** 32 + writtenLow, datagramsDropped: 0 };
  const upgrade = takeUpgrade(record);
  if (upgrade !== undefined) {
    const why = record.ending || "the peer has ended it";
    const { address, handshake, port, reject, trace } = upgrade;
    const error = networkError(`${record.name}.startTls(): the connection is closed: ${why}`, { code: "ECONNABORTED", address, port });
    leadTo(error, trace);
    handshake?.rejected(error);
    reject(error);
  }
  if (record.ending === "" || record.ending === HALFCLOSED) {
    record.ending = "the peer has ended the connection";
    record.ended = true;
  }
  progress.finished(record);
  fire(record, new Event("close"));
  progress.changed(record);
  record.server?.extras?.shutdown?.closed(record);
  record.extras?.relay?.closed();
});
handle(Kind.STREAM_FINISH, (record) => {
  record.extras?.outlet?.finished();
});
handle(Kind.STREAM_BLOB, (record) => {
  answer(record, PIECE_BYTES);
});
handle(Kind.STREAM_CERTIFICATE, askForCertificate);
handle(Kind.STREAM_TLS_MOVED, tlsMoved);
handle(Kind.STREAM_SECURED, (record) => {
  const secure = ensureSecure(record);
  secure.kind = "on";
  secure.info = takeSecureInfo(record.id);
  setCertificateFor(record, undefined);
  const upgrade = takeUpgrade(record);
  upgrade?.handshake?.fulfilled(secure.info);
  secured(record);
  upgrade?.resolve(secure.info);
});

module.exports = { adoptConnection, defineStreamSocket, fireOpen, followSignal, newStreamRecord, storeSecure, streamKind };
