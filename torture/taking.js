"use strict";

// The operations that give the bytes of a connection to something else: streams, `reader`, TLS, a relay. They exclude each other, and each
// says so by an InvalidStateError (R-streams, R-reader, R-relay).

const { actions, maySend, thrown } = require("./actions");
const { piece } = require("./flow");
const { sleep, turn } = require("./world");
const { relay } = require("..");

/** Milliseconds that startTls() waits until what was sent before it is through. */
const QUIET = 200;
/** Milliseconds that a handshake may take. */
const HANDSHAKE = 8000;

/** Reads a member that takes the bytes. Returns undefined where it is refused, as it must be. @param {any} end @param {"readable" | "reader"} name */
function takeMember(end, name) {
  let value;
  const error = thrown(() => { value = end.socket[name]; });
  const isRefused = (end.intake !== "none" && end.intake !== name) || end.framing !== undefined;
  if ((error?.name ?? "") !== (isRefused ? "InvalidStateError" : "")) {
    end.fault("R-reader", `${name} of a socket whose bytes belong to ${end.intake} threw ${error}`);
  }
  if (error === undefined && !isRefused) end.intake = name;
  return value;
}

/** Whether a stream or read may fail: the connection was lost, or ended by this end's call. @param {any} end */
const mayFail = (end) => end.error !== undefined || end.isRough || end.called.close !== undefined || end.called.reset !== undefined;

/** @param {any} end @param {string} what @param {any} error */
function failed(end, what, error) {
  if (!mayFail(end)) end.fault("R-streams", `${what} rejected with ${error}`);
}

/** @param {any} end @param {AsyncIterable<Uint8Array>} chunks */
async function iterate(end, chunks) {
  for await (const chunk of chunks) end.take(chunk);
}

/** @param {any} end @param {ReadableStream} stream @param {number} size of the views of a BYOB reader; 0: a default reader @param {number} every ms */
async function readAll(end, stream, size, every) {
  for (let rounds = 0; ; rounds++) {
    const reader = size > 0 ? stream.getReader({ mode: "byob" }) : stream.getReader();
    for (let i = 0; i < 20; i++) {
      const { value, done } = size > 0 ? await reader.read(new Uint8Array(size)) : await reader.read();
      if (done) return;
      end.take(value);
      if (every > 0 && i % 5 === 0 && rounds < 10) await sleep(every);
    }
    reader.releaseLock();
  }
}

/** Ways to read `readable` to its end. @type {Record<string, (end: any, stream: any, operation: any) => Promise<void>>} */
const READERS = {
  default: (end, stream, { every }) => readAll(end, stream, 0, every),
  byob: (end, stream, { size, every }) => readAll(end, stream, size, every),
  iterate: (end, stream) => iterate(end, stream),
  async tee(end, stream) {
    const [one, other] = stream.tee();
    let count = 0;
    const counting = (async () => {
      for await (const chunk of other) count += chunk.length;
    })();
    counting.catch(() => {});
    const before = end.delivered;
    await iterate(end, one);
    await counting;
    if (count !== end.delivered - before) end.fault("R-streams", `one branch of tee() had ${end.delivered - before} bytes, the other ${count}`);
  },
  async pipe(end, stream) {
    await stream.pipeTo(new WritableStream({ write: (chunk) => end.take(chunk) }));
  },
  /** The first chunk, then cancel(): what still comes is dropped, and sending goes on. */
  async cancel(end, stream) {
    const reader = stream.getReader();
    const { value, done } = await reader.read();
    if (!done) end.take(value);
    end.dropsReceived = true;
    end.isCancelled = true;
    await reader.cancel(new Error("enough"));
  },
};

