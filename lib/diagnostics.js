"use strict";

// What is reported about sockets to diagnostics: on the channels of node:diagnostics_channel, and in the lines of NODE_DEBUG (R-diagnostics).
// Without a subscriber, and without NODE_DEBUG, each function only checks that, and returns or runs the call it was given.

const { channels, loadChannels, operation } = require("./channels.js");
const { isLogging, logLine, logSocket } = require("./debug-log.js");
const { endpoint, isTransfer } = require("./errors.js");
const { figure } = require("./figures.js");
const { binding } = require("./native.js");
const { messageOf } = require("./shown.js");

const { watchTlsPlace } = binding;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {typeof channels.tcpClient} Channel */

/**
 * A socket was made. Its attributes have their values.
 *
 * @param {SocketRecord} record
 * @param {Channel | null} channel null: there is none for it
 */
function made(record, channel) {
  if (channel === null) {
    loadChannels();
  } else if (channel.hasSubscribers) {
    channel.publish({ socket: record.socket });
  }
  if (isLogging && record.opened) {
    logSocket(record, record.accepted ? "accepted" : record.isStream ? "connected" : "open");
  }
}

/**
 * A connection attempt of a constructor begins.
 *
 * @template Opened
 * @param {SocketRecord} record
 * @param {Record<string, unknown>} target where the socket connects to
 * @param {() => Opened} open
 */
function beginConnecting(record, target, open) {
  const connecting = operation(channels.connect, target);
  if (connecting === null) {
    return open();
  }
  const opened = connecting.begin(open);
  record.ensureExtras().connecting = connecting;
  return opened;
}

/** The constructor returns. @param {SocketRecord} record @param {Channel} channel */
function constructed(record, channel) {
  made(record, channel);
  record.extras?.connecting?.end({ socket: record.socket });
}

/** The connection attempt of a constructor has succeeded. @param {SocketRecord} record */
function connected(record) {
  const { extras, secure, socket } = record;
  if (secure?.kind === "on") {
    handshakeDone({ socket }, secure.info);
    secured(record);
  }
  if (extras?.connecting !== undefined) {
    extras.connecting.fulfilled(socket);
    extras.connecting = undefined;
  }
  if (isLogging) {
    logSocket(record, "connected");
  }
}

/**
 * A TLS handshake is done whose beginning this thread did not observe: of a constructor's connection, or of an accepted one.
 *
 * @param {Record<string, unknown>} message
 * @param {unknown} info
 */
function handshakeDone(message, info) {
  const handshake = atOnce(message);
  handshake?.fulfilled(info);
}

/**
 * TLS is established on a socket. A subscriber learns where the connection is driven, now and after each move. Without one, the native half
 * reports no moves.
 *
 * @param {SocketRecord} record
 */
function secured(record) {
  if (channels.tlsPlace.hasSubscribers) {
    const isInTask = watchTlsPlace(record.id);
    if (isInTask !== null) {
      tlsMoved(record, isInTask);
    }
  }
}

/**
 * A TLS connection is driven in another place from now on.
 *
 * @param {SocketRecord} record
 * @param {boolean} isInTask false: it is in the turn
 */
function tlsMoved({ socket }, isInTask) {
  if (channels.tlsPlace.hasSubscribers) {
    channels.tlsPlace.publish({ socket, place: isInTask ? "task" : "turn" });
  }
}

/**
 * Publishes `start` and `end` of a handshake that is already over. Returns its operation, for the result; null without a subscriber.
 *
 * @param {Record<string, unknown>} message
 */
function atOnce(message) {
  const handshake = operation(channels.handshake, message);
  handshake?.begin(() => {});
  handshake?.end();
  return handshake;
}

/**
 * A TLS handshake begins. Returns its operation; null without a subscriber.
 *
 * @param {Record<string, unknown>} message
 * @param {() => void} begin may throw
 */
