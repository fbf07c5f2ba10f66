"use strict";

// The `error` event, the same for all three interfaces.

const process = require("node:process");
const { takeBlobError } = require("./blob.js");
const { fromFailure, sentence } = require("./errors.js");
const { ErrorEvent } = require("./events.js");
const { fire, isHeard } = require("./listeners.js");
const { changed, failed, isClosing, isFollowed } = require("./progress.js");
const { leadTo } = require("./trace.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {import("./errors.js").Failure} Failure */

/** A worker has its own copy of this module, so this is once for each thread. */
let hasWarned = false;

/**
 * "Create a new ErrorEvent, set error.name to NetworkError, fire it."
 *
 * @param {SocketRecord} record
 * @param {Failure} failure
 */
function fireError(record, failure) {
  const cause = failure.code === "ABORT_ERR" ? record.abortReason : takeBlobError(record, failure);
  const error = fromFailure(failure, record.name, cause);
  record.trace = record.upgrade?.trace ?? record.relay?.trace ?? record.trace;
  leadTo(error, record.trace);
  record.relay?.lost(error);
  const { upgrade } = record;
  if (upgrade !== null) {
    // R-tls-start: the handshake, or the connection that it was under way on, is lost.
    record.upgrade = null;
    upgrade.reject(error);
  } else if (!hasWarned && record.relay === null && !isHeard(record, "error") && !isFollowed(record)) {
    // R-unheard
    hasWarned = true;
    process.emitWarning(
      `A ${record.name} has failed, and nobody listens for its error event: ${error.message} ` +
        "(Further ones will not be told of in this thread.)",
      "UnheardSocketError",
    );
  }
  if (isClosing(record)) {
    // It is over: what send() will say.
    record.ending = sentence(failure);
    failed(record, error);
  }
  fire(record, new ErrorEvent(error));
  changed(record);
}

module.exports = { fireError };
