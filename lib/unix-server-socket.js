"use strict";

// interface UnixServerSocket : EventTarget (R-unix)

const { throwIfAborted, toSignal } = require("./abort.js");
const { channels } = require("./channels.js");
const { made } = require("./diagnostics.js");
const { checkFraming, storeFraming, toFraming } = require("./framing.js");
const { LIVE, defineSetOptions } = require("./live-options.js");
const { Kind, binding } = require("./native.js");
const { open } = require("./package-instance.js");
const { requirePathPermission } = require("./permission.js");
const { chooseSecureTransport, toSecureTransport } = require("./secure-transport.js");
const { ServerRecord, defineServerSocket, deliverConnection, followSignal, serverKind } = require("./server-socket.js");
const { handle } = require("./sockets.js");
const { establish, recordOf: acceptedRecordOf } = require("./unix-socket.js");
const { checkUnknown } = require("./unknown-options.js");
const {
  bare,
  brandCheck,
  defineInterface,
  dictionary,
  missingArguments,
  nameInterface,
  refuseZero,
  requiring,
  toBoolean,
  toDOMString,
  toEnforcedUnsignedLong,
  toEnforcedUnsignedShort,
  toPositiveUnsignedLong,
} = require("./webidl.js");

/** The members of dictionary UnixServerOptions. */
const toUnixServerMembers = dictionary({
  ...LIVE.UnixServerSocket,
  allowHalfOpen: toBoolean,
  backlog: toPositiveUnsignedLong,
  framing: toFraming,
  handshakeTimeout: toEnforcedUnsignedLong,
  mode: toEnforcedUnsignedShort,
  path: toDOMString,
  secureTransport: toSecureTransport,
  signal: toSignal,
  useSecureTransport: toBoolean,
});

/** dictionary UnixServerOptions. */
const toUnixServerOptions = requiring(["path"], toUnixServerMembers);

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** What all sockets of this interface have in common. */
const KIND = serverKind("UnixServerSocket");

/** The record of a UnixServerSocket; undefined for anything else. @type {(socket: any) => InstanceType<typeof ServerRecord> | undefined} */
let recordOf = () => undefined;

class UnixServerSocket extends EventTarget {
  /** The record. Its presence also shows that an object is a UnixServerSocket. */
  #record;
  /** The value of the attribute `localPath`. @type {string} */
  #localPath;

  /** @param {unknown} options */
  constructor(options) {
    super();
    const where = "UnixServerSocket constructor";
    if (arguments.length < 1) {
      throw missingArguments(where, 1, arguments.length);
    }
    const { secureTransport, signal, useSecureTransport, ...settings } = toUnixServerOptions(options, "options");
    requirePathPermission(where, settings.path);
    checkUnknown(options, toUnixServerMembers.names, "unixServer", where);

    // R-range, R-unix. The native half checks and resolves the path.
    refuseZero(settings, ["backlog"], where);
    checkFraming(settings.framing, where);
    const { kind, secure } = chooseSecureTransport(secureTransport, useSecureTransport, where);
    throwIfAborted(signal);
    const record = new ServerRecord(this, KIND);
    record.setSecure(kind, secure);
    storeFraming(record, settings.framing);
    const opened = open(record, binding.openUnixServer, bare({ ...settings, secure }), () => followSignal(signal, record));
    this.#localPath = opened.localPath;
    this.#record = record;
    record.opened = true;
    made(record, null);
  }

  /** The path at which the server listens. */
  get localPath() {
    brandCheck(#record in this, "UnixServerSocket.localPath");
    return this.#localPath;
  }

  static {
    nameInterface(this, "UnixServerSocket");
    recordOf = (socket) => (typeof socket === "object" && socket !== null && #record in socket ? socket.#record : undefined);
    defineServerSocket(this, recordOf, (record) => ({ localPath: /** @type {UnixServerSocket} */ (record.socket).#localPath }));

    defineSetOptions(this, recordOf);

    handle(Kind.UNIX_CONNECT, (record, id, remotePath, credentials) => {
      const server = /** @type {UnixServerSocket} */ (record.socket);
      const localPath = server.#localPath;
      const { secureTransport } = server.#record;
      const socket = establish({ id, remotePath, localPath, credentials, secureTransport, server: record });
      deliverConnection(record, /** @type {SocketRecord} */ (acceptedRecordOf(socket)), channels.unixServer);
    });
  }
}

defineInterface(UnixServerSocket, "UnixServerSocket", ["localPath"]);

module.exports = { UnixServerSocket, recordOf };
