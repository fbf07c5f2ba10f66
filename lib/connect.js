"use strict";

// connect(): a TCPSocket by host name. The addresses that the look-up gives are raced as RFC 8305 (Happy Eyeballs) says (R-connect).

const { follow } = require("./abort.js");
const { because, endpoint, fromFailure, invalidAccess, networkError, notSupported } = require("./errors.js");
const { parseAddress, parseHost } = require("./host.js");
const native = require("./native.js");
const { requirePermission } = require("./permission.js");
const { checkTCPOptions, establish, newRecord, toTCPOptions } = require("./tcp-socket.js");
const {
  checkPort,
  dictionary,
  enumeration,
  missingArguments,
  shown,
  toDOMString,
  toEnforcedUnsignedLong,
  toFunction,
  toNumber,
} = require("./webidl.js");

const { GONE, Kind } = native;
const { close, openLookup, openTcp, openTimer } = native.binding;

/** @typedef {import("./errors.js").Failure} Failure */
/** @typedef {import("./host.js").Address} Address */
/** @typedef {InstanceType<typeof import("./tcp-socket.js").TCPSocket>} TCPSocket */

const WHERE = "connect()";

/** ms; RFC 8305 recommends it, and no less than 10. */
const ATTEMPT_DELAY = 250;
const LEAST_ATTEMPT_DELAY = 10;

/** ms; the longest timer that there is, which only keeps the process alive. */
const FOREVER = 0xffffffff;

/** How many addresses the message of a failure tells of; its cause has them all. */
const TOLD = 4;

/** The members beyond those of TCPOptions, which Web IDL converts first. */
const toConnectOptions = dictionary({
  allowAddress: toFunction,
  attemptDelay: toEnforcedUnsignedLong,
  dnsQueryType: enumeration(/** @type {const} */ (["ipv4", "ipv6"])),
  lookup: toFunction,
});

/**
 * @param {unknown} host
 * @param {unknown} port
 * @param {unknown} [options]
 * @returns {Promise<TCPSocket>}
 */
function connect(host, port, options = undefined) {
  try {
    if (arguments.length < 2) {
      throw missingArguments(WHERE, 2, arguments.length);
    }
    const text = toDOMString(host, "host");
    const number = toNumber(port, "port");
    const converted = toTCPOptions(options, "options");
    const own = toConnectOptions(options, "options");
    requirePermission(WHERE);

    checkPort(number, 1, `${WHERE}: port`);
    const { secure, settings } = checkTCPOptions(converted, WHERE);
    if (secure !== undefined) {
      throw notSupported(`${WHERE}: TLS is not wired in yet; use startTls() on the socket`);
    }
    const target = parseHost(text, WHERE);
    const { connectTimeout, ...eachOf } = settings;
    const family = familyOf(settings.localAddress);
    return new Promise((resolve, reject) => {
      const race = { ...own, connectTimeout, family, settings: eachOf, signal: converted.signal };
      new Race(target, number, race, { resolve, reject }).start(target.address);
    });
  } catch (error) {
    return Promise.reject(error);
  }
}

/**
 * The family that localAddress leaves.
 *
 * @param {string | undefined} localAddress
 */
function familyOf(localAddress) {
  if (localAddress === undefined) {
    return undefined;
  }
  const parsed = native.binding.parseAddress(localAddress);
  if (!("address" in parsed && "family" in parsed)) {
    throw invalidAccess(`${WHERE}: options.localAddress ${parsed.reason}`);
  }
  return parsed.family;
}

