"use strict";

// The operations on one end of a connection that are method calls and listeners. Each checks what the call returns, throws and changes.

const { Buffer } = require("node:buffer");
const diagnostics = require("node:diagnostics_channel");
const { inspect } = require("node:util");
const { framed } = require("./end");
const { piece } = require("./flow");
const { once } = require("..");

/** The forms in which send() takes bytes. Each returns what is sent, and the bytes that it stands for. */
const SHAPES = {
  /** Text with characters of one to four bytes, and a lone surrogate. */
  string(bytes) {
    const text = bytes.toString("latin1") + (bytes.length > 3 ? "€😀\ud800" : "");
    return [text, Buffer.from(text)];
  },
  view: (bytes) => [Buffer.from(bytes), bytes],
  buffer: (bytes) => [Uint8Array.from(bytes).buffer, bytes],
  section: (bytes) => [new DataView(Buffer.concat([Buffer.alloc(5), bytes, Buffer.alloc(3)]).buffer.slice(0), 0, 0), Buffer.alloc(0)],
  words(bytes) {
    const copy = Uint8Array.from(bytes.subarray(0, bytes.length & ~1));
    return [new Uint16Array(copy.buffer), copy];
  },
  shared(bytes) {
    const view = new Uint8Array(new SharedArrayBuffer(bytes.length));
    view.set(bytes);
    return [view, bytes];
  },
  blob: (bytes) => [new Blob([bytes]), bytes],
};

/** The default of `limit` of framed connections, in bytes. */
const FRAME_LIMIT = 1 << 20;

/** Calls, and returns what it threw. @param {() => unknown} act */
function thrown(act) {
  try {
    act();
    return undefined;
  } catch (error) {
    return /** @type {any} */ (error);
  }
}

/** Whether send() and halfclose() are allowed. @param {any} end */
const maySend = (end) => end.state === "open" && end.intake !== "relayed";

