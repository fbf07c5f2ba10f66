"use strict";

// `reader`: back-pressure, limits, signals, timeouts, losses and ends (R-reader).

const { families, both } = require("../helpers/families");
const { eventually, once, pattern, record, run, runJSON, settle, sha256, sleep, text, expendable, tcpPair } = require("../helpers");

const HELD = 64 * 1024;

/** The state of a promise by now. */
async function stateOf(promise) {
  let state = "pending";
  promise.then(() => (state = "fulfilled"), () => (state = "rejected"));
  await settle(10);
  return state;
}

describe.each(families)("$name: back-pressure of reader (R-reader)", (family) => {
  test("with no read pending it holds 64 KiB, and the peer has to wait", async () => {
    const { client, accepted } = await both(family);
    const { reader } = accepted;
    client.send(new Uint8Array(40_000_000));
    await eventually(() => reader.buffered === HELD, "64 KiB");
    await settle(100);
    expect(reader.buffered).toBe(HELD);
    expect(client.bufferedAmount).toBeGreaterThan(10_000_000);
    expect(accepted.bytesRead).toBe(0);
  });

  test("for the read in front it grows to what that needs, and no further", async () => {
    const { client, accepted } = await both(family);
    const { reader } = accepted;
    client.send(pattern(10_000_000));
    const size = 3_000_001;
    const bytes = await reader.readExactly(size);
    await settle(60);
    expect(reader.buffered).toBeLessThanOrEqual(HELD);
    expect(accepted.bytesRead).toBe(size);
    const read = reader.readUntil("x".repeat(30), { limit: 1_000_000 });
    await expect(read).rejects.toMatchObject({ code: "ERR_LIMIT_EXCEEDED" });
    expect(sha256(bytes)).toBe(sha256(pattern(10_000_000).subarray(0, size)));
    const rest = await reader.readExactly(10_000_000 - size);
    expect(sha256(bytes, rest)).toBe(sha256(pattern(10_000_000)));
  });

  test("a read of what never comes does not make room before the bytes come", async () => {
    const { socket, peer } = await family.pair();
    const read = socket.reader.readExactly(2 ** 32 - 1);
    const before = process.memoryUsage().arrayBuffers;
    peer.write("x");
    await eventually(() => socket.reader.buffered === 1, "a byte");
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(10_000_000);
    socket.reset();
    await expect(read).rejects.toMatchObject({ name: "InvalidStateError" });
  });

  test("suspend() holds it, too", async () => {
    const { socket, peer } = await family.pair();
    const read = socket.reader.read();
    socket.suspend();
    peer.write("late");
    expect(await stateOf(read)).toBe("pending");
    socket.resume();
    expect(text(await read)).toBe("late");
  });

  test("reading in small steps while the peer sends in bulk: nothing is lost or moved", async () => {
    const { client, accepted } = await both(family);
    const bytes = pattern(3_000_000);
    client.send(bytes);
    client.halfclose();
    const { reader } = accepted;
    const chunks = [];
    for (;;) {
      const chunk = await reader.read();
      if (chunk === null) {
        break;
      }
      chunks.push(chunk);
      if (chunks.length % 5 === 0) {
        await settle(4);
        expect(reader.buffered).toBeLessThanOrEqual(HELD);
      }
    }
    expect(sha256(chunks)).toBe(sha256(bytes));
  });
});

