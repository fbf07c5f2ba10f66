"use strict";

// One play: its ends, its promises, and what was found wrong. It knows in which task the code runs, so that it can say of an event that it
// came inside a call, or before the microtasks of the event before it (R-task).

const { setImmediate, setTimeout } = require("node:timers");
const { inspect } = require("node:util");

/** Lets the event loop go round. */
const turn = () => new Promise((resolve) => { setImmediate(resolve); });
/** @param {number} ms */
const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

/** The rulings that hold for datagrams, servers and agents after a panic, whose models do not know what it leaves. */
const LASTING = new Set(["hang", "descriptors"]);

class World {
  /** What is wrong: the ruling, and a sentence. @type {{ rule: string, text: string }[]} */
  problems = [];
  /** The ends of connections, or other sockets. @type {any[]} */
  ends = [];
  /** Promises that must settle before the play is over. @type {{ what: string, isSettled: boolean }[]} */
  promises = [];
  /** Over 0 while code of the play runs in which no event may fire. */
  #depth = 0;
  /** True between an event and the microtasks that it has queued. */
  #isMicrotaskDue = false;
  /** What happened, in order, for the report. @type {string[]} */
  log = [];
  /** Calls at the end of the play. @type {(() => unknown)[]} */
  #cleanups = [];

  /** @param {any} plan @param {{ hasMicrotasks: boolean }} runtime */
  constructor(plan, runtime) {
    this.plan = plan;
    this.runtime = runtime;
  }

  /** @param {string} rule the ruling that it breaks @param {string} text */
  fault(rule, text) {
    const { panics, pairs } = this.plan;
    if (panics === true && pairs === undefined && /** @type {any} */ (this).panicked?.() > 0 && !LASTING.has(rule)) return;
    if (this.problems.length < 20) {
      this.problems.push({ rule, text: `${text} (after ${this.log.slice(-12).join(", ")})` });
    }
  }

  /** @param {string} text */
  note(text) {
    this.log.push(text);
    if (this.log.length > 400) this.log.splice(0, 200);
  }

  /** Runs code in which no event may fire. @template T @param {() => T} act @returns {T} */
  inside(act) {
    this.#depth += 1;
    try {
      return act();
    } finally {
      this.#depth -= 1;
    }
  }

  /** An event has begun to be dispatched. @param {string} what */
  event(what) {
    this.note(what);
    /** @type {any} */ (this).beginOperation?.();
    if (this.#depth > 0) {
      this.fault("R-task", `${what} fired inside a call`);
    }
    if (this.#isMicrotaskDue && this.runtime.hasMicrotasks) {
      this.fault("R-task", `${what} fired before the microtasks of the event before it`);
    }
  }

  /** The last listener of an event runs: another event must not come before its microtasks. */
  eventDone() {
    this.#isMicrotaskDue = true;
    queueMicrotask(() => { this.#isMicrotaskDue = false; });
  }

  /** Every end's readyState is as it was left. @param {any} [except] an end whose own event fires */
  checkStates(except) {
    for (const end of this.ends) {
      if (end !== except) end.checkState();
    }
  }

  /**
   * A promise that must settle.
   *
   * @template T
   * @param {string} what
   * @param {Promise<T>} promise
   * @param {(value: T) => void} [fulfilled]
   * @param {(error: any) => void} [rejected]
   */
  keep(what, promise, fulfilled = () => {}, rejected = () => {}) {
    const entry = { what, isSettled: false };
    this.promises.push(entry);
    promise.then((value) => {
      entry.isSettled = true;
      fulfilled(value);
    }, (error) => {
      entry.isSettled = true;
      rejected(error);
    }).catch((error) => this.fault("bench", `${what}: ${error?.stack ?? error}`));
    return entry;
  }

  /** @param {() => unknown} act called when the play is over */
  defer(act) {
    this.#cleanups.push(act);
  }

  async cleanUp() {
    for (const act of this.#cleanups.reverse()) {
      try {
        await act();
      } catch (error) {
        this.fault("bench", `cleaning up: ${/** @type {any} */ (error)?.stack ?? error}`);
      }
    }
  }

  /** Waits until `done` holds. Returns false if it does not within `ms`. @param {() => boolean} done @param {number} ms */
  async until(done, ms) {
    const start = performance.now();
    for (let rounds = 0; !done(); rounds++) {
      if (performance.now() - start > ms) return false;
      await (rounds < 50 ? turn() : sleep(2));
    }
    return true;
  }

  /** The states of all sockets, for a hang. */
  states() {
    const pending = this.promises.filter(({ isSettled }) => !isSettled).map(({ what }) => what);
    return `${this.ends.map((end) => end.describe()).join("; ")}; pending: ${pending.join(", ") || "none"}`;
  }
}

/** A socket in one line. @param {unknown} socket */
const shown = (socket) => inspect(socket, { breakLength: Infinity }).replace(/\s+/g, " ").slice(0, 300);

module.exports = { World, shown, sleep, turn };
