"use strict";

// Faults that are planted between a socket and the model, to show that the model reports each of them. A planted socket is a Proxy: the package
// itself is as it is.

const { setTimeout } = require("node:timers");

/** Changes what a listener gets. `state` is the socket's own. @type {Record<string, (type: string, event: any, call: (event: any) => void, state: any) => void>} */
const EVENTS = {
  /** A byte of the second message is gone. */
  drop(type, event, call, state) {
    if (type !== "message" || (state.messages = (state.messages ?? 0) + 1) !== 2) return call(event);
    return call(withData(event, event.data.slice(1)));
  },
  /** A bit of a message is another one. */
  flip(type, event, call, state) {
    if (type !== "message" || state.isDone || event.data.byteLength === 0) return call(event);
    state.isDone = true;
    const bytes = new Uint8Array(event.data.slice(0));
    bytes[0] ^= 1;
    return call(withData(event, bytes.buffer));
  },
  /** The first two messages come in the other order. */
  swap(type, event, call, state) {
    if (type !== "message" || state.isDone) return call(event);
    if (state.held === undefined) {
      state.held = event;
      return undefined;
    }
    state.isDone = true;
    call(event);
    return call(state.held);
  },
  /** A message comes twice. */
  repeat(type, event, call, state) {
    call(event);
    if (type === "message" && !state.isDone) {
      state.isDone = true;
      call(withData(event, event.data.slice(0)));
    }
  },
  /** A message fires after `close`. */
  late(type, event, call, state) {
    if (type === "message") state.message ??= [withData(event, event.data.slice(0)), call];
    call(event);
    if (type === "close" && state.message !== undefined) setTimeout(() => state.message[1](state.message[0]), 0);
  },
  /** `drain` is lost. */
  undrained(type, event, call) {
    if (type !== "drain") call(event);
  },
  /** `close` fires twice. */
  closes(type, event, call) {
    call(event);
    if (type === "close") call(withData(event, undefined));
  },
  /** `close` never fires. */
  unclosed(type, event, call) {
    if (type !== "close") call(event);
  },
};

/** Changes what a member gives. @type {Record<string, (name: string, value: any, state: any) => any>} */
const MEMBERS = {
  /** bufferedAmount stays up once something was buffered. */
  buffered(name, value, state) {
    if (name === "bufferedAmount") state.most = Math.max(state.most ?? 0, value);
    return name === "bufferedAmount" ? state.most : value;
  },
  /** send() never returns false. */
  willing: (name, value) => (name === "send" ? (/** @type {any} */ data) => value(data) || true : value),
  /** suspend() does nothing. */
  unsuspended: (name, value) => (name === "suspend" ? () => {} : value),
  /** readyState is "closed" before `close` fires. */
  early: (name, value) => (name === "readyState" && value === "closing" ? "closed" : value),
  /** bytesRead counts one byte too many. */
  counts: (name, value) => (name === "bytesRead" && value > 0 ? value + 1 : value),
  /** `closed` is never settled. */
  pending: (name, value) => (name === "closed" ? new Promise(() => {}) : value),
  /** send() sends a byte less. */
  short: (name, value) => (name === "send" ? (/** @type {any} */ data) => value(ArrayBuffer.isView(data) && data.byteLength > 1 ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength - 1) : data) : value),
};

/** The names of all faults. */
const FAULTS = [...Object.keys(EVENTS), ...Object.keys(MEMBERS)];

/** An event like another one, with other data. @param {any} event @param {any} data */
function withData(event, data) {
  return { type: event.type, target: event.target, error: event.error, message: event.message, data };
}

/** Returns a function that wraps a socket so that it has this fault. @param {string} fault */
function plant(fault) {
  return (/** @type {any} */ raw) => {
    /** @type {any} */
    const state = {};
    const wrap = (/** @type {string} */ type, /** @type {any} */ handler) => {
      if (typeof handler !== "function" || EVENTS[fault] === undefined) return handler;
      return (/** @type {any} */ event) => EVENTS[fault](type, event, handler, state);
    };
    /** The wrappers of listeners, for removeEventListener(). */
    const wrapped = new Map();
    return new Proxy(raw, {
      get(target, name) {
        const value = Reflect.get(target, name, target);
        if (name === "addEventListener") {
          return (/** @type {string} */ type, /** @type {any} */ handler, /** @type {any} */ options) => {
            wrapped.set(handler, wrap(type, handler));
            target.addEventListener(type, wrapped.get(handler), options);
          };
        }
        if (name === "removeEventListener") {
          return (/** @type {string} */ type, /** @type {any} */ handler) => target.removeEventListener(type, wrapped.get(handler) ?? handler);
        }
        const bound = typeof value === "function" ? value.bind(target) : value;
        return MEMBERS[fault] === undefined ? bound : MEMBERS[fault](String(name), bound, state);
      },
      set: (target, name, value) => Reflect.set(target, name, String(name).startsWith("on") ? wrap(String(name).slice(2), value) : value, target),
    });
  };
}

module.exports = { FAULTS, plant };