describe("limits of reader (R-reader)", () => {
  test("readUntil() and readLine() reject where the first `limit` bytes hold no end, and consume nothing", async () => {
    const { socket, peer } = await tcpPair();
    const { reader } = socket;
    peer.write("0123456789\nabc;");
    await eventually(() => reader.buffered === 15, "15 bytes");
    const limited = { name: "NetworkError", code: "ERR_LIMIT_EXCEEDED" };
    await expect(reader.readLine({ limit: 10 })).rejects.toMatchObject(limited);
    await expect(reader.readUntil(";", { limit: 14 })).rejects.toMatchObject(limited);
    await expect(reader.readLine({ limit: 0 })).rejects.toMatchObject(limited);
    expect(reader.buffered).toBe(15);
    expect(await reader.readLine({ limit: 11 })).toBe("0123456789");
    expect(text(await reader.readUntil(";", { limit: 4 }))).toBe("abc;");
  });

  test("the default is 64 KiB, delimiter included", async () => {
    const { socket, peer } = await tcpPair();
    const { reader } = socket;
    peer.write(`${"x".repeat(HELD - 1)}\n${"y".repeat(HELD)}\n`);
    expect((await reader.readLine()).length).toBe(HELD - 1);
    await expect(reader.readLine()).rejects.toMatchObject({ code: "ERR_LIMIT_EXCEEDED" });
    await expect(reader.readUntil("\n")).rejects.toMatchObject({ code: "ERR_LIMIT_EXCEEDED" });
    expect((await reader.readLine({ limit: HELD + 1 })).length).toBe(HELD);
  });

  test("a waiting read rejects as soon as the limit is reached, and the next one goes on", async () => {
    const { socket, peer } = await tcpPair();
    const { reader } = socket;
    const reads = [reader.readUntil(";", { limit: 5 }), reader.readExactly(6)];
    peer.write("abcdef");
    await expect(reads[0]).rejects.toMatchObject({ code: "ERR_LIMIT_EXCEEDED" });
    expect(text(await reads[1])).toBe("abcdef");
  });

  test("a limit over 64 KiB makes the buffer grow to it", async () => {
    const { socket, peer } = await tcpPair();
    const line = "z".repeat(1_000_000);
    peer.write(`${line}\nrest`);
    expect(await socket.reader.readLine({ limit: 2_000_000 })).toBe(line);
    expect(text(await socket.reader.read())).toBe("rest");
  });

  test("a loop over lines() throws at a line that is too long, and is over", async () => {
    const { socket, peer } = await tcpPair();
    peer.write("short\nmuch too long\nnext\n");
    const lines = socket.reader.lines({ limit: 8 });
    expect(await lines.next()).toEqual({ done: false, value: "short" });
    await expect(lines.next()).rejects.toMatchObject({ code: "ERR_LIMIT_EXCEEDED" });
    expect(await lines.next()).toEqual({ done: true, value: undefined });
    expect(await socket.reader.readLine()).toBe("much too long");
  });

  test("leaving a loop over lines() leaves the rest to the reader", async () => {
    const { socket, peer } = await tcpPair();
    peer.write("a\nb\nc\n");
    for await (const line of socket.reader.lines()) {
      if (line === "b") {
        break;
      }
    }
    expect(await socket.reader.readLine()).toBe("c");
  });
});

