"use strict";

const {
  families,
  acceptedPair,
  collect,
  datagrams,
  deadline,
  dial,
  expectIsDOMException,
  expectTypeError,
  foreign,
  listen,
  once,
  pattern,
  record,
  runJSON,
  settle,
  tcp,
  TCPServerSocket,
  TCPSocket,
  tcpServer,
  text,
  thrownBy,
  udp,
  UDPSocket,
} = require("../helpers");

const ALL = ["open", "message", "halfclose", "drain", "error", "close"];

/** A socket that follows a signal, its peer, and what aborts it. */
async function following({ listen, connectTo }, options = {}) {
  const controller = new AbortController();
  const server = await listen({ allowHalfOpen: true });
  const socket = connectTo(server, { ...options, signal: controller.signal });
  const [peer] = await Promise.all([server.next(), once(socket, "open")]);
  return { controller, socket, peer };
}

describe("a signal that is aborted already", () => {
  test.each([
    ["TCPSocket", (signal) => new TCPSocket("127.0.0.1", 9, { signal })],
    ["UDPSocket", (signal) => new UDPSocket({ signal })],
    ["TCPServerSocket", (signal) => new TCPServerSocket({ signal })],
  ])("makes the constructor of %s throw its reason, and nothing is made (R-abort)", async (_, make) => {
    const reason = { my: "reason" };
    expect(thrownBy(() => make(AbortSignal.abort(reason)))).toBe(reason);
    expect(thrownBy(() => make(AbortSignal.abort())).name).toBe("AbortError");
  });

  test("leaves its port alone (R-abort)", async () => {
    const server = tcpServer();
    const { localPort } = server;
    server.close();
    thrownBy(() => new TCPServerSocket({ localAddress: "127.0.0.1", localPort, signal: AbortSignal.abort() }));
    tcpServer({ localPort });
  });
});

describe.each(families)("aborted later, a $name", (family) => {
  test("is reset at once: error with code ABORT_ERR and the reason as cause, then close (R-abort)", async () => {
    const { controller, socket, peer } = await following(family);
    const seen = family.seesReset(peer.resume());
    const log = record(socket, ALL);
    const reason = new Error("enough");
    controller.abort(reason);
    expect(socket.readyState).toBe("closed");
    expect(log.types).toEqual([]);
    expect(thrownBy(() => socket.send("x")).message).toContain("signal");
    await log.until("close");
    await settle();
    expect(log.types).toEqual(["error", "close"]);
    const { error } = log.entries[0].event;
    expectIsDOMException(error, "NetworkError", "ABORT_ERR");
    expect(error.cause).toBe(reason);
    await seen;
    await expect(socket.closed).rejects.toBe(error);
  });

  test("fires error alone while connecting (R-abort)", async () => {
    const server = await family.listen();
    const controller = new AbortController();
    const socket = family.connectTo(server, { signal: controller.signal });
    const log = record(socket, ALL);
    const { opened } = socket;
    controller.abort();
    expect(socket.readyState).toBe("closed");
    await log.until("error");
    await settle();
    expect(log.types).toEqual(["error"]);
    const { error } = log.entries[0].event;
    expect(error.cause.name).toBe("AbortError");
    await expect(opened).rejects.toBe(error);
  });

  test.each(["halfclosed", "closing"])("is reset in %s, too: for its whole life (R-abort)", async (state) => {
    const { controller, socket, peer } = await following(family);
    peer.pause();
    socket.send(pattern(32 * 1024 * 1024));
    if (state === "closing") {
      socket.close();
    } else {
      socket.halfclose();
    }
    expect(socket.readyState).toBe(state);
    const log = record(socket, ALL);
    await settle();
    const { bufferedAmount } = socket;
    controller.abort();
    expect(socket.bufferedAmount).toBe(bufferedAmount);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expectIsDOMException(log.entries[0].event.error, "NetworkError", "ABORT_ERR");
  });

  test("errors its streams with the exception, and rejects a write under way (R-abort, R-streams)", async () => {
    const { controller, socket, peer } = await following(family);
    peer.pause();
    const reader = socket.readable.getReader();
    const waiting = reader.read().catch((reason) => reason);
    const writing = socket.writable
      .getWriter()
      .write(pattern(32 * 1024 * 1024))
      .catch((reason) => reason);
    await settle();
    const error = once(socket, "error");
    controller.abort();
    const { error: exception } = await error;
    expect(await deadline(waiting, "the read")).toBe(exception);
    expect(await deadline(writing, "the write")).toBe(exception);
  });

  test("gets no second error where it is over (R-abort)", async () => {
    const { controller, socket, peer } = await following(family);
    const log = record(socket, ["error", "close"]);
    peer.end();
    await log.until("close");
    controller.abort();
    await settle();
    expect(log.types.filter((type) => type === "error")).toEqual([]);
    const reset = await following(family);
    const resetLog = record(reset.socket, ALL);
    reset.socket.reset();
    reset.controller.abort();
    await resetLog.until("close");
    await settle();
    expect(resetLog.types).toEqual(["close"]);
  });

  test("by AbortSignal.timeout() and AbortSignal.any() is reset as well (R-abort)", async () => {
    const server = await family.listen();
    const never = new AbortController();
    for (const make of [() => AbortSignal.timeout(50), () => AbortSignal.any([never.signal, AbortSignal.timeout(50)])]) {
      const socket = family.connectTo(server, { signal: make() });
      const { error } = await once(socket, "error");
      expectIsDOMException(error, "NetworkError", "ABORT_ERR");
      expect(error.cause.name).toBe("TimeoutError");
    }
  });
});