/**
 * One address that it was or is tried to connect to.
 *
 * @typedef {object} Attempt
 * @property {string} address
 * @property {number} id the native socket's while it is under way
 * @property {string} localAddress
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

  /** Several attempts are to be made from one port. */
  #sharesLocalPort = false;
  /** Still to be tried, in order. @type {Address[]} */
  #waiting = [];
  /** In order. @type {Attempt[]} */
  #attempts = [];
  /** Those that failed at connecting, the last one last in time. @type {Attempt | undefined} */
  #lastFailed;

  /**
   * @param {{ name: string, text: string }} target
   * @param {number} port
   * @param {Options} options
   * @param {{ resolve: (socket: TCPSocket) => void, reject: (reason: unknown) => void }} settle
   */
  constructor({ name, text }, port, options, settle) {
    this.#name = name;
    this.#host = text;
    this.#port = port;
    this.#options = options;
    this.#settle = settle;
    this.#record.pending = true;
  }

  /** @param {Address | undefined} address what the host is, if it is no name */
  start(address) {
    const { connectTimeout = 0, signal } = this.#options;
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
      this.#fail(fromFailure(opened, WHERE));
      return;
    }
    this.#lookup = opened.id;
    native.entrust(this.#record, opened.id, (_kind, answer) => {
      this.#lookup = GONE;
      if (Array.isArray(answer)) {
        this.#found(answer.map((text) => parseAddress(text, WHERE)));
      } else {
        this.#fail(lookupFailed(this.#host, answer));
      }
    });
  }

  /** @param {Function} lookup the caller's own, which may answer late, badly or never */
  #ask(lookup) {
    this.#lookup = this.#openTimer(FOREVER, () => {});
    new Promise((resolve) => {
      resolve(Reflect.apply(lookup, undefined, [this.#name]));
    }).then(
      (answer) => this.#answered(() => this.#found(toAddresses(answer))),
      (reason) => this.#answered(() => this.#fail(ownLookupFailed(this.#host, reason))),
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
        this.#fail(error);
      }
    });
  }

  /** The family that options leave. */
  #family() {
    const { dnsQueryType, family } = this.#options;
    return dnsQueryType === undefined ? family : dnsQueryType === "ipv4" ? 4 : 6;
  }

  /** @param {Address[]} addresses preferred first */
  #found(addresses) {
    const { dnsQueryType, family } = this.#options;
    const asked = { ipv4: 4, ipv6: 6 }[String(dnsQueryType)];
    const usable = addresses.filter((one) => (asked ?? one.family) === one.family && (family ?? one.family) === one.family);
    if (usable.length === 0) {
      this.#fail(notFound(this.#host, addresses.length, asked, family));
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
      const attempt = { address, id: GONE, localAddress: "", error: undefined, why: "" };
      this.#attempts.push(attempt);
      if (!isAllowed) {
        attempt.error = blocked(address, this.#port);
        attempt.why = "not allowed";
      } else if (this.#begin(attempt)) {
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
        throw new TypeError(`${WHERE}: options.allowAddress returned a promise; it has to answer at once`);
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
  #begin(attempt) {
    const opened = openTcp(native.host(), {
      ...this.#options.settings,
      remoteAddress: attempt.address,
      remotePort: this.#port,
      sharesLocalPort: this.#sharesLocalPort,
    });
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
      this.#fail(this.#failure());
    }
  }

  /**
   * @param {Attempt} attempt
   * @param {number | string} localAddress
   * @param {number} localPort
   */
  #won(attempt, localAddress, localPort) {
    const { id, address } = attempt;
    native.dismiss(id);
    attempt.id = GONE;
    this.#end();
    const { signal } = this.#options;
    const ends = { remoteAddress: address, remotePort: this.#port, localAddress, localPort };
    this.#settle.resolve(establish({ id, ...ends, record: this.#record, signal }));
  }

  // --- the end ---

  /** @param {number} after ms */
  #timedOut(after) {
    const reason = `it took longer than connectTimeout (${after} ms)`;
    if (this.#attempts.length === 0) {
      this.#fail(
        networkError(`${WHERE}: cannot look up ${this.#host}: ${reason}`, { code: "ETIMEDOUT", port: this.#port }),
      );
      return;
    }
    for (const attempt of this.#attempts) {
      if (attempt.error === undefined) {
        const { address } = attempt;
        this.#failed(attempt, { name: "NetworkError", code: "ETIMEDOUT", syscall: "connect", address, port: this.#port, reason });
      }
    }
    this.#fail(this.#failure());
  }

  /** Why none of the attempts succeeded: one exception for all. */
  #failure() {
    const attempts = /** @type {(Attempt & { error: Error })[]} */ (this.#attempts);
    const errors = attempts.map(({ error }) => error);
    if (errors.every(({ name }) => name === "InvalidAccessError")) {
      // The local end cannot be had (R-tcp-create).
      return errors[0];
    }
    const last = this.#lastFailed ?? attempts[attempts.length - 1];
    const { code, syscall } = /** @type {any} */ (last.error);
    const where = `${WHERE}: cannot connect to ${endpoint(this.#host, this.#port)}`;
    const count = errors.length === 1 ? "1 address" : `${errors.length} addresses`;
    return networkError(
      errors.length === 1
        ? `${where}${last.address === this.#host ? "" : ` (${last.address})`}: ${because(last.why, code)}`
        : `${where}, at none of ${count}: ${list(attempts)}`,
      { code, syscall, address: last.address, port: this.#port, cause: new AggregateError(errors, `${count} of ${this.#host} tried`) },
    );
  }

  /** @param {unknown} reason */
  #fail(reason) {
    if (!this.#isOver) {
      this.#end();
      this.#record.closed = true;
      this.#record.emitDestroy();
      this.#settle.reject(reason);
    }
  }

  /** Nothing that is still under way is wanted any more: closed without a word. */
  #end() {
    this.#isOver = true;
    this.#record.pending = false;
    this.#record.release?.();
    this.#record.release = null;
    this.#waiting = [];
    for (const id of [this.#lookup, this.#timeout, this.#delay, ...this.#attempts.map((attempt) => attempt.id)]) {
      this.#cancel(id);
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
      this.#fail(fromFailure(opened, WHERE));
      return GONE;
    }
    native.entrust(this.#record, opened.id, handler);
    return opened.id;
  }
}

/**
 * What became of each attempt, for a message.
 *
 * @param {Attempt[]} attempts
 */
function list(attempts) {
  const told = attempts.slice(0, TOLD).map(({ address, why }) => `${address}: ${why}`);
  return told.join("; ") + (attempts.length > TOLD ? `; and ${attempts.length - TOLD} more` : "");
}

/**
 * sequence<DOMString> of IP literals.
 *
 * @param {unknown} answer
 */
function toAddresses(answer) {
  if ((typeof answer !== "object" && typeof answer !== "function") || answer === null) {
    throw new TypeError(`${WHERE}: options.lookup must give a sequence of addresses, not ${shown(answer)}`);
  }
  const iterator = /** @type {any} */ (answer)[Symbol.iterator];
  if (typeof iterator !== "function") {
    throw new TypeError(`${WHERE}: options.lookup must give a sequence of addresses, and what it gave is not iterable`);
  }
  return Array.from({ [Symbol.iterator]: () => Reflect.apply(iterator, answer, []) }, (text) =>
    parseAddress(toDOMString(text, "an address that options.lookup gave"), WHERE),
  );
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

/**
 * @param {string} host
 * @param {number} count the addresses that it has
 * @param {...(number | undefined)} families what dnsQueryType asks for, and localAddress
 */
function notFound(host, count, ...families) {
  const [asked, local] = families;
  const why =
    count === 0
      ? "it has no address"
      : asked !== undefined && local !== undefined && asked !== local
        ? "dnsQueryType and localAddress leave no address"
        : asked !== undefined
          ? `it has no IPv${asked} address, which dnsQueryType asks for`
          : `it has no IPv${local} address, which is the family of localAddress`;
  return networkError(`${WHERE}: cannot connect to ${host}: ${why}`, { code: "ENOTFOUND" });
}

/**
 * @param {string} host
 * @param {Failure} failure
 */
function lookupFailed(host, { code, syscall, reason }) {
  return networkError(`${WHERE}: cannot look up ${host}: ${because(reason, code)}`, { code, syscall });
}

/**
 * @param {string} host
 * @param {unknown} reason what the caller's lookup() rejected with
 */
function ownLookupFailed(host, reason) {
  const { code, message } = /** @type {{ code?: unknown, message?: unknown }} */ (reason ?? {});
  return networkError(`${WHERE}: cannot look up ${host}: ${typeof message === "string" ? message : shown(reason)}`, {
    code: typeof code === "string" ? code : "ENOTFOUND",
    cause: reason,
  });
}

/**
 * @param {string} address
 * @param {number} port
 */
function blocked(address, port) {
  return networkError(`${WHERE}: options.allowAddress does not allow ${address}`, { code: "ERR_ADDRESS_BLOCKED", address, port });
}

module.exports = { connect };