describe("signals and timeouts of reads (R-reader)", () => {
  test("a timeout rejects with ETIMEDOUT and consumes nothing; the next read goes on", async () => {
    const { socket, peer } = await tcpPair();
    const { reader } = socket;
    peer.write("half");
    await expect(reader.readLine({ timeout: 30 })).rejects.toMatchObject({ name: "NetworkError", code: "ETIMEDOUT" });
    expect(reader.buffered).toBe(4);
    const line = reader.readLine({ timeout: 0 });
    await sleep(20);
    peer.write(" and whole\n");
    expect(await line).toBe("half and whole");
  });

  test("a timeout is never early, and a read that is served in time is not touched by it", async () => {
    const { socket, peer } = await tcpPair();
    const start = performance.now();
    await expect(socket.reader.read({ timeout: 80 })).rejects.toMatchObject({ code: "ETIMEDOUT" });
    expect(performance.now() - start).toBeGreaterThan(79);
    const read = socket.reader.read({ timeout: 100 });
    peer.write("x");
    expect(text(await read)).toBe("x");
    await sleep(120);
    expect(socket.readyState).toBe("open");
  });

  test("a signal rejects with its reason, unchanged, and consumes nothing; those behind it are served", async () => {
    const { socket, peer } = await tcpPair();
    const { reader } = socket;
    const controller = new AbortController();
    const reads = [reader.readExactly(10, { signal: controller.signal }), reader.readExactly(2)];
    peer.write("ab");
    await eventually(() => reader.buffered === 2, "2 bytes");
    const reason = Object.freeze({ why: "enough" });
    controller.abort(reason);
    expect(await reads[0].catch((error) => error)).toBe(reason);
    expect(text(await reads[1])).toBe("ab");
  });

  test.each([undefined, null, "text"])("the reason may be any value: %s", async (value) => {
    const { socket } = await tcpPair();
    const signal = { aborted: false, reason: value, listeners: [], addEventListener: (_, f) => signal.listeners.push(f), removeEventListener() {}, [Symbol.toStringTag]: "AbortSignal" };
    const read = socket.reader.read({ signal });
    signal.aborted = true;
    signal.listeners.forEach((listener) => listener());
    const caught = await read.then(() => "fulfilled", (error) => ({ error }));
    expect(caught).toEqual({ error: value });
  });

  test("an aborted signal rejects at once, though the bytes are there", async () => {
    const { socket, peer } = await tcpPair();
    peer.write("there\n");
    await eventually(() => socket.reader.buffered === 6, "6 bytes");
    const signal = AbortSignal.abort();
    for (const read of [socket.reader.read({ signal }), socket.reader.readLine({ signal }), socket.reader.lines({ signal }).next()]) {
      await expect(read).rejects.toMatchObject({ name: "AbortError" });
    }
    expect(await socket.reader.readLine()).toBe("there");
  });

  test("a thing that only looks like a signal, and throws, rejects the read and leaves nothing behind", async () => {
    const { socket, peer } = await tcpPair();
    const signal = {
      aborted: false,
      reason: undefined,
      addEventListener() {
        throw new Error("no");
      },
      removeEventListener() {},
      [Symbol.toStringTag]: "AbortSignal",
    };
    await expect(socket.reader.read({ signal })).rejects.toThrow(TypeError);
    peer.write("kept");
    expect(text(await socket.reader.read())).toBe("kept");
  });

  test("a signal that lives long holds no read: its listener is gone with the read", async () => {
    const { socket, peer } = await tcpPair();
    const { signal } = new AbortController();
    const added = jest.spyOn(signal, "addEventListener");
    for (let i = 0; i < 20; i++) {
      const read = socket.reader.read({ signal });
      peer.write("x");
      await read;
    }
    const { getEventListeners } = require("node:events");
    expect(getEventListeners(signal, "abort")).toEqual([]);
    added.mockRestore();
  });
});