/** @type {Record<string, (end: any, operation: any, world: any) => unknown>} */
const actions = {
  send(end, { as, size, from, rewrite }) {
    if (end.writer !== undefined) return;
    const isFramed = end.framing !== undefined;
    let [data, bytes] = SHAPES[as](piece(from, size, isFramed));
    if (isFramed && end.framing.delimiter !== undefined && as === "blob") [data, bytes] = SHAPES.view(bytes);
    sendAs(end, data, bytes);
    // R-copy.
    if (rewrite && ArrayBuffer.isView(data)) new Uint8Array(data.buffer, data.byteOffset, data.byteLength).fill(0x20);
  },

  burst(end, { count, size, from }) {
    if (end.writer !== undefined) return;
    for (let i = 0; i < count && maySend(end); i++) {
      const bytes = piece(from + i * 7919, size, end.framing !== undefined);
      sendAs(end, bytes, bytes);
    }
  },

  /** What is no data throws, and changes nothing (R-types). */
  nonsense(end, { value }) {
    if (end.writer !== undefined) return;
    const before = end.socket.bufferedAmount;
    const error = thrown(() => end.socket[end.framing === undefined ? "send" : "sendFrame"](value));
    const expected = maySend(end) ? "InvalidAccessError" : "InvalidStateError";
    if (error?.name !== expected) end.fault("R-types", `send(${inspect(value)}) threw ${error?.name}, not ${expected}`);
    if (end.socket.bufferedAmount !== before) end.fault("R-types", "a send() that threw changed bufferedAmount");
  },

  halfclose(end) {
    const before = end.state;
    if (end.writer !== undefined && (before === "open" || before === "connecting")) return;
    const isRefused = before === "open" && end.intake === "relayed";
    const error = thrown(() => end.socket.halfclose());
    if ((error?.name ?? "") !== (isRefused ? "InvalidStateError" : "")) end.fault("R-tcp-halfclose", `halfclose() threw ${error}`);
    const changes = !isRefused && (before === "open" || before === "connecting");
    if (changes) {
      end.called.halfclose ??= performance.now();
      noteHandshake(end);
    }
    settle(end, changes ? "halfclosed" : before, "halfclose()");
  },

  close(end) {
    const before = end.state;
    const error = thrown(() => end.socket.close());
    if (error !== undefined) end.fault("R-tcp-close", `close() threw ${error}`);
    noteClosing(end, before);
    settle(end, before === "closed" ? "closed" : "closing", "close()");
  },

  dispose(end, _operation, world) {
    if (Symbol.asyncDispose === undefined) return;
    const before = end.state;
    world.keep(`${end.name}[Symbol.asyncDispose]()`, end.socket[Symbol.asyncDispose]());
    noteClosing(end, before);
    settle(end, before === "closed" ? "closed" : "closing", "Symbol.asyncDispose");
  },

  reset(end) {
    const before = end.state;
    const error = thrown(() => end.socket.reset());
    if (error !== undefined) end.fault("R-reset", `reset() threw ${error}`);
    if (!end.hasOpened) {
      noteClosing(end, before);
      settle(end, before === "closed" ? "closed" : "closing", "reset()");
      return;
    }
    if (before !== "closed") {
      end.called.reset = performance.now();
      end.roughen();
    }
    settle(end, "closed", "reset()");
  },

  abort(end) {
    if (end.controller === undefined || end.controller.signal.aborted) return;
    const isTooLate = end.state === "closed" || (end.state === "closing" && !end.hasOpened);
    if (!isTooLate) {
      end.called.abort = performance.now();
      end.roughen();
    }
    end.controller.abort(new Error("the play's"));
    settle(end, isTooLate ? end.state : "closed", "abort()");
  },

  suspend(end) {
    end.socket.suspend();
    if (end.state !== "closed" && end.intake !== "relayed") end.isSuspended = true;
    settle(end, end.state, "suspend()");
  },

  resume(end) {
    end.socket.resume();
    end.isSuspended = false;
    settle(end, end.state, "resume()");
  },

  listen(end, { type, how }, world) {
    if (type === "message" && end.intake !== "none") return;
    const handler = (/** @type {any} */ event) => {
      if (how === "once") entry.isGone = true;
      if (entry.isGone && how !== "once") end.fault("R-listen", `a removed listener for ${type} was called`);
      if (how === "once") forget();
      end.observe(type, event);
    };
    const entry = { type, isGone: false, remove: () => {} };
    const forget = () => {
      end.listeners = end.listeners.filter((/** @type {any} */ one) => one !== entry);
    };
    const removed = (/** @type {() => void} */ act) => () => {
      entry.isGone = true;
      forget();
      act();
    };
    if (how === "attribute") {
      const attribute = `on${type}`;
      if (end.socket[attribute] !== null) return;
      end.socket[attribute] = handler;
      entry.remove = removed(() => { end.socket[attribute] = null; });
    } else if (how === "signal") {
      const controller = new AbortController();
      end.socket.addEventListener(type, handler, { signal: controller.signal });
      entry.remove = removed(() => controller.abort());
    } else {
      end.socket.addEventListener(type, handler, how === "once" ? { once: true } : {});
      entry.remove = removed(() => end.socket.removeEventListener(type, handler));
    }
    end.listeners.push(entry);
    world.note(`${end.name} listens for ${type} (${how})`);
  },

  unlisten(end, { type }) {
    end.listeners.filter((/** @type {any} */ entry) => entry.type === type).forEach((/** @type {any} */ entry) => entry.remove());
  },

  once(end, { type, aborted }, world) {
    const controller = new AbortController();
    const reason = new Error("the signal's");
    const rejected = (/** @type {any} */ error) => {
      const isOwn = error === reason && aborted;
      if (!isOwn && error !== end.error && error?.name !== "InvalidStateError") end.fault("R-once", `once(${type}) rejected with ${error}`);
    };
    const waits = type === "halfclose" ? 1 : 0;
    end.waitsForHalfclose += waits;
    world.keep(`once(${end.name}, ${type})`, once(end.raw, type, { signal: controller.signal }), (event) => {
      end.waitsForHalfclose -= waits;
      end.heard(type, event);
    }, (error) => {
      end.waitsForHalfclose -= waits;
      rejected(error);
    });
    if (aborted) controller.abort(reason);
  },

  setOptions(end, { options }) {
    const isClosed = end.state === "closed";
    const error = thrown(() => end.socket.setOptions(options));
    if (end.socket.localPath !== undefined && ("noDelay" in options || "keepAliveDelay" in options)) {
      if (error?.name !== "InvalidAccessError" && !isClosed) end.fault("R-unix", `setOptions(${inspect(options)}) of a Unix socket threw ${error}`);
      return;
    }
    if ((error?.name ?? "") !== (isClosed ? "InvalidStateError" : "")) end.fault("R-live", `setOptions(${inspect(options)}) threw ${error}`);
    if (isClosed) return;
    end.highWaterMark = options.highWaterMark ?? end.highWaterMark;
    end.maxBufferedAmount = options.maxBufferedAmount ?? end.maxBufferedAmount;
    if (options.idleTimeout > 0 || options.closeTimeout > 0) {
      end.called.timeout = performance.now();
      end.roughen();
    }
  },

  /** Looks at everything. Nothing may change (R-diagnostics). */
  inspect(end) {
    const { socket, raw } = end;
    const before = socket.bufferedAmount;
    inspect(raw);
    const { opened, closed } = socket;
    if (Reflect.get(socket, "opened") !== opened || Reflect.get(socket, "closed") !== closed) end.fault("R-promises", "a promise is another one at the second read");
    for (const name of ["secureTransport", "secureTransportInfo", "localAddress", "localPort", "remoteAddress", "remotePort", "bytesRead", "bytesWritten"]) {
      Reflect.get(socket, name);
    }
    socket.getStats?.();
    if (socket.bufferedAmount !== before) end.fault("R-diagnostics", "bufferedAmount changed by looking at it");
    settle(end, end.state, "inspecting");
  },

  ref(end, { on }) {
    end.socket[on ? "ref" : "unref"]();
  },

  collect() {
    const { gc } = /** @type {any} */ (globalThis);
    if (typeof gc === "function") gc();
  },

  subscribe(_end, { name }, world) {
    const listener = () => {};
    diagnostics.subscribe(`tcp-udp-sockets:${name}`, listener);
    world.defer(() => diagnostics.unsubscribe(`tcp-udp-sockets:${name}`, listener));
  },

  panic(_end, { point, passes }, world) {
    world.panicAt?.(point, passes);
  },
};

