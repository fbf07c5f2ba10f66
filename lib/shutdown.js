"use strict";

// shutdown() of a server: closes the server, lets its connections end, and ends those that do not end in time (R-shutdown).

const { performance } = require("node:perf_hooks");
const { closeSocket, resetSocket, resetUndelivered } = require("./closing.js");
const { cancel } = require("./pending-operations.js");
const { GONE } = require("./socket-record.js");
const { readyState, sockets } = require("./sockets.js");
const { LONGEST_DELAY, startTimer } = require("./timer.js");
const { dictionary, toEnforcedUnsignedLong } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

/** The default of `timeout`, in milliseconds. */
const TIMEOUT = 30_000;

/** Why the sockets are no longer open, for exceptions of later calls. */
const WHY = "shutdown() of its server has closed it";

/** dictionary ShutdownOptions. */
const toShutdownOptions = dictionary({ grace: toEnforcedUnsignedLong, timeout: toEnforcedUnsignedLong });

/** The runtime's own clock, in milliseconds. It is stored because a test may replace it later. */
const now = performance.now.bind(performance);

/** A time at which something is done once. It can be brought forward, and not put off. */
class Deadline {
  /** The time on the clock of now(). Infinity: it was not set. -Infinity: it has passed. */
  #at = Infinity;
  /** The id of the timer; GONE if none runs. */
  #timer = GONE;
  /** The record of the server. */
  #record;
  /** What is done then. */
  #act;

  /**
   * @param {SocketRecord} record
   * @param {() => void} act
   */
  constructor(record, act) {
    this.#record = record;
    this.#act = act;
  }

  /** Whether the time has come. */
  get hasPassed() {
    return this.#at === -Infinity;
  }

  /**
   * Prepares to bring the deadline forward: starts the timer. Throws if there is no memory for it. Undefined: the deadline comes earlier
   * already.
   *
   * @param {number} milliseconds from now on
   */
  prepare(milliseconds) {
    const at = now() + milliseconds;
    return at < this.#at ? { at, timer: startOwnTimer(this.#record, milliseconds, () => this.pass()) } : undefined;
  }

  /** Brings the deadline forward. @param {{ at: number, timer: number } | undefined} prepared the result of prepare() */
  bringForward(prepared) {
    if (prepared !== undefined) {
      this.cancel();
      this.#at = prepared.at;
      this.#timer = prepared.timer;
    }
  }

  /** The time has come. */
  pass() {
    this.cancel();
    if (!this.hasPassed) {
      this.#at = -Infinity;
      this.#act();
    }
  }

  /** Stops the timer. */
  cancel() {
    if (this.#timer !== GONE) {
      cancel(this.#timer);
      this.#timer = GONE;
    }
  }
}

/**
 * Starts a timer. Throws if it cannot be started. If it fails later, it expires at once.
 *
 * @param {SocketRecord} record
 * @param {number} milliseconds
 * @param {() => void} expired
 */
function startOwnTimer(record, milliseconds, expired) {
  /** @type {DOMException | undefined} */
  let refusal;
  let isStarted = false;
  const failed = (/** @type {DOMException} */ error) => {
    if (isStarted) {
      expired();
    } else {
      refusal = error;
    }
  };
  const timer = startTimer(record, milliseconds, expired, failed, `${record.name}.shutdown()`);
  if (refusal !== undefined) {
    throw refusal;
  }
  isStarted = true;
  return timer;
}

/** The shutdown() of one server. Its timers keep the process alive until no connection is left. */
class Shutdown {
  /** The accepted sockets that are not yet "closed". @type {Set<SocketRecord>} */
  #left = new Set();
  /** The record of the server. */
  #record;
  /** The end of `grace`. */
  #grace;
  /** The end of `timeout`. */
  #timeout;
  /** A timer that keeps the process alive after `timeout`; GONE if none runs. */
  #guard = GONE;
  /** Fulfils the promise; null once it is fulfilled. @type {(() => void) | null} */
  #fulfil = null;

