"use strict";

// Listeners that a signal ends, in Node (listener-hooks.js). For each signal that such listeners wait for, one listener of `abort`, which
// is taken away with the last of them: a signal that outlives them holds nothing.
//
// While a socket is open the signal holds its listeners. A closed socket's are held by the socket alone: it is garbage
// whatever signals there are, and as long as the program has it, a signal still ends its listeners.

const { isPlatformSignal, onAbort } = require("./abort.js");
const { GONE } = require("./native.js");

/** @typedef {InstanceType<typeof import("./native.js").SocketRecord>} SocketRecord */

// The platform's own, taken before anybody can replace it.
const { removeEventListener } = EventTarget.prototype;

/** A listener, and the signal that ends it. */
class Signalled {
  /** What the watch has of it: itself, or a weak reference. @type {Signalled | WeakRef<Signalled>} */
  held = this;

  /**
   * @param {SocketRecord} record
   * @param {Watch} watch
   * @param {string} type
   * @param {unknown} callback
   * @param {boolean} capture
   */
  constructor(record, watch, type, callback, capture) {
    this.record = record;
    this.watch = watch;
    this.type = type;
    this.callback = callback;
    this.capture = capture;
  }

  /** The socket is closed. */
  loosen() {
    const { held } = this;
    this.held = new WeakRef(this);
    this.watch.keep(this.held);
    this.watch.drop(held);
    collected.register(this, { watch: this.watch, held: this.held }, this);
  }
}

/** What waits for one signal. */
class Watch {
  /** @type {Set<Signalled | WeakRef<Signalled>>} */
  #all = new Set();
  /** @type {(() => void) | null} */
  #stop = null;
  #signal;

  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.#signal = signal;
  }

  /** @param {Signalled | WeakRef<Signalled>} held */
  keep(held) {
    this.#all.add(held);
    this.#stop ??= onAbort(this.#signal, () => this.#abort());
  }

  /** @param {Signalled | WeakRef<Signalled>} held */
  drop(held) {
    this.#all.delete(held);
    if (this.#all.size === 0) {
      this.#stop?.();
      this.#stop = null;
    }
  }

  #abort() {
    for (const held of [...this.#all]) {
      const signalled = held instanceof Signalled ? held : held.deref();
      if (signalled !== undefined) {
        // Node tells of it, and it is dropped.
        const { record, type, callback, capture } = signalled;
        removeEventListener.call(record.socket, type, /** @type {EventListener} */ (callback), { capture });
      }
    }
  }
}

/** @type {WeakMap<AbortSignal, Watch>} */
const watches = new WeakMap();

/** Of closed sockets, whose listeners a signal does not hold. */
const collected = new FinalizationRegistry((/** @type {{ watch: Watch, held: WeakRef<Signalled> }} */ { watch, held }) => {
  watch.drop(held);
});

/**
 * The signal among addEventListener()'s options that may end the listener some day: the platform's, not aborted yet. What else there may be
 * (a mistake, a polyfill's) is for the platform to deal with.
 *
 * @param {any} options
 * @param {unknown} callback
 * @returns {AbortSignal | undefined}
 */
function pendingSignal(options, callback) {
  if ((typeof options !== "object" && typeof options !== "function") || options === null) {
    return undefined;
  }
  const { signal } = options;
  const isListener = typeof callback === "function" || (typeof callback === "object" && callback !== null);
  return signal !== undefined && isListener && isPlatformSignal(signal) && !signal.aborted ? signal : undefined;
}

/**
 * A listener was added that a signal is to end.
 *
 * @param {SocketRecord} record
 * @param {AbortSignal} signal
 * @param {string} type
 * @param {unknown} callback
 * @param {boolean} capture
 */
function bind(record, signal, type, callback, capture) {
  let watch = watches.get(signal);
  if (watch === undefined) {
    watch = new Watch(signal);
    watches.set(signal, watch);
  }
  const signalled = new Signalled(record, watch, type, callback, capture);
  if (record.signalled === null) {
    const all = /** @type {Signalled[]} */ (record.signalled = []);
    const { release } = record;
    record.release = () => {
      release?.();
      all.forEach((each) => each.loosen());
    };
  }
  record.signalled.push(signalled);
  if (record.id === GONE) {
    signalled.loosen();
  } else {
    watch.keep(signalled);
  }
}

/**
 * A listener was removed: by a call, by its signal, or used up.
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {unknown} callback
 * @param {boolean} capture
 */
function ended(record, type, callback, capture) {
  const all = /** @type {Signalled[]} */ (record.signalled);
  const index = all.findIndex((each) => each.callback === callback && each.type === type && each.capture === capture);
  if (index >= 0) {
    const [signalled] = all.splice(index, 1);
    collected.unregister(signalled);
    signalled.watch.drop(signalled.held);
  }
}

module.exports = { bind, ended, pendingSignal };