describe("aborted later,", () => {
  test("a UDPSocket is closed; what it was given goes out, and no event fires (R-abort, R-udp-close)", async () => {
    const peer = await datagrams();
    const controller = new AbortController();
    const socket = udp({ signal: controller.signal });
    const log = record(socket, ["error", "message", "drain"]);
    const next = socket[Symbol.asyncIterator]().next();
    socket.send("last", peer.host, peer.port);
    controller.abort();
    expect(socket.readyState).toBe("closed");
    expect((await peer.next()).data.toString()).toBe("last");
    expect(await deadline(next, "the loop's end")).toEqual({ done: true, value: undefined });
    await deadline(socket.closed, "closed");
    expect(thrownBy(() => socket.send("x", peer.host, peer.port)).message).toContain("signal");
    expect(log.types).toEqual([]);
  });

  test("a server is closed, not its connections (R-abort, R-srv-close)", async () => {
    const controller = new AbortController();
    const { server, socket, peer } = await acceptedPair({ options: { signal: controller.signal } });
    const { localPort } = server;
    controller.abort();
    expect(server.readyState).toBe("closed");
    await deadline(server.closed, "closed");
    tcpServer({ localPort });
    const inbox = collect(socket);
    peer.write("lives on");
    await inbox.until(8);
    expect(inbox.text()).toBe("lives on");
  });
});

describe("the option", () => {
  test.each([
    ["null", null],
    ["a number", 7],
    ["a controller", new AbortController()],
    ["an object with aborted", { aborted: false }],
    ["an object that pretends", { aborted: false, addEventListener() {}, removeEventListener() {} }],
    ["an EventTarget", new EventTarget()],
    ["what inherits from AbortSignal", Object.create(AbortSignal.prototype)],
  ])("refuses %s with a TypeError (R-abort, R-shape)", (_, signal) => {
    for (const make of [
      () => new UDPSocket({ signal }),
      () => new TCPServerSocket({ signal }),
      () => new TCPSocket("127.0.0.1", 9, { signal }),
    ]) {
      expect(expectTypeError(make).message).toContain("AbortSignal");
    }
  });

  test("takes a polyfill's signal, which says and behaves so, and undefined (R-abort)", async () => {
    const listeners = new Set();
    const signal = {
      aborted: false,
      reason: undefined,
      addEventListener: (type, listener) => listeners.add(listener),
      removeEventListener: (type, listener) => listeners.delete(listener),
      get [Symbol.toStringTag]() {
        return "AbortSignal";
      },
    };
    const [one, other] = [udp({ signal }), udp({ signal })];
    expect(listeners.size).toBe(1);
    one.close();
    await one.closed;
    signal.aborted = true;
    for (const listener of listeners) {
      listener();
    }
    expect(other.readyState).toBe("closed");
    udp({ signal: undefined });
    expect(foreign("typeof AbortSignal")).toBe("undefined");
  });
});

