"use strict";

// Records the progress of a socket (opened, ended, failed, finished, closing), and reports it to the socket's promises, streams, loops and
// once() calls, and to diagnostics. This happens just before the event that reports the same to listeners.

const diagnostics = require("./diagnostics.js");
const { notOpen } = require("./send.js");
const { GONE } = require("./socket-record.js");
const { readyState } = require("./sockets.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/**
 * Stream sockets: the connection is established.
 *
 * @param {SocketRecord} record
 */
function opened(record) {
  record.opened = true;
  diagnostics.connected(record);
  record.extras?.promises?.opened();
  record.extras?.outlet?.opened();
}

/**
 * Stream sockets: the peer has ended the connection in its direction, and sends no more.
 *
 * @param {SocketRecord} record
 */
function ended(record) {
  record.ended = true;
  record.extras?.intake?.end();
  record.extras?.waits?.check("halfclose");
}

/**
 * The socket could not open, has lost its connection, or has closed itself.
 *
 * @param {SocketRecord} record
 * @param {DOMException} error
 */
function failed(record, error) {
  record.failure = error;
  diagnostics.notConnected(record, error);
  const { extras } = record;
  if (extras !== undefined) {
    extras.promises?.failed(error);
    extras.intake?.fail(error);
    extras.outlet?.fail(error);
    extras.iteration?.fail(error);
    extras.waits?.failed(error);
    extras.shutdown?.check();
  }
  if (record.id === GONE) {
    // No other event follows.
    diagnostics.closed(record);
  }
}

/**
 * The socket is closed. All buffered data is sent, unless an error came first.
 *
 * @param {SocketRecord} record
 */
function finished(record) {
  record.finished = true;
  const { extras } = record;
  if (extras !== undefined) {
    extras.promises?.finished();
    extras.intake?.end();
    extras.outlet?.end();
    extras.iteration?.end();
    extras.waits?.check("close");
    extras.shutdown?.check();
    if (record.failure === null) {
      extras.trace = null;
    }
  }
  diagnostics.closed(record);
}

/**
 * close() or reset() was called: no data comes in any more, and the program can send no more.
 *
 * @param {SocketRecord} record
 * @param {boolean} isFlushed true: data that is buffered is still sent
 */
function closing(record, isFlushed) {
  record.isReset = !isFlushed && record.opened;
  const { extras } = record;
  if (extras !== undefined) {
    extras.intake?.closing();
    extras.iteration?.end();
    extras.outlet?.interrupt(notOpen(record), isFlushed);
    extras.waits?.check();
  }
}

/**
 * Another change that decides which events can still come: the program took a stream, or called relay() or halfclose(), or an event has
 * fired.
 *
 * @param {SocketRecord} record
 */
function changed(record) {
  record.extras?.waits?.check();
}

/**
 * Whether a promise, a stream, a loop or a once() call of the program also reports the error (R-unheard).
 *
 * @param {SocketRecord} record
 */
function isFollowed(record) {
  const { extras } = record;
  if (extras === undefined) {
    return false;
  }
  const { promises, intake, outlet, iteration, waits } = extras;
  if (promises !== undefined || intake !== undefined || outlet !== undefined) {
    return true;
  }
  // Loops and once() report only an error that closes the socket.
  return isClosing(record) && (iteration?.isAwaited === true || waits?.isSettledByFailure === true);
}

/**
 * Whether the `error` event that is about to fire closes the socket.
 *
 * @param {SocketRecord} record
 */
function isClosing(record) {
  return record.closed || record.isStream;
}

/**
 * Whether the socket can neither receive nor send, and no event is still to come that says why.
 *
 * @param {SocketRecord} record
 */
function isEnding(record) {
  return record.finished || readyState(record) === "closing" || (record.closed && record.ending !== "");
}

module.exports = { changed, closing, ended, failed, finished, isClosing, isEnding, isFollowed, opened };
