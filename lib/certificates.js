"use strict";

// certificateFor: a function in the options of a server, or of startTls() on an accepted socket. It returns the certificate for a host name
// (R-srv-secure). This file calls it, and passes its answers to the native half, which decides for which names to ask and which answers to
// keep.

const { fromFailure } = require("./errors.js");
const { binding } = require("./native.js");
const { toServerCertificate } = require("./secure-transport.js");
const { SENTENCE, cut, messageOf, shown } = require("./shown.js");
const { bare } = require("./webidl.js");

const { certificateAnswer, certificateFail } = binding;
const { apply } = Reflect;

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {import("./errors.js").Failure} Failure */

/** A certificateFor, and what it has thrown. */
class Certificates {
  /** The function that the program has given; undefined once there is none any more. @type {Function | undefined} */
  callback;
  /**
   * Why handshakes fail, until the `error` events of these are fired: by the number of the question, the value that was thrown, and how many
   * events follow.
   *
   * @type {Map<number, { cause: unknown, left: number }>}
   */
  causes = new Map();

  /** @param {Function | undefined} callback */
  constructor(callback) {
    this.callback = callback;
  }
}

/**
 * Sets the function that is asked from now on.
 *
 * @param {SocketRecord} record
 * @param {Function | undefined} callback undefined: there is none
 */
function setCertificateFor(record, callback) {
  const certificates = record.extras?.certificates;
  if (certificates !== undefined) {
    certificates.callback = callback;
  } else if (callback !== undefined) {
    record.ensureExtras().certificates = new Certificates(callback);
  }
}

/**
 * Asks for the certificate of a name. It is called in the async context of the socket (R-context).
 *
 * @param {SocketRecord} record
 * @param {string} name
 * @param {number} question
 */
function askForCertificate({ extras, id, name: where }, name, question) {
  const certificates = extras?.certificates;
  if (certificates?.callback !== undefined) {
    // While the function has not answered, it must not keep the socket in memory. So the socket is known by its id.
    void answer(certificates.callback, certificates.causes, id, where, name, question);
  }
}

/**
 * @param {Function} callback
 * @param {Certificates["causes"]} causes
 * @param {number} id
 * @param {string} where the name of the interface
 * @param {string} name
 * @param {number} question
 */
async function answer(callback, causes, id, where, name, question) {
  const what = `certificateFor(${shown(name)})`;
  let given;
  try {
    given = await apply(callback, undefined, [name]);
  } catch (error) {
    fail(causes, id, question, `${what} failed: ${messageOf(error)}`, error);
    return;
  }
  try {
    // ServerCertificate?: undefined is null, as in Web IDL.
    const certificate = given === null || given === undefined ? null : bare({ what, ...toServerCertificate(given, what) });
    const failure = certificateAnswer(id, question, certificate);
    if (failure !== undefined) {
      fail(causes, id, question, failure.reason, fromFailure(failure, where));
    }
  } catch (error) {
    fail(causes, id, question, messageOf(error), error);
  }
}

/**
 * Makes all handshakes fail that wait for the answer to this question. Stores the cause for their `error` events.
 *
 * @param {Certificates["causes"]} causes
 * @param {number} id
 * @param {number} question
 * @param {string} reason
 * @param {unknown} cause
 */
function fail(causes, id, question, reason, cause) {
  const left = certificateFail(id, question, cut(reason, SENTENCE));
  if (left > 0) {
    causes.set(question, { cause, left });
  }
}

/**
 * What certificateFor has thrown, for the `cause` of the exception of a handshake that failed because of it.
 *
 * @param {SocketRecord} record
 * @param {number} question
 */
function takeCertificateError({ extras }, question) {
  const causes = extras?.certificates?.causes;
  const entry = causes?.get(question);
  if (causes === undefined || entry === undefined) {
    return undefined;
  }
  entry.left--;
  if (entry.left === 0) {
    causes.delete(question);
  }
  return entry.cause;
}

module.exports = { Certificates, askForCertificate, setCertificateFor, takeCertificateError };