describe("one signal", () => {
  test("serves 10,000 sockets, past and present, with one listener, no leak and no warning (R-abort)", async () => {
    const result = await runJSON(
      `const { getEventListeners } = require("node:events");
      const warnings = [];
      process.on("warning", (warning) => warnings.push(String(warning)));
      const { signal } = new AbortController();
      const sweep = async () => { for (let i = 0; i < 5; i++) { globalThis.gc(); await new Promise(setImmediate); } };
      const round = async (count) => {
        const sockets = [];
        for (let i = 0; i < count; i++) sockets.push(new UDPSocket({ localAddress: "127.0.0.1", signal }));
        const listeners = getEventListeners(signal, "abort").length;
        for (const socket of sockets) socket.close();
        await Promise.all(sockets.map((socket) => socket.closed));
        return listeners;
      };
      (async () => {
        await round(500);
        await sweep();
        const before = process.memoryUsage().heapUsed;
        const most = [];
        for (let i = 0; i < 20; i++) most.push(await round(500));
        await sweep();
        const growth = process.memoryUsage().heapUsed - before;
        report({ most: Math.max(...most), left: getEventListeners(signal, "abort").length, growth, warnings });
      })();`,
      { nodeArgs: ["--expose-gc"], timeout: 25_000, openFiles: 1024 },
    );
    expect(result).toMatchObject({ most: 1, left: 0, warnings: [] });
    expect(result.growth).toBeLessThan(1024 * 1024);
  });

  test("resets all that follow it, of every kind (R-abort)", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const server = tcpServer({ signal });
    const peer = await listen();
    const clients = Array.from({ length: 20 }, () => tcp("127.0.0.1", peer.port, { signal }));
    await Promise.all(clients.map((client) => client.opened));
    const datagram = udp({ signal });
    const ends = clients.map((client) => client.closed.catch((error) => error.code));
    controller.abort();
    expect(await deadline(Promise.all(ends), "all ends")).toEqual(clients.map(() => "ABORT_ERR"));
    expect([server.readyState, datagram.readyState]).toEqual(["closed", "closed"]);
  });

  test("lets go of a socket that is closed, whichever way: the signal keeps nothing alive (R-abort)", async () => {
    const result = await runJSON(
      `const controller = new AbortController();
      const { getEventListeners } = require("node:events");
      const peer = net.createServer((socket) => socket.on("error", () => {}).resume());
      peer.listen(0, "127.0.0.1", async () => {
        const { port } = peer.address();
        const make = () => new TCPSocket("127.0.0.1", port, { signal: controller.signal });
        const ends = { close: (s) => s.close(), reset: (s) => s.reset(), abort: (s) => s.writable.abort() };
        for (const end of Object.values(ends)) {
          const socket = make();
          await socket.opened;
          await end(socket);
          await socket.closed;
        }
        const failing = new TCPSocket("127.0.0.1", 1, { signal: controller.signal });
        await failing.closed.catch(() => {});
        report(getEventListeners(controller.signal, "abort").length);
        peer.close();
      });`,
    );
    expect(result).toBe(0);
  });
});

test("who connects to an aborted server's port is refused (R-abort)", async () => {
  const controller = new AbortController();
  const server = tcpServer({ signal: controller.signal });
  const { localPort } = server;
  (await dial(localPort)).destroy();
  controller.abort();
  const error = await once(tcp("127.0.0.1", localPort), "error");
  expect(error.error.code).toBe("ECONNREFUSED");
  expect(text(Buffer.from(error.message))).toContain(String(localPort));
});
