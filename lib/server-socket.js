"use strict";

// What TCPServerSocket and UnixServerSocket have in common: the members that do not concern addresses, and the events of the native half.

const { follow } = require("./abort.js");
const { askForCertificate, setCertificateFor } = require("./certificates.js");
const { closeAtOnce } = require("./closing.js");
const { handshakeDone, made, secured } = require("./diagnostics.js");
const { defineEnds } = require("./ends.js");
const { fromFailure, invalidState } = require("./errors.js");
const { defineEventHandlers } = require("./event-handler.js");
const { ConnectEvent } = require("./events.js");
const { fireError } = require("./failing.js");
const { defineInspection } = require("./inspection.js");
const { defineIteration, takerOf } = require("./iteration.js");
const { fire, observeListeners } = require("./listeners.js");
const { Kind, binding } = require("./native.js");
const { definePromises } = require("./promises.js");
const { toSecureTransportOptions } = require("./secure-transport.js");
const { brandCheckOf, defineSocketMembers } = require("./socket-members.js");
const { SocketRecord, socketKind } = require("./socket-record.js");
const { shutDown, toShutdownOptions } = require("./shutdown.js");
const { handle } = require("./sockets.js");
const { defineStreams, openInfo, serverReadable } = require("./streams.js");
const { defineMembers } = require("./webidl.js");

const { connections, setSecureContext } = binding;

/** @typedef {import("./secure-transport.js").SecureTransportKind} SecureTransportKind */
/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} AnyRecord */

/** The bits of listen() by event type. */
const LISTEN_BITS = new Map([["connect", 1]]);

/** Describes the sockets of the interface `name`. @param {string} name */
function serverKind(name) {
  return socketKind(name, LISTEN_BITS);
}

/** The record of a server. */
class ServerRecord extends SocketRecord {
  /** "on" if the options ask for TLS with the clients. @type {SecureTransportKind} */
  secureTransport = "off";
  /** The value of `connections` when the server was closed, because attributes keep their last values (R-task). */
  lastConnections = 0;

  /**
   * @param {EventTarget} socket
   * @param {import("./socket-record.js").SocketKind} kind
   */
  constructor(socket, kind) {
    super(socket, kind);
  }

  /**
   * Stores what the options say about TLS.
   *
   * @param {SecureTransportKind} kind
   * @param {import("./secure-transport.js").SecureOptions | undefined} secure
   */
  setSecure(kind, secure) {
    this.secureTransport = kind;
    setCertificateFor(this, secure?.certificateFor);
  }
}

/**
 * Closes the server when the signal is aborted. Its connections live on.
 *
 * @param {AbortSignal | undefined} signal
 * @param {ServerRecord} record
 */
function followSignal(signal, record) {
  if (signal !== undefined) {
    follow(signal, record, () => closeServer(record, "its signal was aborted"));
  }
}

/**
 * Closes the server, for close(), shutdown() and the signal.
 *
 * @param {ServerRecord} record
 * @param {string} why
 * @param {(id: number) => boolean} [closeNative] the function of the native half, if it is not close()
 */
function closeServer(record, why, closeNative) {
  if (!record.closed) {
    record.lastConnections = connections(record.id);
    closeAtOnce(record, why, closeNative);
  }
}

/** The value of `connections`. @param {ServerRecord} record */
function connectionsOf(record) {
  return record.closed ? record.lastConnections : connections(record.id);
}

/**
 * Defines the members that both interfaces have.
 *
 * @param {{ name: string, prototype: EventTarget }} interfaceClass
 * @param {(socket: unknown) => ServerRecord | undefined} recordOf returns undefined for an object that is not of the interface
 * @param {(record: ServerRecord) => import("./ends.js").Ends} local where the server listens, also for the value of `opened`
 */
function defineServerSocket(interfaceClass, recordOf, local) {
  const checked = /** @type {(server: unknown, member: string) => ServerRecord} */ (brandCheckOf(interfaceClass, recordOf));
  defineMembers(interfaceClass, {
    /** The number of accepted sockets that are not yet "closed". */
    get connections() {
      return connectionsOf(checked(this, "connections"));
    },

    close() {
      closeServer(checked(this, "close"), "close() was called");
    },

    /**
     * R-shutdown. Each call returns the same promise, so the method is not async. Exceptions become rejections (R-shape).
     *
     * @param {unknown} [options]
     */
    shutdown(options = undefined) {
      try {
        const record = checked(this, "shutdown()");
        const settings = toShutdownOptions(options, "options");
        return shutDown(record, settings, () => closeServer(record, "shutdown() was called", binding.shutdown));
      } catch (error) {
        return Promise.reject(error);
      }
    },

    /**
     * Replaces the TLS options for later handshakes. Existing connections continue (R-srv-secure).
     *
     * @param {unknown} [options]
     */
    setSecureContext(options = undefined) {
      const where = `${interfaceClass.name}.setSecureContext()`;
      const record = checked(this, "setSecureContext()");
      const secure = toSecureTransportOptions(options, "options");
      if (record.closed) {
        throw invalidState(`${where}: the server is closed`);
      }
      if (record.secureTransport !== "on") {
        throw invalidState(`${where}: the server is a plain one; TLS is asked for when it is made`);
      }
      const failure = setSecureContext(record.id, secure);
      if (failure !== undefined) {
        throw fromFailure(failure, where);
      }
      setCertificateFor(record, secure.certificateFor);
    },
  });
  defineSocketMembers(interfaceClass, recordOf);
  observeListeners(interfaceClass, recordOf);
  defineEventHandlers(interfaceClass, recordOf, ["connect", "error"]);
  defineIteration(interfaceClass, recordOf);
  defineEnds(interfaceClass.name, (record) => local(/** @type {ServerRecord} */ (record)));
  defineInspection(interfaceClass, recordOf, (record) => {
    const server = /** @type {ServerRecord} */ (record);
    return { connections: connectionsOf(server), secureTransport: server.secureTransport };
  });
  const streams = { readable: serverReadable };
  defineStreams(interfaceClass, recordOf, streams);
  definePromises(interfaceClass, recordOf, (record) => openInfo(record, streams, local(/** @type {ServerRecord} */ (record))));
}

/**
 * Delivers the socket of an accepted connection: to a loop or a stream, or by a `connect` event. The draft: "Upon a new successful
 * connection to the TCP server socket".
 *
 * @param {AnyRecord} server
 * @param {AnyRecord} accepted the record of the socket
 * @param {typeof import("./channels.js").channels.tcpServer} channel where diagnostics report it
 */
function deliverConnection(server, accepted, channel) {
  const connectedSocket = accepted.socket;
  made(accepted, channel);
  if (accepted.secure?.kind === "on") {
    handshakeDone({ socket: connectedSocket, server: server.socket }, accepted.secure.info);
    secured(accepted);
  }
  const taker = takerOf(server);
  if (taker === undefined) {
    fire(server, new ConnectEvent(connectedSocket));
  } else {
    taker.take(connectedSocket);
  }
  server.extras?.shutdown?.accepted(accepted);
}

handle(Kind.SERVER_ERROR, fireError);
handle(Kind.SERVER_CERTIFICATE, askForCertificate);

module.exports = { ServerRecord, defineServerSocket, deliverConnection, followSignal, serverKind };
