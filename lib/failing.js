"use strict";

// The `error` event of all interfaces.

const process = require("node:process");
const { takeBlobError } = require("./blob.js");
const { takeCertificateError } = require("./certificates.js");
const diagnostics = require("./diagnostics.js");
const { fromFailure, sentence } = require("./errors.js");
const { ErrorEvent } = require("./events.js");
const { fire, hasListener } = require("./listeners.js");
const { changed, failed, isClosing, isFollowed } = require("./progress.js");
const { leadTo } = require("./trace.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {import("./errors.js").Failure} Failure */

/** Whether the warning of R-unheard was printed. Each worker has its own copy of this module, so it is printed once in each thread. */
let hasWarned = false;

/**
 * The draft says: "Create a new ErrorEvent, set error.name to NetworkError, fire it."
 *
 * @param {SocketRecord} record
 * @param {Failure} failure
 */
function fireError(record, failure) {
  const error = fromFailure(failure, record.name, causeOf(record, failure));
  const { extras } = record;
  if (extras !== undefined) {
    extras.trace = extras.upgrade?.trace ?? extras.relay?.trace ?? extras.trace;
    leadTo(error, extras.trace);
    extras.relay?.lost(error);
  }
  diagnostics.failed(record, failure, error);
  const upgrade = extras?.upgrade;
  if (extras !== undefined && upgrade !== undefined) {
    // R-tls-start: the TLS handshake has failed, or its connection is lost.
    extras.upgrade = undefined;
    upgrade.handshake?.rejected(error);
    upgrade.reject(error);
  } else if (!hasWarned && extras?.relay === undefined && !hasListener(record, "error") && !isFollowed(record)) {
    // R-unheard
    hasWarned = true;
    process.emitWarning(
      `A ${record.name} has failed, and has no listener for its error event: ${error.message} ` +
        "(This thread prints no further warnings of this kind.)",
      "UnheardSocketError",
    );
  }
  if (isClosing(record)) {
    // Exceptions of later send() calls give this as the reason.
    record.ending = sentence(failure);
    failed(record, error);
  }
  fire(record, new ErrorEvent(error));
  changed(record);
}

/**
 * The `cause` of a failure's exception: the reason of the signal, the error of the Blob, or what certificateFor has thrown.
 *
 * @param {SocketRecord} record
 * @param {Failure} failure
 */
function causeOf(record, failure) {
  if (failure.question !== undefined) {
    return takeCertificateError(record, failure.question);
  }
  return failure.code === "ABORT_ERR" ? record.extras?.abortReason : takeBlobError(record, failure);
}

module.exports = { fireError };