  /** @param {SocketRecord} record */
  constructor(record) {
    this.#record = record;
    this.#grace = new Deadline(record, () => this.#closeAll());
    this.#timeout = new Deadline(record, () => this.#resetAll());
    /** The promise that shutdown() returns. @type {Promise<void>} */
    this.promise = new Promise((resolve) => {
      this.#fulfil = () => resolve(undefined);
    });
  }

  /**
   * Sets the deadlines of one call. If an earlier call has set earlier ones, those stay.
   *
   * @param {number} grace
   * @param {number} timeout
   */
  schedule(grace, timeout) {
    if (this.#fulfil === null) {
      return;
    }
    const newTimeout = this.#timeout.prepare(timeout);
    try {
      this.#grace.bringForward(grace < timeout ? this.#grace.prepare(grace) : undefined);
    } catch (error) {
      // The deadlines of earlier calls stay.
      if (newTimeout !== undefined) {
        cancel(newTimeout.timer);
      }
      throw error;
    }
    this.#timeout.bringForward(newTimeout);
  }

  /** Collects the sockets that are left. */
  collect() {
    for (const record of sockets.values()) {
      if (record.server === this.#record) {
        this.#left.add(record);
      }
    }
  }

  /**
   * Does at once what has no time left.
   *
   * @param {number} grace
   * @param {number} timeout
   */
  begin(grace, timeout) {
    if (this.#fulfil === null) {
      return;
    }
    if (timeout === 0) {
      this.#timeout.pass();
    } else if (grace === 0) {
      this.#grace.pass();
    }
    this.check();
  }

  /** The server has delivered a client whose handshake was under way. @param {SocketRecord} record */
  accepted(record) {
    this.#left.add(record);
    if (this.#timeout.hasPassed) {
      resetSocket(record, WHY);
    } else if (this.#grace.hasPassed) {
      closeOpen(record);
    }
  }

  /** A socket of the server is "closed", and its `close` event has fired. @param {SocketRecord} record */
  closed(record) {
    this.#left.delete(record);
    this.check();
  }

  /** Fulfils the promise if nothing is left. */
  check() {
    if (this.#fulfil !== null && this.#left.size === 0 && this.#record.id === GONE) {
      this.#fulfil();
      this.#fulfil = null;
      this.#grace.cancel();
      this.#timeout.cancel();
      if (this.#guard !== GONE) {
        cancel(this.#guard);
      }
    }
  }

  /** Closes the sockets that are still open. */
  #closeAll() {
    this.#left.forEach(closeOpen);
  }

  /** Resets what is left. */
  #resetAll() {
    // The `close` events are still to come. Sockets with unref() would not keep the process alive until then.
    this.#guard = startTimer(this.#record, LONGEST_DELAY, () => {}, () => {});
    this.#left.forEach((record) => resetSocket(record, WHY));
    resetUndelivered(this.#record);
  }
}

/** Closes a socket that is "open" or "halfclosed". @param {SocketRecord} record */
function closeOpen(record) {
  if (readyState(record) !== "connecting") {
    closeSocket(record, WHY);
  }
}

/**
 * shutdown() of a server.
 *
 * @param {SocketRecord} record
 * @param {{ grace?: number, timeout?: number }} options
 * @param {() => void} closeServer closes the server, if it is open
 */
function shutDown(record, { grace = 0, timeout = TIMEOUT }, closeServer) {
  const extras = record.ensureExtras();
  const known = /** @type {Shutdown | undefined} */ (extras.shutdown);
  const shutdown = known ?? new Shutdown(record);
  shutdown.schedule(grace, timeout);
  if (known === undefined) {
    shutdown.collect();
    extras.shutdown = shutdown;
  }
  closeServer();
  shutdown.begin(grace, timeout);
  return shutdown.promise;
}

module.exports = { shutDown, toShutdownOptions };
