"use strict";

// How a socket fares, told to its promises, its streams, its loops and once(): just before the event that tells its listeners.

const { notOpen } = require("./send.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

/**
 * TCP: the connection is established.
 *
 * @param {SocketRecord} record
 */
function opened(record) {
  record.opened = true;
  record.promises?.opened();
  record.outlet?.opened();
}

/**
 * TCP: the peer sends no more.
 *
 * @param {SocketRecord} record
 */
function ended(record) {
  record.ended = true;
  record.intake?.end();
  record.waits?.check("halfclose");
}

/**
 * It could not open, or is lost, or has closed itself.
 *
 * @param {SocketRecord} record
 * @param {DOMException} error
 */
function failed(record, error) {
  record.failure = error;
  record.promises?.failed(error);
  record.intake?.fail(error);
  record.outlet?.fail(error);
  record.iteration?.fail(error);
  record.waits?.failed(error);
}

/**
 * It is over, and all that was buffered is out; or a failure came before.
 *
 * @param {SocketRecord} record
 */
function finished(record) {
  record.finished = true;
  record.promises?.finished();
  record.intake?.end();
  record.outlet?.end();
  record.iteration?.end();
  record.waits?.check("close");
  if (record.failure === null) {
    record.trace = null;
  }
}

/**
 * close() or reset() was called: nothing comes in any more, and nothing new goes out.
 *
 * @param {SocketRecord} record
 * @param {boolean} isFlushed what is buffered still goes out
 */
function closing(record, isFlushed) {
  record.isReset = !isFlushed && record.opened;
  record.intake?.end();
  record.iteration?.end();
  record.outlet?.interrupt(notOpen(record), isFlushed);
  record.waits?.check();
}

/**
 * Something else has changed that decides which events can still come: a stream was taken, relay() or halfclose() was called, or an
 * event has fired.
 *
 * @param {SocketRecord} record
 */
function changed(record) {
  record.waits?.check();
}

/**
 * Whether somebody has asked for a promise or a stream, which tells of an error too (R-unheard).
 *
 * @param {SocketRecord} record
 */
function isFollowed(record) {
  const { promises, intake, outlet, iteration, waits } = record;
  if (promises !== null || intake !== null || outlet !== null) {
    return true;
  }
  // Loops and once() are only told of an error that closes the socket.
  return isClosing(record) && ((iteration !== null && iteration.isAwaited) || (waits !== null && waits.hearsFailure));
}

/**
 * Whether an `error` closes the socket, which it is about to fire at.
 *
 * @param {SocketRecord} record
 */
function isClosing(record) {
  return record.closed || record.name === "TCPSocket";
}

module.exports = { changed, closing, ended, failed, finished, isClosing, isFollowed, opened };