function beginHandshake(message, begin) {
  const handshake = operation(channels.handshake, message);
  if (handshake === null) {
    begin();
  } else {
    handshake.begin(begin);
    handshake.end();
  }
  return handshake;
}

/**
 * Something has failed.
 *
 * @param {SocketRecord} record
 * @param {{ code?: string | undefined, syscall?: string | undefined }} failure
 * @param {DOMException} error
 */
function failed(record, failure, error) {
  const { name, opened, secure, socket } = record;
  if (channels.error.hasSubscribers) {
    channels.error.publish({ socket, error });
  }
  if (isLogging) {
    logSocket(record, `error: ${error.message}`);
  }
  if (isOfHandshake(failure)) {
    // After `open` it is a lost connection, or a startTls(), which has an operation of its own.
    if (name.endsWith("ServerSocket")) {
      atOnce({ server: socket })?.rejected(error);
    } else if (!opened && secure?.kind === "on") {
      atOnce({ socket })?.rejected(error);
    }
  }
}

/**
 * Whether the failure of a server, or of a socket that has never been open, is that of a TLS handshake. Before the handshake nothing is read
 * or written.
 *
 * @param {{ code?: string | undefined, syscall?: string | undefined }} failure
 */
function isOfHandshake({ code, syscall }) {
  return code?.startsWith("ERR_TLS_") === true || isTransfer(syscall);
}

/** The connection attempt of a constructor has failed. @param {SocketRecord} record @param {DOMException} error */
function notConnected({ extras }, error) {
  if (extras?.connecting !== undefined) {
    extras.connecting.rejected(error);
    extras.connecting = undefined;
  }
}

/**
 * A socket is closed, and the native half has freed it.
 *
 * @param {SocketRecord} record
 */
function closed(record) {
  if (channels.close.hasSubscribers) {
    const { failure, socket } = record;
    channels.close.publish({ socket, ...figuresOf(record), ...(failure === null ? {} : { error: failure }) });
  }
  if (isLogging) {
    const figures = Object.entries(figuresOf(record)).map(([name, value]) => `, ${name} ${value}`);
    logSocket(record, `closed${figures.join("")}`);
  }
}

/**
 * The figures of a socket; those of a server are its clients'.
 *
 * @param {SocketRecord} record
 * @returns {Record<string, number>}
 */
function figuresOf(record) {
  if (record.name.endsWith("ServerSocket")) {
    return {};
  }
  const figures = { bytesRead: figure(record, "bytesRead"), bytesWritten: figure(record, "bytesWritten") };
  return record.isStream ? figures : { ...figures, datagramsDropped: figure(record, "datagramsDropped") };
}

/**
 * The functions of a promise.
 *
 * @template Socket
 * @typedef {{ resolve: (socket: Socket) => void, reject: (reason: unknown) => void }} Settle
 */

/**
 * Reports a connect(). Returns the functions that settle its promise from now on, and the function that runs its call.
 *
 * @template Socket
 * @param {{ host: string, port: number }} target
 * @param {Settle<Socket>} settle
 * @returns {{ settle: Settle<Socket>, begin: (call: () => void) => void }}
 */
function observeConnect({ host, port }, settle) {
  const connecting = operation(channels.connect, { host, port });
  if (connecting === null && !isLogging) {
    return { settle, begin: (call) => call() };
  }
  return {
    settle: {
      resolve(socket) {
        connecting?.fulfilled(socket, { socket });
        settle.resolve(socket);
      },
      reject(reason) {
        connecting?.rejected(reason);
        logLine(`connect() ${endpoint(host, port)}: error: ${messageOf(reason)}`);
        settle.reject(reason);
      },
    },
    begin(call) {
      if (connecting === null) {
        call();
      } else {
        connecting.begin(call);
        connecting.end();
      }
    },
  };
}

module.exports = {
  beginConnecting,
  beginHandshake,
  closed,
  connected,
  constructed,
  failed,
  handshakeDone,
  made,
  notConnected,
  observeConnect,
  secured,
  tlsMoved,
};
