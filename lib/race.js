"use strict";

// What connect() does: the addresses that the look-up gives are raced as RFC 8305 (Happy Eyeballs) says, and TLS, where it is asked
// for, is made on the connection that won (R-connect).

const { follow } = require("./abort.js");
const { fromFailure } = require("./errors.js");
const { known, parseAddress } = require("./host.js");
const native = require("./native.js");
const { allFailed, blocked, handshakeFailed, lookupFailed, lookupTimedOut, notFound, ownLookupFailed } = require("./race-errors.js");
const { establish, newRecord } = require("./tcp-socket.js");
const { leadOn, leadTo } = require("./trace.js");
const { bare, sequence, toDOMString } = require("./webidl.js");

const { GONE, Kind } = native;
const { close, openLookup, openTcp, openTimer, reset, startTls } = native.binding;

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {import("./host.js").Address} Address */
/** @typedef {InstanceType<typeof import("./tcp-socket.js").TCPSocket>} TCPSocket */

const WHERE = "connect()";

const toTexts = sequence(toDOMString);
/** @param {string} text */
const literal = (text) => parseAddress(text, WHERE);

/** ms; RFC 8305 recommends it, and no less than 10. */
const ATTEMPT_DELAY = 250;
const LEAST_ATTEMPT_DELAY = 10;

/** ms; the longest timer that there is, which only keeps the process alive. */
const FOREVER = 0xffffffff;

/** ms that a handshake may take where there is no connectTimeout: about what the system gives a connection attempt. */
const PATIENCE = 120_000;

/**
 * One address that it was or is tried to connect to.
 *
 * @typedef {object} Attempt
 * @property {string} address
 * @property {number} id the native socket's while it is under way
 * @property {Error | undefined} error why it failed
 * @property {string} why the same, short
 */

/**
 * @typedef {object} Options
 * @property {Record<string, unknown>} settings what each attempt's socket is opened with
 * @property {4 | 6 | undefined} family
 * @property {Function} [allowAddress]
 * @property {number} [attemptDelay]
 * @property {number} [connectTimeout]
 * @property {"ipv4" | "ipv6"} [dnsQueryType]
 * @property {Function} [lookup]
 * @property {AbortSignal | undefined} signal not aborted yet
 * @property {import("./trace.js").Trace | null} trace the call
 * @property {import("./secure-transport.js").SecureTransportKind} kind what it told of TLS
 * @property {import("./secure-transport.js").SecureOptions | undefined} secure TLS is asked for
 */

/** One connect(), from its call until its promise is settled. */
class Race {
  /** The async resource of the socket to be, made in the context of the call (R-context). */
  #record = newRecord(undefined);
  /** As it is looked up. */
  #name;
  /** As messages tell it. */
  #host;
  #port;
  #options;
  #settle;
  #isOver = false;

  /** Errands under way beside the attempts. */
  #lookup = GONE;
  #timeout = GONE;
  #delay = GONE;
  /** The connection that has won, while TLS is being made on it. */
  #handshake = GONE;

  /** Several attempts are to be made from one port. */
  #sharesLocalPort = false;
  /** Still to be tried, in order. @type {Address[]} */
  #waiting = [];
  /** In order. @type {Attempt[]} */
  #attempts = [];
  /** Those that failed at connecting, the last one last in time. @type {Attempt | undefined} */
  #lastFailed;

  /**
   * @param {import("./host.js").Host} target
   * @param {number} port
   * @param {Options} options
   * @param {{ resolve: (socket: TCPSocket) => void, reject: (reason: unknown) => void }} settle
   */
  constructor({ name, text, address }, port, options, settle) {
    this.#name = name;
    this.#host = text;
    this.#port = port;
    this.#options = options;
    this.#settle = settle;
    this.#record.pending = true;
    // For startTls() later. An address is verified as the socket has it.
    this.#record.hostName = address === undefined ? name : null;
  }

