"use strict";

// The timer of setTimeout() of a stream, as net.Socket has it. It does not keep the process alive.

const { clearTimeout, setTimeout } = require("node:timers");

class ActivityTimer {
  /** How many bytes of the write under way were sent when the time last ran out. */
  #sentBefore = 0;
  /** The timer. */
  #timer;

  /**
   * @param {number} milliseconds
   * @param {() => number | undefined} progress returns how many bytes were sent so far; undefined: no write is under way
   * @param {() => void} expired is called each time that long nothing has happened
   */
  constructor(milliseconds, progress, expired) {
    this.#timer = setTimeout(() => {
      const sent = progress();
      if (sent !== undefined && sent !== this.#sentBefore) {
        // A long write makes progress.
        this.#sentBefore = sent;
        this.#timer.refresh();
      } else {
        expired();
      }
    }, milliseconds);
    this.#timer.unref();
  }

  /** There was activity: the time begins again. */
  refresh() {
    this.#timer.refresh();
  }

  stop() {
    clearTimeout(this.#timer);
  }
}

module.exports = { ActivityTimer };
