"use strict";

// The options that setNoDelay() and setKeepAlive() of a stream set. What is set before the connection is established is applied then, and
// the same value again costs no system call. A UnixSocket has none of these options.

const { GONE } = require("../socket-record.js");

/** @typedef {InstanceType<typeof import("../socket-record.js").SocketRecord>} SocketRecord */

class LiveSettings {
  /** The values, by the name of the option. */
  #values;
  /** The names of those that were set while the stream was connecting; null: none. @type {Set<string> | null} */
  #early = null;
  /** The TCPSocket or UnixSocket; undefined while the stream is connecting. @type {any} */
  #socket;
  /** Its record. @type {SocketRecord | undefined} */
  #record;

  /** @param {Record<string, unknown>} values what the options are from the start */
  constructor(values) {
    this.#values = values;
  }

  /**
   * @param {string} name
   * @param {unknown} value
   */
  set(name, value) {
    if (this.#values[name] === value) {
      return;
    }
    this.#values[name] = value;
    if (this.#record === undefined) {
      this.#early ??= new Set();
      this.#early.add(name);
    } else {
      this.#apply(name);
    }
  }

  /**
   * The connection is established.
   *
   * @param {any} socket
   * @param {SocketRecord} record
   */
  opened(socket, record) {
    this.#socket = socket;
    this.#record = record;
    this.#early?.forEach((name) => this.#apply(name));
  }

  /** @param {string} name */
  #apply(name) {
    if (this.#record?.name === "TCPSocket" && this.#record.id !== GONE) {
      this.#socket.setOptions({ [name]: this.#values[name] });
    }
  }
}

module.exports = { LiveSettings };