  /** @param {Address | undefined} address what the host is, if it is no name */
  start(address) {
    try {
      this.#begin(address);
    } catch (error) {
      // Nothing that is under way is left behind.
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
      // R-abort; from its winning on the socket follows it.
      follow(signal, this.#record, (reason) => this.#fail(reason));
    }
    if (connectTimeout > 0) {
      this.#timeout = this.#openTimer(connectTimeout, () => this.#timedOut(connectTimeout));
    }
    if (this.#isOver) {
      return;
    }
    if (address !== undefined) {
      this.#found([address]);
    } else if (this.#options.lookup !== undefined) {
      this.#ask(this.#options.lookup);
    } else {
      this.#lookUp();
    }
  }

  // --- the look-up ---

  /** Asks the system's resolver. */
  #lookUp() {
    const opened = openLookup(native.host(), this.#name, this.#family() ?? 0);
    if (!("id" in opened)) {
      this.#failWith(fromFailure(opened, WHERE));
      return;
    }
    this.#lookup = opened.id;
    native.entrust(this.#record, opened.id, (_kind, answer) => {
      this.#lookup = GONE;
      if (Array.isArray(answer)) {
        this.#found(answer.map(known));
      } else {
        this.#failWith(lookupFailed(this.#host, this.#port, this.#family(), answer));
      }
    });
  }

