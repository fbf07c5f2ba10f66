"use strict";

const { setTimeout, clearTimeout, setImmediate } = require("node:timers");

/** How long a test waits for an event that must come. Less than jest's 5 s, so that the message is ours. */
const PATIENCE = 4000;

/**
 * Settles as the promise does. If that takes too long, rejects with a message that says what was awaited.
 *
 * @template T
 * @param {Promise<T>} promise
 * @param {string | (() => string)} what
 * @param {number} [ms]
 * @returns {Promise<T>}
 */
function deadline(promise, what, ms = PATIENCE) {
  let timer;
  const late = new Error();
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => {
      late.message = `waited ${ms} ms for ${typeof what === "function" ? what() : what}`;
      reject(late);
    }, ms);
  });
  return Promise.race([promise, timeout]).finally(() => clearTimeout(timer));
}

function describe(target) {
  const name = target.constructor?.name ?? "object";
  return target.readyState === undefined ? name : `${name} (readyState ${target.readyState})`;
}

/**
 * The next event of a type: the Event of an EventTarget, the first argument of an EventEmitter's.
 * It adds a `{ once: true }` listener, so waiting for "message", "connect" or "halfclose" counts as listening.
 *
 * @param {EventTarget | import("node:events").EventEmitter} target
 * @param {string} type
 * @param {number} [ms]
 */
function once(target, type, ms) {
  const promise = new Promise((resolve) => {
    if (typeof target.addEventListener === "function") {
      target.addEventListener(type, resolve, { once: true });
    } else {
      target.once(type, resolve);
    }
  });
  return deadline(promise, () => `"${type}" of ${describe(target)}`, ms);
}

/**
 * Records every event of the given types. Naming "message", "connect" or "halfclose" counts as listening.
 *
 *   const log = record(socket, ["open", "error", "close"]);
 *   await log.until("close");
 *   expect(log.types).toEqual(["open", "close"]);
 *
 * @param {EventTarget} target
 * @param {string[]} types
 */
function record(target, types) {
  /** @type {{ type: string, event: Event, readyState: string, bufferedAmount: number }[]} */
  const entries = [];
  const waiting = new Set();
  function note(event) {
    const { readyState, bufferedAmount } = target;
    entries.push({ type: event.type, event, readyState, bufferedAmount });
    for (const check of waiting) {
      check();
    }
  }
  for (const type of types) {
    target.addEventListener(type, note);
  }
  /** Resolves with the first defined value that `find` returns. Calls `find` again after each event. */
  function wait(find, what, ms) {
    const promise = new Promise((resolve) => {
      function check() {
        const found = find();
        if (found !== undefined) {
          waiting.delete(check);
          resolve(found);
        }
      }
      waiting.add(check);
      check();
    });
    const seen = () => `${what} of ${describe(target)}; seen: ${entries.map((entry) => entry.type).join(", ") || "none"}`;
    return deadline(promise, seen, ms);
  }
  return {
    entries,
    /** The types seen so far, in order. */
    get types() {
      return entries.map((entry) => entry.type);
    },
    /** How many events of this type have fired so far. */
    count(type) {
      return entries.filter((entry) => entry.type === type).length;
    },
    /** The first entry of this type, already seen or still to come. */
    until(type, ms) {
      return wait(() => entries.find((entry) => entry.type === type), `"${type}"`, ms);
    },
    /** All entries, once there are at least `count` (of `type`, if given). */
    atLeast(count, type, ms) {
      const of = () => entries.filter((entry) => type === undefined || entry.type === type);
      return wait(() => (of().length >= count ? of() : undefined), `${count} ${type ?? "events"}`, ms);
    },
    /** Stops listening. */
    stop() {
      for (const type of types) {
        target.removeEventListener(type, note);
      }
    },
  };
}

/** The next turn of the event loop. */
function turn() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function sleep(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/**
 * Waits long enough for everything on loopback to happen: many turns, with pauses in which the process sleeps and other
 * threads run. Use it only for events that must NOT fire. For events that must fire, wait for the event.
 */
async function settle(ms = 40) {
  const end = Date.now() + ms;
  do {
    await sleep(2);
    await turn();
  } while (Date.now() < end);
}

/** Polls until `condition()` is truthy. Use it only if no event reports the change (such as bufferedAmount after a drain that must not fire). */
async function eventually(condition, what = "a condition", ms = PATIENCE) {
  const end = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > end) {
      throw new Error(`waited ${ms} ms for ${what}`);
    }
    await sleep(2);
  }
}

module.exports = { deadline, once, record, turn, sleep, settle, eventually };