/** @type {Record<string, (end: any, operation: any, world: any) => unknown>} */
const taking = {
  readable(end, operation, world) {
    const stream = takeMember(end, "readable");
    if (stream === undefined || stream.locked) return;
    const read = READERS[operation.how](end, stream, operation);
    world.keep(`reading ${end.name} (${operation.how})`, read, () => {}, (error) => failed(end, `readable (${operation.how})`, error));
  },

  /** What comes in goes out again. */
  echo(end, _operation, world) {
    if (end.isEchoForbidden || end.writer !== undefined || end.intake !== "none" || !maySend(end) || end.framing !== undefined) return;
    const stream = takeMember(end, "readable");
    if (stream === undefined) return;
    end.hasWritable = true;
    end.writer = "echo";
    end.out.follow(end.into);
    const observer = new TransformStream({
      transform(chunk, controller) {
        end.take(chunk);
        end.accepted += chunk.length;
        controller.enqueue(chunk);
      },
    });
    const piped = stream.pipeThrough(observer).pipeTo(end.socket.writable);
    world.keep(`echo of ${end.name}`, piped, () => {}, (error) => {
      end.isUncounted = true;
      end.out.isUnsure = true;
      if (end.options.allowHalfOpen === false && (end.state === "closing" || end.state === "closed")) {
        // The peer's FIN closes the socket, whatever the pipe has not yet sent (R-tcp-fin). The pipe then drops what it has not read.
        end.dropsReceived = true;
        return;
      }
      failed(end, "pipeTo()", error);
    });
  },

  write(end, { size, from }, world) {
    if (end.framing !== undefined || end.writer === "echo" || end.writer === "closed" || end.intake === "relayed") return;
    if (end.writer === undefined) {
      if (end.state !== "open" && end.state !== "connecting") return;
      end.writer = end.socket.writable.getWriter();
      end.hasWritable = true;
      for (const which of ["closed", "ready"]) end.writer[which].catch(() => {});
    }
    const bytes = piece(from, size);
    end.out.sent(bytes);
    const written = end.writer.write(Uint8Array.from(bytes));
    end.accepted += size;
    world.keep(`${end.name}.writable.write(${size})`, written, () => {}, (error) => {
      end.out.isUnsure = true;
      end.isUncounted = true;
      if (!mayFail(end) && end.called.relay === undefined && !end.mayCloseAlone) end.fault("R-streams", `write() rejected with ${error}`);
    });
  },

  endWriter(end, { how }, world) {
    const { writer } = end;
    if (writer === undefined || typeof writer === "string") return;
    end.writer = "closed";
    if (how === "abort") {
      end.called.reset = performance.now();
      end.isAborted = true;
      end.isUncounted = true;
      end.roughen();
    }
    world.keep(`${end.name}.writable.${how}()`, writer[how](), () => {}, (error) => {
      if (!mayFail(end) && !end.mayCloseAlone && end.called.relay === undefined) end.fault("R-streams", `writable.${how}() rejected with ${error}`);
    });
  },

  read(end, { how, size, timeout }, world) {
    const reader = takeMember(end, "reader");
    if (reader === undefined) return;
    end.reader = reader;
    const options = timeout > 0 ? { timeout } : {};
    const read = {
      read: () => reader.read(options),
      readExactly: () => reader.readExactly(size, options),
      readUntil: () => reader.readUntil(Uint8Array.of(0x0a, 0x41), { limit: size + 2, ...options }),
      readLine: () => reader.readLine({ limit: 1 }),
    }[how]();
    end.reads += 1;
    const counts = how !== "readLine";
    world.keep(`${end.name}.reader.${how}(${size})`, read, (value) => {
      end.reads -= 1;
      // A line of one byte at most: its bytes are unknown where its text is not.
      if (counts && value !== null) {
        end.take(value);
        end.lastRead = value;
        if (how === "readExactly" && value.length !== size) end.fault("R-reader", `readExactly(${size}) gave ${value.length} bytes`);
      } else if (!counts && value !== null) {
        end.takeLine(value);
      }
    }, (error) => {
      end.reads -= 1;
      const isAllowed = ["ERR_UNEXPECTED_END", "ERR_LIMIT_EXCEEDED"].includes(error.code) || (error.code === "ETIMEDOUT" && timeout > 0)
        || error.name === "InvalidStateError";
      if (!isAllowed) failed(end, `reader.${how}()`, error);
    });
  },

  unread(end, { share }) {
    if (end.intake !== "reader" || end.reads > 0 || end.lastRead === undefined || end.isOver) return;
    const back = end.lastRead.subarray(end.lastRead.length - Math.ceil(end.lastRead.length * share));
    end.lastRead = undefined;
    const error = thrown(() => end.reader.unread(back));
    if (error !== undefined) {
      end.fault("R-reader", `unread() threw ${error}`);
      return;
    }
    end.into.position -= back.length;
    end.delivered -= back.length;
  },

  release(end) {
    if (end.intake !== "reader") return;
    const { buffered } = end.reader;
    const error = thrown(() => end.reader.release());
    if (error !== undefined) {
      if (end.reads === 0 || error.name !== "InvalidStateError") end.fault("R-reader", `release() threw ${error}`);
      return;
    }
    // A socket that is closed has no `message` any more, which could bring what is left.
    if (end.socket.readyState === "closed" && buffered > 0) end.dropsReceived = true;
    end.intake = "none";
    end.wasReleased = true;
    end.lastRead = undefined;
  },

  /** TLS over a plain connection, at both ends, once what was sent before is through. */
  async startTls(end, { isHasty }, world) {
    const { peer } = end;
    const both = [end, peer];
    if (world.plan.kind !== "starttls" || !peer || both.some((one) => one.upgraded || one.state !== "open" || one.intake !== "none" || one.hasWritable)) return;
    for (const one of both) {
      one.upgraded = true;
      // What was sent before gets through only where somebody takes it.
      if (!isHasty) {
        actions.resume(one, {}, world);
        if (!one.isMessageListener) actions.listen(one, { type: "message", how: "add" }, world);
      }
    }
    const isQuiet = () => both.every((one) => one.socket.bufferedAmount === 0 && one.into.position === one.into.total);
    if (isHasty) {
      end.roughen();
    } else {
      const isBetween = () => both.some((one) => one.state !== "open" || one.intake !== "none" || one.writer !== undefined || one.isRough);
      await world.until(() => isQuiet() || isBetween(), QUIET);
      if (!isQuiet() || isBetween()) {
        for (const one of both) one.upgraded = false;
        return;
      }
    }
    const [client, accepted] = end.wasAccepted ? [peer, end] : [end, peer];
    const done = (/** @type {any} */ one) => (/** @type {any} */ info) => {
      if (typeof info?.protocol !== "string") one.fault("R-tls-start", `startTls() gave ${info}`);
    };
    const refused = (/** @type {any} */ one) => (/** @type {any} */ error) => {
      const isClosed = [client, accepted].some((each) => each.called.close !== undefined || each.called.halfclose !== undefined);
      if (!one.isRough && !isClosed) one.fault("R-tls-start", `startTls() rejected with ${error}`);
    };
    world.inside(() => {
      world.keep(`${accepted.name}.startTls()`, accepted.socket.startTls(world.own), done(accepted), refused(accepted));
      world.keep(`${client.name}.startTls()`, client.socket.startTls(world.trust), done(client), refused(client));
    });
    for (const one of both) {
      // What ends a connection in the middle of a handshake loses it.
      one.isUpgrading = true;
    }
  },

  relay(end, _operation, world) {
    const other = world.ends.find((/** @type {any} */ one) => one !== end && one !== end.peer && one.wasAccepted === end.wasAccepted && one.peer !== undefined);
    if (world.plan.relay !== true || other === undefined || end.intake === "relayed" || other.intake === "relayed") return;
    const both = [end, other];
    const isEligible = both.every((one) => one.state === "open" && one.intake === "none" && one.framing === undefined);
    let isRefused = false;
    const promise = relay(end.raw, other.raw);
    // A panic in the call refuses the relay.
    const hasPanicked = world.hasPanicked();
    const mayRelay = isEligible && !hasPanicked;
    if (hasPanicked) both.forEach((one) => { one.roughen(); });
    const [into, out] = [end.into, end.out];
    if (mayRelay) {
      for (const one of both) {
        one.intake = "relayed";
        one.called.relay = performance.now();
        one.isSuspended = false;
        one.isDrainDue = false;
        one.relayed = both.find((each) => each !== one);
      }
      out.follow(other.into);
      other.out.follow(into);
      if (both.some((one) => one.isRough || one.peer?.isRough)) both.forEach((one) => { one.roughen(); one.peer?.roughen?.(); });
    }
    world.keep(`relay(${end.name}, ${other.name})`, promise, ({ bytesToA, bytesToB }) => {
      if (!mayRelay) end.fault("R-relay", "relay() was fulfilled for sockets that it must refuse");
      const expected = both.map((one) => one.out.total - one.out.own);
      const isClean = both.every((one) => !one.isRough && one.called.close === undefined && one.peer?.called?.close === undefined);
      if (isClean && (bytesToA !== expected[0] || bytesToB !== expected[1])) {
        end.fault("R-relay", `relay() counted ${bytesToA} and ${bytesToB} bytes, not ${expected}`);
      }
    }, (error) => {
      isRefused = error?.name === "InvalidStateError";
      if (mayRelay && isRefused) end.fault("R-relay", `relay() refused open sockets: ${error}`);
      if (hasPanicked) return;
      if (!mayRelay && !isRefused) end.fault("R-relay", `relay() rejected with ${error}`);
      if (mayRelay && both.every((one) => one.error !== error)) end.fault("R-relay", `relay() rejected with an exception of no socket: ${error}`);
    });
  },
};