  /** @param {Function} lookup the caller's own, which may answer late, badly or never */
  #ask(lookup) {
    this.#lookup = this.#openTimer(FOREVER, () => {});
    if (this.#isOver) {
      return;
    }
    new Promise((resolve) => {
      resolve(Reflect.apply(lookup, undefined, [this.#name]));
    }).then(
      (answer) => this.#answered(() => this.#found(toTexts(answer, `${WHERE}: what lookup gave`).map(literal))),
      (reason) => this.#answered(() => this.#failWith(ownLookupFailed(this.#host, this.#port, reason))),
    );
  }

  /** @param {() => void} act on what the caller's lookup came to, which may throw when it is looked at */
  #answered(act) {
    if (this.#isOver) {
      return;
    }
    this.#cancel(this.#lookup);
    this.#lookup = GONE;
    this.#record.runInAsyncScope(() => {
      try {
        act();
      } catch (error) {
        this.#fail(leadOn(error, this.#options.trace));
      }
    });
  }

  /** The family that options leave. */
  #family() {
    const { dnsQueryType, family } = this.#options;
    return familyOf(dnsQueryType) ?? family;
  }

  /** @param {Address[]} addresses preferred first */
  #found(addresses) {
    const wanted = this.#family();
    const usable = addresses.filter(({ family }) => wanted === undefined || family === wanted);
    if (usable.length === 0) {
      const { dnsQueryType, family } = this.#options;
      this.#failWith(notFound(this.#host, this.#port, addresses.length > 0, familyOf(dnsQueryType), family));
      return;
    }
    this.#waiting = alternating(usable);
    this.#sharesLocalPort = usable.length > 1 && Boolean(this.#options.settings.localPort);
    this.#next();
  }

  // --- the attempts ---

  /** Starts the next attempt, or fails where there is none left to start or to wait for. */
  #next() {
    this.#cancel(this.#delay);
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
          this.#delay = this.#openTimer(Math.max(attemptDelay, LEAST_ATTEMPT_DELAY), () => this.#next());
        }
        return;
      }
    }
    this.#failIfAllHave();
  }

  /**
   * Asks the caller about what is about to be connected to.
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
        // It would count as true, whatever it comes to.
        throw leadOn(new TypeError(`${WHERE}: options.allowAddress returned a promise; it has to answer at once`), this.#options.trace);
      }
      return Boolean(answer);
    } catch (error) {
      this.#fail(error);
      return false;
    }
  }

  /**
   * Returns whether the attempt is under way.
   *
   * @param {Attempt} attempt
   */
  #attempt(attempt) {
    const opened = openTcp(
      native.host(),
      bare({
        ...this.#options.settings,
        remoteAddress: attempt.address,
        remotePort: this.#port,
        sharesLocalPort: this.#sharesLocalPort,
      }),
    );
    if (!("id" in opened)) {
      this.#failed(attempt, opened);
      return false;
    }
    attempt.id = opened.id;
    native.entrust(this.#record, opened.id, (kind, a, b) => {
      if (kind === Kind.TCP_OPEN) {
        this.#won(attempt, a, b);
      } else if (kind === Kind.TCP_ERROR) {
        attempt.id = GONE;
        this.#failed(attempt, a);
        // The delay runs from the newest attempt, and that one's failure ends it.
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
   * @param {Attempt} attempt
   * @param {Failure} failure
   */
  #failed(attempt, failure) {
    attempt.error = fromFailure(failure, WHERE);
    attempt.why = `${failure.reason} (${failure.code})`;
    this.#lastFailed = attempt;
  }

  #failIfAllHave() {
    if (this.#waiting.length === 0 && this.#attempts.every(({ error }) => error !== undefined)) {
      this.#failAll();
    }
  }

  /**
   * @param {Attempt} attempt
   * @param {number | string} localAddress
   * @param {number} localPort
   */
  #won(attempt, localAddress, localPort) {
    const { address: remoteAddress, id } = attempt;
    native.dismiss(id);
    attempt.id = GONE;
    this.#endAttempts();
    const { connectTimeout, kind, secure, signal } = this.#options;
    const record = this.#record;
    const succeed = () => {
      this.#end();
      const ends = { remoteAddress, remotePort: this.#port, localAddress, localPort };
      this.#settle.resolve(establish({ id, ...ends, record, signal, connectTimeout, secureTransport: kind }));
    };
    if (secure === undefined) {
      succeed();
    } else {
      this.#secure(id, secure, remoteAddress, succeed);
    }
  }

  /**
   * TLS on the connection that won: no other address is tried where it fails.
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
    // connectTimeout's own timer covers this, too.
    const failure = startTls(id, secure, this.#name, connectTimeout === undefined ? PATIENCE : 0, false);
    if (failure !== undefined) {
      failed(failure);
      return;
    }
    native.entrust(this.#record, id, (kind, what) => {
      switch (kind) {
        case Kind.TCP_SECURED:
          native.dismiss(id);
          this.#handshake = GONE;
          succeed();
          break;
        case Kind.TCP_ERROR:
          failed(what);
          break;
        case Kind.TCP_CLOSE:
          failed({ name: "NetworkError", code: "ECONNRESET", reason: "the peer has ended the connection" });
          break;
      }
    });
  }

  // --- the end ---

  /** @param {number} after ms */
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

  #failAll() {
    const error = allFailed(this.#host, this.#port, this.#attempts, this.#lastFailed);
    for (const each of [error.cause, ...this.#attempts.map((attempt) => attempt.error)]) {
      if (each !== undefined) {
        leadTo(each, this.#options.trace);
      }
    }
    this.#failWith(error);
  }

  /** @param {Error} error of the package's own making */
  #failWith(error) {
    this.#fail(leadTo(error, this.#options.trace));
  }

  /** @param {unknown} reason perhaps the program's own */
  #fail(reason) {
    if (!this.#isOver) {
      this.#end();
      native.discard(this.#record);
      this.#settle.reject(reason);
    }
  }

  /** Nothing that is still under way is wanted any more: closed without a word. */
  #end() {
    this.#isOver = true;
    this.#record.pending = false;
    this.#endAttempts();
    this.#cancel(this.#lookup);
    this.#cancel(this.#timeout);
    if (this.#handshake !== GONE) {
      native.dismiss(this.#handshake);
      reset(this.#handshake);
    }
  }

  #endAttempts() {
    this.#waiting = [];
    this.#cancel(this.#delay);
    this.#delay = GONE;
    for (const attempt of this.#attempts) {
      this.#cancel(attempt.id);
      attempt.id = GONE;
    }
  }

  /** @param {number} id */
  #cancel(id) {
    if (id !== GONE) {
      native.dismiss(id);
      close(id);
    }
  }

  /**
   * @param {number} after ms
   * @param {() => void} handler
   */
  #openTimer(after, handler) {
    const opened = openTimer(native.host(), after);
    if (!("id" in opened)) {
      this.#failWith(fromFailure(opened, WHERE));
      return GONE;
    }
    native.entrust(this.#record, opened.id, (kind, failure) => {
      if (kind === Kind.TIMER) {
        handler();
      } else {
        this.#fail(fromFailure(failure, WHERE));
      }
    });
    return opened.id;
  }
}

/** @param {"ipv4" | "ipv6" | undefined} dnsQueryType */
function familyOf(dnsQueryType) {
  return dnsQueryType === undefined ? undefined : dnsQueryType === "ipv4" ? 4 : 6;
}

/**
 * The order of the addresses, but for the families taking turns, the first one's first (RFC 8305, section 4).
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

module.exports = { Race };
