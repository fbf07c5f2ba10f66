"use strict";

// Removes listeners when their signal is aborted, in Node (listener-hooks.js). All socket listeners with the same signal share one `abort`
// listener. It is removed with the last of the socket listeners, so a signal that lives long holds nothing in memory.
//
// While a socket is open, the `abort` listener holds strong references to the socket's listeners. After the socket has closed, it holds
// only weak ones. So the closed socket can be garbage collected although the signal lives. If the program keeps the closed socket, an abort
// still removes the socket's listeners.

const { isPlatformSignal, onAbort } = require("./abort.js");
const { GONE } = require("./socket-record.js");

/** @typedef {InstanceType<typeof import("./socket-record.js").SocketRecord>} SocketRecord */

// The runtime's own function, stored because a program may replace it on the prototype later.
const { removeEventListener } = EventTarget.prototype;

/** A listener that a signal will remove. */
class Signalled {
  /**
   * The entry in the watch's list: this object, or a weak reference to it once the socket is closed.
   *
   * @type {Signalled | WeakRef<Signalled>}
   */
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

  /** The socket is closed: from now on the watch holds a weak reference. */
  loosen() {
    const { held } = this;
    this.held = new WeakRef(this);
    this.watch.keep(this.held);
    this.watch.drop(held);
    collected.register(this, { watch: this.watch, held: this.held }, this);
  }
}

/** The listeners that one signal will remove. */
class Watch {
  /** The listeners. @type {Set<Signalled | WeakRef<Signalled>>} */
  #all = new Set();
  /** Removes the `abort` listener; null while there is none. @type {(() => void) | null} */
  #stop = null;
  /** The signal. */
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

  /** The signal was aborted: removes all listeners. */
  #abort() {
    for (const held of [...this.#all]) {
      const signalled = held instanceof Signalled ? held : held.deref();
      if (signalled !== undefined) {
        // Node reports the removal, and ended() then drops the entry.
        const { record, type, callback, capture } = signalled;
        removeEventListener.call(record.socket, type, /** @type {EventListener} */ (callback), { capture });
      }
    }
  }
}

/** The watches by signal. @type {WeakMap<AbortSignal, Watch>} */
const watches = new WeakMap();

/** Drops the weak reference to a listener of a closed socket when the listener was garbage collected. */
const collected = new FinalizationRegistry((/** @type {{ watch: Watch, held: WeakRef<Signalled> }} */ { watch, held }) => {
  watch.drop(held);
});

/**
 * Returns the signal in the options of addEventListener() if it is a native AbortSignal and not aborted yet. Otherwise it returns undefined,
 * and the native addEventListener() handles the options, for example a value that is no signal, or the signal of a polyfill.
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
 * Records a new listener that the signal will remove.
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
  const extras = record.ensureExtras();
  if (extras.signalled === undefined) {
    /** @type {Signalled[]} */
    const all = [];
    extras.signalled = all;
    const { release } = extras;
    extras.release = () => {
      release?.();
      all.forEach((each) => each.loosen());
    };
  }
  extras.signalled.push(signalled);
  if (record.id === GONE) {
    signalled.loosen();
  } else {
    watch.keep(signalled);
  }
}

/**
 * Records that a listener was removed: by a call, by its signal, or after its one event (`{ once: true }`).
 *
 * @param {SocketRecord} record
 * @param {string} type
 * @param {unknown} callback
 * @param {boolean} capture
 */
function ended(record, type, callback, capture) {
  const all = /** @type {Signalled[]} */ (record.extras?.signalled);
  const index = all.findIndex((each) => each.callback === callback && each.type === type && each.capture === capture);
  if (index >= 0) {
    const [signalled] = all.splice(index, 1);
    collected.unregister(signalled);
    signalled.watch.drop(signalled.held);
  }
}

module.exports = { Signalled, bind, ended, pendingSignal };
