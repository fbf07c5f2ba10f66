"use strict";

// The promises `opened` and `closed` (R-promises), and Symbol.asyncDispose, which waits for `closed` (R-dispose). They are made when the
// program first asks for them.

const { noteCaller } = require("./trace.js");
const { checkedRecord, illegalInvocation } = require("./webidl.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */
/** @typedef {(socket: unknown) => SocketRecord | undefined} RecordOf */

/** Symbol.asyncDispose. It is missing in realms that Node 20 makes (jest, vm). There Node's own symbol of this name is used. */
const asyncDispose = /** @type {typeof Symbol.asyncDispose} */ (Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose"));

/** Does nothing. */
const ignore = () => {};

/** A promise that other code settles. If it rejects and has no handler, that does not count as an unhandled rejection. */
class Deferred {
  constructor() {
    /** Fulfils the promise. @type {(value: any) => void} */
    this.resolve = ignore;
    /** Rejects the promise. @type {(error: unknown) => void} */
    this.reject = ignore;
    /** The promise. @type {Promise<any>} */
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    this.promise.catch(ignore);
  }
}

/** The promises of one socket. */
class Promises {
  /** `opened`; null until the program asks for it. @type {Deferred | null} */
  #opened = null;
  /** `closed`; null until the program asks for it. @type {Deferred | null} */
  #closed = null;
  /** The record of the socket. */
  #record;
  /** Makes the value that fulfils `opened`. */
  #describe;

  /**
   * @param {SocketRecord} record
   * @param {(record: SocketRecord) => object} describe makes the value of `opened`
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

  /** The socket has opened. */
  opened() {
    this.#opened?.resolve(this.#describe(this.#record));
  }

  /** The socket has failed. @param {unknown} error */
  failed(error) {
    // If the socket has been open, `opened` is fulfilled already, and this call does not change it.
    this.#opened?.reject(error);
    this.#closed?.reject(error);
  }

  /** The socket is closed, without an error. */
  finished() {
    this.#closed?.resolve(undefined);
  }
}

/**
 * Defines `opened`, `closed` and Symbol.asyncDispose.
 *
 * @param {{ name: string, prototype: object }} interfaceClass
 * @param {RecordOf} recordOf returns undefined for an object that is not of the interface
 * @param {(record: SocketRecord) => object} describe makes the value of `opened`
 */
function definePromises({ name, prototype }, recordOf, describe) {
  /**
   * Returns the promise that `choose` selects. A member of a Promise type rejects where other members throw (R-shape).
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
    const extras = record.ensureExtras();
    extras.promises ??= new Promises(record, describe);
    return choose(extras.promises);
  };
  /**
   * Stores the stack of the getter's caller. The getters call this function directly, and not as their last call, because JavaScriptCore
   * removes a function from the stack when its last call begins.
   *
   * @param {unknown} socket
   * @param {"opened" | "closed"} member
   */
  const storeCaller = (socket, member) => {
    const record = recordOf(socket);
    if (record !== undefined && !record.extras?.trace) {
      noteCaller(record, /** @type {Function} */ (Object.getOwnPropertyDescriptor(members, member)?.get));
    }
  };
  const members = {
    get opened() {
      storeCaller(this, "opened");
      return promise(this, "opened", (promises) => promises.openedPromise);
    },
    get closed() {
      storeCaller(this, "closed");
      return promise(this, "closed", (promises) => promises.closedPromise);
    },
    async [asyncDispose]() {
      checkedRecord(recordOf(this), `${name}[Symbol.asyncDispose]`);
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
