"use strict";

// The TLS sessions that a connector keeps, so that its next connection to a server resumes one. An agent of https keeps its own.

/** The TLS sessions of a connector, by the name of the server. */
class Sessions {
  /** The most that are kept. */
  #most;
  /** Those that are kept, the oldest first. @type {Map<string, Buffer>} */
  #sessions = new Map();

  /** @param {number} most */
  constructor(most) {
    this.#most = most;
  }

  /** @param {string} name */
  get(name) {
    return this.#sessions.get(name);
  }

  /**
   * @param {string} name
   * @param {Buffer} session
   */
  set(name, session) {
    this.#sessions.delete(name);
    this.#sessions.set(name, session);
    if (this.#sessions.size > this.#most) {
      const [oldest] = this.#sessions.keys();
      this.#sessions.delete(oldest);
    }
  }
}

module.exports = { Sessions };