/** What ends the sending side in the middle of a handshake loses the connection. @param {any} end */
function noteHandshake(end) {
  if (end.isUpgrading && end.socket.secureTransport !== "on") end.roughen();
}

/** @param {any} end @param {string} before */
function noteClosing(end, before) {
  if (before !== "closed" && before !== "closing") {
    end.called.close = performance.now();
    end.dropsReceived = true;
    noteHandshake(end);
    if (end.relayed !== undefined) {
      // close() closes both (R-relay): what still comes in is dropped.
      for (const one of [end, end.relayed]) {
        one.dropsReceived = true;
        one.out.isUnsure = true;
      }
    }
    if (!end.hasOpened) end.roughen();
  }
}

/** After a call the state is this one. @param {any} end @param {string} expected @param {string} call */
function settle(end, expected, call) {
  const now = end.socket.readyState;
  if (now !== expected && !end.world.hasPanicked()) {
    if (!end.mayBecome(now)) end.fault("R-task", `${call} made it "${now}" from "${end.state}", not "${expected}"`);
  }
  end.state = now;
}

/** send() or sendFrame(), with all that it must do (R-tcp-send, R-tcp-full). @param {any} end @param {unknown} data @param {Buffer} bytes */
function sendAs(end, data, bytes) {
  const { socket, framing, world } = end;
  const size = framing === undefined ? bytes.length : framed(framing, bytes.length);
  const before = socket.bufferedAmount;
  let result;
  const error = thrown(() => { result = framing === undefined ? socket.send(data) : socket.sendFrame(data); });
  const after = socket.bufferedAmount;
  if (world.hasPanicked()) {
    // A call that has panicked says nothing of what became of its bytes.
    end.out.sent(bytes);
    if (framing !== undefined) end.out.frames.push(bytes.length);
    end.accepted += size;
    end.isUncounted = true;
    end.out.isLoose = true;
    end.roughen();
    end.state = socket.readyState;
    return;
  }
  const isLong = framing !== undefined && bytes.length > FRAME_LIMIT;
  const refusal = isLong ? "InvalidAccessError" : "";
  if ((error?.name ?? "") !== (maySend(end) ? refusal : "InvalidStateError")) end.fault("R-tcp-send", `send() threw ${error}`);
  if (error !== undefined) return;
  if (socket.readyState === "closed") {
    const most = before + size;
    if (result !== false || after !== before) end.fault("R-tcp-full", `send() returned ${result}, and bufferedAmount rose by ${after - before}`);
    if (before === 0 || most <= end.maxBufferedAmount) end.fault("R-tcp-full", `the buffer is full with ${most} bytes of ${end.maxBufferedAmount}`);
    end.isFull = true;
    end.roughen();
    settle(end, "closed", "send()");
    return;
  }
  if (result === false && after === before) {
    // The loss of the connection is known, and waits for bytes that came before it (R-tcp-suspend).
    end.mustFail = true;
    return;
  }
  if (after !== before + size) end.fault("R-tcp-send", `bufferedAmount rose by ${after - before} at a send() of ${size} bytes`);
  const expected = size === 0 || after <= end.highWaterMark;
  if (result !== expected) end.fault("R-tcp-send", `send() returned ${result} with ${after} bytes buffered and a high-water mark of ${end.highWaterMark}`);
  if (!expected) end.isDrainDue = true;
  end.accepted += size;
  end.out.sent(bytes);
  if (framing !== undefined) end.out.frames.push(bytes.length);
  settle(end, end.state, "send()");
}

module.exports = { actions, maySend, sendAs, settle, thrown };