/** Ends in good order whatever is still open. @param {any} end @param {import("./world").World} world */
async function finish(end, world) {
  world.inside(() => {
    world.checkStates();
    if (end.intake === "relayed") return;
    end.socket.resume();
    end.isSuspended = false;
    if (end.intake === "none") {
      actions.listen(end, { type: "message", how: "add" }, world);
      actions.listen(end, { type: "halfclose", how: "add" }, world);
    } else if (end.intake === "readable" && !end.socket.readable.locked) {
      taking.readable(end, { how: "default", every: 0 }, world);
    }
  });
  if (end.intake === "reader") world.keep(`reading ${end.name} to the end`, readToEnd(end), () => {}, (error) => failed(end, "reader.read()", error));
  await turn();
  // A handshake under way would be lost with the end of the sending side.
  if (end.isUpgrading) await world.until(() => end.socket.secureTransport === "on" || end.state !== "open", HANDSHAKE);
  world.inside(() => {
    if (end.intake === "relayed") return;
    if (end.writer === undefined) {
      actions.halfclose(end, {}, world);
    } else if (typeof end.writer !== "string") {
      taking.endWriter(end, { how: "close" }, world);
    }
  });
}

/** @param {any} end */
async function readToEnd(end) {
  for (;;) {
    const value = await end.reader.read();
    if (value === null) return;
    end.take(value);
  }
}

module.exports = { finish, taking };
