"use strict";

// The look-up of connect(): finds the addresses of a host name, from the system's resolver or from the program's own lookup().

const { fromFailure } = require("./errors.js");
const { known, parseAddress } = require("./host.js");
const { binding } = require("./native.js");
const { packageInstance } = require("./package-instance.js");
const { cancel, register } = require("./pending-operations.js");
const { lookupFailed, ownLookupFailed } = require("./race-errors.js");
const { GONE } = require("./socket-record.js");
const { LONGEST_DELAY, startTimer } = require("./timer.js");
const { sequence, toDOMString } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {import("./host.js").Address} Address */

/**
 * What a look-up is for. `name`: the name that is looked up. `host` and `port`: the destination, for messages. `family`: the only family
 * that is wanted; undefined for both.
 *
 * @typedef {{ name: string, host: string, port: number, family: 4 | 6 | undefined }} Query
 */

/**
 * Where a look-up reports its result. `failed` gets errors that the package has made. `threw` gets an exception that was thrown while the
 * result of the program's lookup() was converted.
 *
 * @typedef {{ found: (addresses: Address[]) => void, failed: (error: DOMException) => void, threw: (error: unknown) => void }} Report
 */

/** The beginning of the message of each exception. */
const WHERE = "connect()";

/** sequence<DOMString>: the result of the program's lookup(). */
const toTexts = sequence(toDOMString);

/** An address in the result of lookup(). @param {string} text */
const toAddress = (text) => parseAddress(text, WHERE);

/** One look-up. */
class Lookup {
  /** The record in whose async context the result is reported. */
  #record;
  /** What is looked up. */
  #query;
  /** Where the result goes. */
  #report;
  /** The id of the resolver's look-up, or of the timer that keeps the process alive; GONE if there is none. */
  #id = GONE;
  /** True once the program has answered, or the look-up was cancelled. A later answer is ignored. */
  #isOver = false;

  /**
   * @param {SocketRecord} record the record in whose async context the result is reported
   * @param {Query} query
   * @param {Report} report
   */
  constructor(record, query, report) {
    this.#record = record;
    this.#query = query;
    this.#report = report;
  }

  /** Asks the system's resolver. */
  askSystem() {
    const { name, host, port, family } = this.#query;
    const opened = binding.openLookup(packageInstance(), name, family ?? 0);
    if (!("id" in opened)) {
      this.#report.failed(fromFailure(opened, WHERE));
      return;
    }
    this.#id = opened.id;
    register(this.#record, opened.id, (_kind, answer) => {
      this.#id = GONE;
      if (Array.isArray(answer)) {
        this.#report.found(answer.map(known));
      } else {
        this.#report.failed(lookupFailed(host, port, family, answer));
      }
    });
  }

  /** Calls the program's lookup(), which may answer late, with anything, or never. @param {Function} lookup */
  askProgram(lookup) {
    const { name, host, port } = this.#query;
    // A promise does not keep the process alive. This timer does, until the program answers.
    this.#id = startTimer(this.#record, LONGEST_DELAY, () => {}, this.#report.failed);
    if (this.#isOver) {
      return;
    }
    new Promise((resolve) => {
      resolve(Reflect.apply(lookup, undefined, [name]));
    }).then(
      (answer) => this.#answered(() => this.#report.found(toTexts(answer, `${WHERE}: what lookup gave`).map(toAddress))),
      (reason) => this.#answered(() => this.#report.failed(ownLookupFailed(host, port, reason))),
    );
  }

  /** @param {() => void} act handles the program's answer; it may throw when it converts the answer */
  #answered(act) {
    if (this.#isOver) {
      return;
    }
    this.cancel();
    this.#record.runInAsyncScope(() => {
      try {
        act();
      } catch (error) {
        this.#report.threw(error);
      }
    });
  }

  /** Ends the look-up. It reports nothing afterwards. */
  cancel() {
    this.#isOver = true;
    if (this.#id !== GONE) {
      cancel(this.#id);
      this.#id = GONE;
    }
  }
}

module.exports = { Lookup };