describe.each(families)("$name: reader and the end of the connection (R-reader)", (family) => {
  test("close() and reset() reject the pending reads with InvalidStateError", async () => {
    for (const end of ["close", "reset"]) {
      const { socket, peer } = await family.pair();
      peer.resume();
      const reads = [socket.reader.readLine(), socket.reader.read()];
      socket[end]();
      for (const read of reads) {
        await expect(read).rejects.toMatchObject({ name: "InvalidStateError", message: expect.stringContaining(`${end}() was called`) });
      }
      await expect(socket.reader.read()).rejects.toMatchObject({ name: "InvalidStateError" });
    }
  });

  test("after close() what is buffered can still be read", async () => {
    const { socket, peer } = await family.pair();
    peer.write("one\ntwo");
    await eventually(() => socket.reader.buffered === 7, "7 bytes");
    socket.close();
    expect(await socket.reader.readLine()).toBe("one");
    expect(text(await socket.reader.read())).toBe("two");
    await expect(socket.reader.read()).rejects.toMatchObject({ name: "InvalidStateError" });
  });

  test("a loss rejects once what came before it is read, with the exception of the `error` event", async () => {
    const { socket, say, lose } = await family.losable();
    const { reader } = socket;
    await say("first\nsec");
    expect(await reader.readLine()).toBe("first");
    const waiting = reader.readLine();
    const failed = once(socket, "error");
    lose();
    const { error } = await failed;
    expect(await waiting.catch((caught) => caught)).toBe(error);
    expect(text(await reader.read())).toBe("sec");
    expect(await reader.read().catch((caught) => caught)).toBe(error);
    await expect(reader.readExactly(1)).rejects.toBe(error);
    await expect(reader.lines().next()).rejects.toBe(error);
  });

  test("a loss with nobody reading comes behind what the system still has, and is told", async () => {
    const { socket, say, lose } = await family.losable();
    const { reader } = socket;
    await say("x".repeat(300));
    await eventually(() => reader.buffered === 300, "300 bytes");
    const log = record(socket, ["error", "close"]);
    lose();
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect((await reader.read()).length).toBe(300);
    await expect(reader.read()).rejects.toMatchObject({ name: "NetworkError" });
  });

  test("taken on a closed socket: nothing comes", async () => {
    const { socket, peer } = await family.pair();
    peer.end();
    peer.resume();
    await once(socket, "close");
    expect(await socket.reader.read()).toBe(null);
    const { socket: other } = await family.pair();
    other.reset();
    await once(other, "close");
    await expect(other.reader.read()).rejects.toMatchObject({ name: "InvalidStateError" });
  });

  test("taken after a failed attempt, it rejects with that error", async () => {
    const socket = expendable(family.connectTo(await family.refusing()));
    const { error } = await once(socket, "error");
    await expect(socket.reader.readLine()).rejects.toBe(error);
  });

  test("bytesRead counts what was read, and unread() takes it off again (R-stats)", async () => {
    const { socket, peer } = await family.pair({ peer: { allowHalfOpen: true } });
    const { reader } = socket;
    peer.write("0123456789");
    await eventually(() => reader.buffered === 10, "10 bytes");
    expect(socket.bytesRead).toBe(0);
    const bytes = await reader.readExactly(4);
    expect(socket.bytesRead).toBe(4);
    reader.unread(bytes.subarray(2));
    expect(socket.bytesRead).toBe(2);
    socket.reset();
    await once(socket, "close");
    expect(socket.bytesRead).toBe(2);
  });
});

test("the timeout of a read does not keep the process alive; the socket does (R-keep)", async () => {
  const result = await run(`
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    server.onconnect = ({ connectedSocket }) => connectedSocket.unref();
    (async () => {
      const socket = await connect("127.0.0.1", server.localPort);
      socket.reader.read({ timeout: 100_000 }).catch(() => {});
      server.unref();
      socket.unref();
      report("unreferenced");
    })();`);
  expect([result.code, result.timedOut, result.reports]).toEqual([0, false, ["unreferenced"]]);
});

test("the stack of a read that rejects later shows the awaiting function (R-stack)", async () => {
  const stacks = await runJSON(`
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    server.onconnect = () => {};
    (async () => {
      const socket = await connect("127.0.0.1", server.localPort);
      const { reader } = socket;
      async function theReader() {
        await reader.readLine({ timeout: 5 });
      }
      async function theLoop() {
        for await (const line of reader.lines({ timeout: 5 })) {
          throw new Error(line);
        }
      }
      async function theLoser() {
        await reader.readExactly(5);
      }
      const stacks = [];
      for (const read of [theReader, theLoop, theLoser]) {
        const promise = read();
        if (read === theLoser) {
          socket.reset();
        }
        stacks.push(await promise.catch(({ stack }) => stack));
      }
      server.close();
      report(stacks);
    })();`);
  expect(stacks[0]).toMatch(/\n {4}at async theReader/);
  expect(stacks[1]).toMatch(/\n {4}at async theLoop/);
  expect(stacks[2]).toMatch(/\n {4}at async theLoser/);
});
