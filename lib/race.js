"use strict";

// The work of connect() (R-connect). It looks up the host's addresses, and tries them as RFC 8305 (Happy Eyeballs) says: the first
// connection that is established wins. If the options ask for TLS, the handshake follows on that connection.

const { follow } = require("./abort.js");
const { beginHandshake } = require("./diagnostics.js");
const { fromFailure } = require("./errors.js");
const { Lookup } = require("./lookup.js");
const { Kind, binding } = require("./native.js");
const { packageInstance } = require("./package-instance.js");
const { cancel, reference, register, unregister } = require("./pending-operations.js");
const { allFailed, blocked, handshakeFailed, lookupTimedOut, notFound } = require("./race-errors.js");
const { GONE } = require("./socket-record.js");
const { discard } = require("./sockets.js");
const { SHARES_LOCAL_PORT, membersOf } = require("./tcp-options.js");
const { establish, newRecord } = require("./tcp-socket.js");
const { startTimer } = require("./timer.js");
const { leadOn, leadTo } = require("./trace.js");

const { openAttempt, reset, startTls } = binding;

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {import("./host.js").Address} Address */
/** @typedef {InstanceType<typeof import("./tcp-socket.js").TCPSocket>} TCPSocket */

/** The beginning of the message of each exception. */
const WHERE = "connect()";

/** The time between the starts of two attempts, in milliseconds, as RFC 8305 recommends. */
const ATTEMPT_DELAY = 250;
/** The shortest time between the starts of two attempts that RFC 8305 permits, in milliseconds. */
const LEAST_ATTEMPT_DELAY = 10;

/**
 * The time that a TLS handshake may take if there is no connectTimeout, in milliseconds: about as long as the system tries to connect.
 */
const HANDSHAKE_TIMEOUT = 120_000;

/**
 * An attempt to connect to one address.
 *
 * @typedef {object} Attempt
 * @property {string} address
 * @property {number} id the id of its native socket; GONE when the attempt has ended
 * @property {Error | undefined} error the error of the attempt; undefined while it has not failed
 * @property {string} why the reason in a few words; "" while it has not failed
 */

/**
 * An object without a prototype, of which the members of openTcp() count, except connectTimeout and secure.
 *
 * @typedef {{ localPort?: number | undefined, framing?: import("./framing.js").Framing | undefined }} Settings
 */

/**
 * @typedef {object} RaceOptions
 * @property {Settings} settings the options for the socket of each attempt
 * @property {4 | 6 | undefined} family the family of localAddress
 * @property {Function} [allowAddress]
 * @property {number} [attemptDelay]
 * @property {number} [connectTimeout]
 * @property {"ipv4" | "ipv6"} [dnsQueryType]
 * @property {Function} [lookup]
 * @property {AbortSignal | undefined} signal not aborted yet
 * @property {import("./trace.js").Trace | null} trace the stack of the call
 * @property {import("./secure-transport.js").SecureTransportKind} kind the attribute secureTransport of the socket
 * @property {import("./secure-transport.js").SecureOptions | undefined} secure the TLS options; undefined: no TLS
 */

/** The members of openTcp()'s options that connect() itself follows. */
const OF_THE_RACE = membersOf({ connectTimeout: true, secure: true });

/** Those that are not settled, in no order. It is no Set for the reason that id-table.js gives. @type {Race[]} */
const races = [];

/** One connect(), from its call until its promise is settled. */
class Race {
  /** The record of the future socket. It is made here so that its events run in the async context of the call (R-context). */
  #record = newRecord(undefined);
  /** The host name that is looked up and verified. */
  #name;
  /** Whether the host is a name, not an address. */
  #isName;
  /** The host in messages. */
  #host;
  /** The port of all attempts. */
  #port;
  /** The options of the call. */
  #options;
  /** Settles the promise of connect(). */
  #settle;
  /** True once the promise is settled. */
  #isOver = false;
  /** The index in the list of races; GONE if it is not there. */
  #place = GONE;

  /** The look-up; undefined where none is needed. @type {InstanceType<typeof import("./lookup.js").Lookup> | undefined} */
  #lookup;
  /** The id of the timer of connectTimeout; GONE if there is none. */
  #timeout = GONE;
  /** The id of the timer that starts the next attempt; GONE if there is none. */
  #delay = GONE;
  /** The id of the connection that has won, while its TLS handshake runs; otherwise GONE. */
  #handshake = GONE;

  /** The TLS handshake on the channels of diagnostics; null before it, and without a subscriber. @type {import("./channels.js").Operation | null} */
  #handshaking = null;

