"use strict";

// The promises `opened` and `closed` (R-promises), and Symbol.asyncDispose, which waits for `closed` (R-dispose). Nothing is
// made before somebody asks.

const { noteCaller } = require("./trace.js");
const { illegalInvocation } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: unknown) => SocketRecord | undefined} RecordOf */

/** Node 20 knows it under this name in realms of its own making (jest, vm), too. */
const asyncDispose = /** @type {typeof Symbol.asyncDispose} */ (Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose"));

const ignore = () => {};

/** A promise to be settled from outside. A rejection that nobody looks at is not an unhandled one. */
class Deferred {
  constructor() {
    /** @type {(value: any) => void} */
    this.resolve = ignore;
    /** @type {(error: unknown) => void} */
    this.reject = ignore;
    /** @type {Promise<any>} */
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(ignore);
  }
}

/** The two of one socket. */
class Promises {
  /** @type {Deferred | null} */
  #opened = null;
  /** @type {Deferred | null} */
  #closed = null;
  #record;
  #describe;

  /**
   * @param {SocketRecord} record
   * @param {(record: SocketRecord) => object} describe
   */
  constructor(record, describe) {
    this.#record = record;
    this.#describe = describe;
  }

  get openedPromise() {
    if (this.#opened === null) {
      this.#opened = new Deferred();
      if (this.#record.opened) {
        this.opened();
      } else if (this.#record.failure !== null) {
        this.failed(this.#record.failure);
      }
    }
    return this.#opened.promise;
  }

  get closedPromise() {
    if (this.#closed === null) {
      this.#closed = new Deferred();
      if (this.#record.failure !== null) {
        this.failed(this.#record.failure);
      } else if (this.#record.finished) {
        this.finished();
      }
    }
    return this.#closed.promise;
  }

  opened() {
    this.#opened?.resolve(this.#describe(this.#record));
  }

  /** @param {unknown} error */
  failed(error) {
    // Settled once: after `open` it says nothing to `opened` any more.
    this.#opened?.reject(error);
    this.#closed?.reject(error);
  }

  finished() {
    this.#closed?.resolve(undefined);
  }
}

/**
 * Defines `opened`, `closed` and Symbol.asyncDispose.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {RecordOf} recordOf undefined for whatever is not of the interface
 * @param {(record: SocketRecord) => object} describe what `opened` is fulfilled with
 */
function definePromises({ name, prototype }, recordOf, describe) {
  /**
   * A member of Promise type rejects where others throw (R-shape).
   *
   * @param {unknown} socket
   * @param {string} member
   * @param {(promises: Promises) => Promise<any>} choose
   */
  const promise = (socket, member, choose) => {
    const record = recordOf(socket);
    if (record === undefined) {
      return Promise.reject(illegalInvocation(`${name}.${member}`));
    }
    record.promises ??= new Promises(record, describe);
    return choose(record.promises);
  };
  /**
   * Called by the getters themselves, whose callers count: a helper that they end with takes their place on JavaScriptCore's stack.
   *
   * @param {unknown} socket
   * @param {"opened" | "closed"} member
   */
  const note = (socket, member) => {
    const record = recordOf(socket);
    if (record !== undefined && record.trace === null) {
      noteCaller(record, /** @type {Function} */ (Object.getOwnPropertyDescriptor(members, member)?.get));
    }
  };
  const members = {
    get opened() {
      note(this, "opened");
      return promise(this, "opened", (promises) => promises.openedPromise);
    },
    get closed() {
      note(this, "closed");
      return promise(this, "closed", (promises) => promises.closedPromise);
    },
    async [asyncDispose]() {
      if (recordOf(this) === undefined) {
        throw illegalInvocation(`${name}[Symbol.asyncDispose]`);
      }
      /** @type {{ close(): void }} */ (/** @type {unknown} */ (this)).close();
      await promise(this, "closed", (promises) => promises.closedPromise).then(ignore, ignore);
    },
  };
  for (const [key, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(members))) {
    Object.defineProperty(prototype, key, descriptor);
  }
  const dispose = /** @type {PropertyDescriptor} */ (Object.getOwnPropertyDescriptor(members, asyncDispose));
  Object.defineProperty(prototype, asyncDispose, { ...dispose, enumerable: false });
}

module.exports = { Promises, definePromises };