  /** The options of the attempts that the native half reads, as bits (tcp-options.js). */
  #members = 0;
  /** The addresses that are not tried yet, in order. @type {Address[]} */
  #waiting = [];
  /** The attempts, in the order of their starts. @type {Attempt[]} */
  #attempts = [];
  /** The attempt that was the last to fail; undefined while none has failed. @type {Attempt | undefined} */
  #lastFailed;

  /**
   * @param {import("./host.js").Host} target
   * @param {number} port
   * @param {RaceOptions} options
   * @param {{ resolve: (socket: TCPSocket) => void, reject: (reason: unknown) => void }} settle
   */
  constructor({ name, text, address }, port, options, settle) {
    this.#name = name;
    this.#host = text;
    this.#port = port;
    this.#options = options;
    this.#settle = settle;
    this.#record.pending = true;
    this.#isName = address === undefined;
  }

  /** Starts the race. @param {Address | undefined} address the address, if the host is one; undefined if it is a name */
  start(address) {
    this.#place = races.length;
    races[this.#place] = this;
    try {
      this.#begin(address);
    } catch (error) {
      // #fail() ends everything that was started before.
      this.#fail(error);
    }
  }

  /** @param {Address | undefined} address */
  #begin(address) {
    const { connectTimeout = 0, dnsQueryType, family, signal } = this.#options;
    const asked = familyOf(dnsQueryType);
    if (asked !== undefined && family !== undefined && asked !== family) {
      this.#failWith(notFound(this.#host, this.#port, false, asked, family));
      return;
    }
    if (signal !== undefined) {
      // R-abort. When the race is won, the socket follows the signal instead.
      follow(signal, this.#record, (reason) => this.#fail(reason));
    }
    if (connectTimeout > 0) {
      this.#timeout = this.#startTimer(connectTimeout, () => this.#timedOut(connectTimeout));
    }
    if (this.#isOver) {
      return;
    }
    if (address !== undefined) {
      this.#found([address]);
    } else {
      this.#lookUp(this.#options.lookup);
    }
  }

  // --- the look-up ---

  /** @param {Function | undefined} lookup the program's function; undefined: the system's resolver is asked */
  #lookUp(lookup) {
    const query = { name: this.#name, host: this.#host, port: this.#port, family: this.#family() };
    this.#lookup = new Lookup(this.#record, query, {
      found: (addresses) => this.#found(addresses),
      failed: (error) => this.#failWith(error),
      threw: (error) => this.#fail(leadOn(error, this.#options.trace)),
    });
    if (lookup === undefined) {
      this.#lookup.askSystem();
    } else {
      this.#lookup.askProgram(lookup);
    }
  }

  /** The only family that the options allow; undefined: both. */
  #family() {
    const { dnsQueryType, family } = this.#options;
    return familyOf(dnsQueryType) ?? family;
  }

  /** Starts the attempts. @param {Address[]} addresses in the order of preference */
  #found(addresses) {
    const wanted = this.#family();
    const usable = addresses.filter(({ family }) => wanted === undefined || family === wanted);
    if (usable.length === 0) {
      const { dnsQueryType, family } = this.#options;
      this.#failWith(notFound(this.#host, this.#port, addresses.length > 0, familyOf(dnsQueryType), family));
      return;
    }
    this.#waiting = alternating(usable);
    const { settings } = this.#options;
    const members = membersOf(settings) & ~OF_THE_RACE;
    this.#members = usable.length > 1 && settings.localPort ? members | SHARES_LOCAL_PORT : members;
    this.#next();
  }

  // --- the attempts ---

  /** Starts the next attempt. If none is left, and all have failed, the race fails. */
  #next() {
    cancelIfPending(this.#delay);
    this.#delay = GONE;
    while (this.#waiting.length > 0) {
      const { address } = /** @type {Address} */ (this.#waiting.shift());
      const isAllowed = this.#isAllowed(address);
      if (this.#isOver) {
        return;
      }
      /** @type {Attempt} */
      const attempt = { address, id: GONE, error: undefined, why: "" };
      this.#attempts.push(attempt);
      if (!isAllowed) {
        attempt.error = blocked(address, this.#port);
        attempt.why = "not allowed";
      } else if (this.#attempt(attempt)) {
        if (this.#waiting.length > 0) {
          const { attemptDelay = ATTEMPT_DELAY } = this.#options;
          this.#delay = this.#startTimer(Math.max(attemptDelay, LEAST_ATTEMPT_DELAY), () => this.#next());
        }
        return;
      }
    }
    this.#failIfAllHave();
  }

  /**
   * Asks the program's allowAddress() whether to connect to an address.
   *
   * @param {string} address
   */
  #isAllowed(address) {
    const { allowAddress } = this.#options;
    if (allowAddress === undefined) {
      return true;
    }
    try {
      const answer = Reflect.apply(allowAddress, undefined, [address]);
      if (typeof answer?.then === "function") {
        // A promise would count as true, whatever its result.
        throw leadOn(new TypeError(`${WHERE}: options.allowAddress returned a promise; it has to answer at once`), this.#options.trace);
      }
      return Boolean(answer);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /**
   * Starts an attempt. Returns false if it has failed at once.
   *
   * @param {Attempt} attempt
   */
  #attempt(attempt) {
    const opened = openAttempt(packageInstance(), attempt.address, this.#port, this.#options.settings, this.#members);
    if (!("id" in opened)) {
      this.#failed(attempt, opened);
      return false;
    }
    attempt.id = opened.id;
    register(this.#record, opened.id, (kind, a, b) => {
      if (kind === Kind.STREAM_OPEN) {
        this.#won(attempt, a, b);
      } else if (kind === Kind.STREAM_ERROR) {
        attempt.id = GONE;
        this.#failed(attempt, a);
        // The delay began with the newest attempt. If the newest attempt fails, the next one starts at once.
        if (attempt === this.#attempts.at(-1)) {
          this.#next();
        } else {
          this.#failIfAllHave();
        }
      }
    });
    return true;
  }

  /**
   * Records that an attempt has failed.
   *
   * @param {Attempt} attempt
   * @param {Failure} failure
   */
  #failed(attempt, failure) {
    attempt.error = fromFailure(failure, WHERE);
    attempt.why = `${failure.reason} (${failure.code})`;
    this.#lastFailed = attempt;
  }

  /** Fails if no address is left and every attempt has failed. */
  #failIfAllHave() {
    if (this.#waiting.length === 0 && this.#attempts.every(({ error }) => error !== undefined)) {
      this.#failAll();
    }
  }

  /**
   * Handles the attempt that has connected first, and ends the others.
   *
   * @param {Attempt} attempt
   * @param {number | string} localAddress
   * @param {number} localPort
   */
  #won(attempt, localAddress, localPort) {
    const { address: remoteAddress, id } = attempt;
    unregister(id);
    attempt.id = GONE;
    this.#endAttempts();
    const { connectTimeout, kind, secure, settings, signal } = this.#options;
    const record = this.#record;
    const succeed = () => {
      this.#end();
      const hostName = this.#isName ? this.#name : undefined;
      const { framing } = settings;
      const socket = establish({
        id, remoteAddress, remotePort: this.#port, localAddress, localPort, record, signal, connectTimeout, hostName, secureTransport: kind, framing,
      });
      this.#handshaking?.fulfilled(record.secure?.info, { socket });
      this.#settle.resolve(socket);
    };
    if (secure === undefined) {
      succeed();
    } else {
      this.#secure(id, secure, remoteAddress, succeed);
    }
  }

  /**
   * Starts the TLS handshake on the connection that has won. If the handshake fails, no other address is tried.
   *
   * @param {number} id
   * @param {import("./secure-transport.js").SecureOptions} secure
   * @param {string} address
   * @param {() => void} succeed
   */
  #secure(id, secure, address, succeed) {
    const { connectTimeout } = this.#options;
    /** @param {Failure} failure */
    const failed = (failure) => this.#failWith(handshakeFailed(this.#host, address, this.#port, failure));
    this.#handshake = id;
    // If there is a connectTimeout, its timer covers the handshake, too.
    const limit = connectTimeout === undefined ? HANDSHAKE_TIMEOUT : 0;
    /** @type {Failure | undefined} */
    let failure;
    this.#handshaking = beginHandshake({ host: this.#host, port: this.#port }, () => {
      failure = startTls(id, secure, this.#name, limit, false);
    });
    if (failure !== undefined) {
      failed(failure);
      return;
    }
    register(this.#record, id, (kind, what) => {
      switch (kind) {
        case Kind.STREAM_SECURED:
          unregister(id);
          this.#handshake = GONE;
          succeed();
          break;
        case Kind.STREAM_ERROR:
          failed(what);
          break;
        case Kind.STREAM_CLOSE:
          failed({ name: "NetworkError", code: "ECONNRESET", reason: "the peer has ended the connection" });
          break;
      }
    });
  }

  // --- the end ---

  /** connectTimeout has passed. @param {number} after the value of connectTimeout, in milliseconds */
  #timedOut(after) {
    const reason = `it took longer than connectTimeout (${after} ms)`;
    if (this.#handshake !== GONE) {
      const { address } = /** @type {Attempt} */ (this.#attempts.find(({ error }) => error === undefined));
      this.#failWith(handshakeFailed(this.#host, address, this.#port, { name: "NetworkError", code: "ETIMEDOUT", reason }));
      return;
    }
    if (this.#attempts.length === 0) {
      this.#failWith(lookupTimedOut(this.#host, this.#port, reason));
      return;
    }
    for (const attempt of this.#attempts) {
      if (attempt.error === undefined) {
        const { address } = attempt;
        this.#failed(attempt, { name: "NetworkError", code: "ETIMEDOUT", syscall: "connect", address, port: this.#port, reason });
      }
    }
    this.#failAll();
  }

  /** Fails with the errors of all attempts. */
  #failAll() {
    const error = allFailed(this.#host, this.#port, this.#attempts, this.#lastFailed);
    for (const each of [error.cause, ...this.#attempts.map((attempt) => attempt.error)]) {
      if (each !== undefined) {
        leadTo(each, this.#options.trace);
      }
    }
    this.#failWith(error);
  }

  /** Ends the race, if it is not over. @param {Error} error */
  abort(error) {
    this.#failWith(error);
  }

  /**
   * Whether the race, and the socket that it leads to, keep the process alive. Without a call they do.
   *
   * @param {boolean} isReferenced
   */
  reference(isReferenced) {
    reference(this.#record, isReferenced);
  }

  /** Fails with an error of the package. Its stack shows the call of connect(). @param {Error} error */
  #failWith(error) {
    this.#fail(leadTo(error, this.#options.trace));
  }

  /** Rejects the promise. @param {unknown} reason an error of the package, or a value of the program */
  #fail(reason) {
    if (!this.#isOver) {
      this.#end();
      discard(this.#record);
      this.#handshaking?.rejected(reason);
      this.#settle.reject(reason);
    }
  }

  /** Ends everything that is still pending. It reports nothing. */
  #end() {
    this.#isOver = true;
    this.#leave();
    this.#record.pending = false;
    this.#endAttempts();
    this.#lookup?.cancel();
    cancelIfPending(this.#timeout);
    if (this.#handshake !== GONE) {
      unregister(this.#handshake);
      reset(this.#handshake);
    }
  }

  /** Leaves the list of races. The last one takes its place. */
  #leave() {
    if (this.#place >= 0) {
      const last = /** @type {Race} */ (races.pop());
      if (last !== this) {
        races[this.#place] = last;
        last.#place = this.#place;
      }
      this.#place = GONE;
    }
  }

  /** Ends the attempts that are pending, and starts no more. */
  #endAttempts() {
    this.#waiting = [];
    cancelIfPending(this.#delay);
    this.#delay = GONE;
    for (const attempt of this.#attempts) {
      cancelIfPending(attempt.id);
      attempt.id = GONE;
    }
  }

  /**
   * Starts a timer.
   *
   * @param {number} milliseconds
   * @param {() => void} expired
   */
  #startTimer(milliseconds, expired) {
    return startTimer(this.#record, milliseconds, expired, (error) => this.#failWith(error));
  }
}

/**
 * Ends a pending operation, if there is one.
 *
 * @param {number} id GONE: there is none
 */
function cancelIfPending(id) {
  if (id !== GONE) {
    cancel(id);
  }
}

/** The family that dnsQueryType asks for; undefined: both. @param {"ipv4" | "ipv6" | undefined} dnsQueryType */
function familyOf(dnsQueryType) {
  return dnsQueryType === undefined ? undefined : dnsQueryType === "ipv4" ? 4 : 6;
}

/**
 * Sorts addresses so that the two families alternate (RFC 8305, section 4). The family of the first address begins, and the addresses of
 * each family keep their order.
 *
 * @param {Address[]} addresses
 */
function alternating(addresses) {
  const [first] = addresses;
  const ours = addresses.filter(({ family }) => family === first.family);
  const others = addresses.filter(({ family }) => family !== first.family);
  const result = [];
  for (let index = 0; result.length < addresses.length; index++) {
    result.push(...ours.slice(index, index + 1), ...others.slice(index, index + 1));
  }
  return result;
}

module.exports = { Race, races };
