"use strict";

// A constructor that throws, and a connect() that rejects, leave nothing behind: no socket, no port, no listener at a signal.

const { runJSON } = require("../helpers");

const prelude = `
  const { getEventListeners } = require("node:events");
  const fs = require("node:fs");
  // Only Linux tells it. Elsewhere, what the test says about the rest still holds.
  const sockets = () => process.platform !== "linux" ? 0 : fs.readdirSync("/proc/self/fd").filter((fd) => {
    try { return fs.readlinkSync("/proc/self/fd/" + fd).startsWith("socket:"); } catch { return false; }
  }).length;
  // What the package makes once is made before anything is counted.
  new UDPSocket({ localAddress: "127.0.0.1" }).close();
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const { localPort } = server;
  const thrown = async (make) => {
    try { await make(); } catch (error) { return error; }
    return undefined;
  };
  const makers = {
    UDPSocket: (options) => new UDPSocket({ localAddress: "127.0.0.1", ...options }),
    TCPServerSocket: (options) => new TCPServerSocket({ localAddress: "127.0.0.1", ...options }),
    TCPSocket: (options) => new TCPSocket("127.0.0.1", localPort, options),
    connect: (options) => connect("127.0.0.1", localPort, options),
    "connect by name": (options) => connect("localhost", localPort, { connectTimeout: 5000, ...options }),
  };
  const turns = async (count) => { for (let i = 0; i < count; i++) await new Promise(setImmediate); };
  class Like {
    aborted = false;
    reason = new Error("the reason");
    listeners = new Set();
    addEventListener(type, listener) { this.listeners.add(listener); }
    removeEventListener(type, listener) { this.listeners.delete(listener); }
    get [Symbol.toStringTag]() { return "AbortSignal"; }
    abort() { this.aborted = true; for (const listener of this.listeners) listener(); }
  }
`;
const script = (body) => `${prelude}(async () => {${body}\n})().catch((error) => { console.error(error); process.exit(70); });`;

/** For each of the ways to make a socket: what it threw with such a signal, and how many sockets there are more than before. */
const outcomes = (makeSignal) =>
  runJSON(
    script(
      `const makeSignal = ${makeSignal};
      const result = {};
      for (const [name, make] of Object.entries(makers)) {
        await turns(20);
        const before = sockets();
        const error = await thrown(() => make({ signal: makeSignal() }));
        await turns(20);
        result[name] = [error?.name ?? "nothing", error?.message ?? "", sockets() - before];
      }
      server.close();
      report(result);`,
    ),
  );

const WAYS = ["UDPSocket", "TCPServerSocket", "TCPSocket", "connect", "connect by name"];

describe("an object that only looks like a signal", () => {
  test.each([
    [
      "whose addEventListener() throws",
      `() => Object.assign(new Like(), { addEventListener() { throw new RangeError("thrown"); } })`,
      "TypeError",
    ],
    ["that has no removeEventListener()", `() => Object.assign(new Like(), { removeEventListener: undefined })`, "TypeError"],
    ["whose aborted throws", `() => Object.defineProperty(new Like(), "aborted", { get() { throw new Error("thrown"); } })`, "TypeError"],
    [
      "whose aborted throws from the third time on",
      `() => { let count = 0; return Object.defineProperty(new Like(), "aborted", { get() { count += 1; if (count > 2) throw new RangeError("thrown"); return false; } }); }`,
      "RangeError",
    ],
    [
      "that is aborted by being listened to",
      `() => Object.assign(new Like(), { addEventListener(type, listener) { this.aborted = true; listener(); } })`,
      "Error",
    ],
    [
      "a Proxy of a signal that throws when it is listened to",
      `() => { let count = 0; return new Proxy(new AbortController().signal, { get(target, key) {
        if (key === "constructor" || key === "addEventListener") throw new RangeError("thrown");
        return Reflect.get(target, key);
      } }); }`,
      "TypeError",
    ],
  ])("%s: an exception, and no socket (R-abort, R-shape)", async (_, makeSignal, name) => {
    const result = await outcomes(makeSignal);
    expect(Object.keys(result)).toEqual(WAYS);
    for (const way of WAYS) {
      expect([way, result[way][0], result[way][2]]).toEqual([way, name, 0]);
    }
  });

  test("and behaves so ends its sockets, also where its reason and removeEventListener() throw (R-abort)", async () => {
    const result = await runJSON(
      script(
        `const result = {};
        for (const [name, make] of Object.entries(makers)) {
          const signal = new Like();
          const socket = await make({ signal });
          await socket.opened;
          Object.defineProperty(signal, "reason", { get() { throw new RangeError("thrown"); } });
          signal.removeEventListener = () => { throw new RangeError("thrown"); };
          const closed = socket.closed.then(() => "closed", ({ code, cause }) => [code, cause.message]);
          signal.abort();
          result[name] = await closed;
        }
        // One that is closed in the ordinary way, too.
        const signal = new Like();
        signal.removeEventListener = () => { throw new RangeError("thrown"); };
        const socket = new TCPSocket("127.0.0.1", localPort, { signal });
        await once(socket, "open");
        socket.close();
        await once(socket, "close");
        server.close();
        report(result);`,
      ),
    );
    const aborted = ["ABORT_ERR", "thrown"];
    expect(result).toEqual({ UDPSocket: "closed", TCPServerSocket: "closed", TCPSocket: aborted, connect: aborted, "connect by name": aborted });
  });
});

test("a genuine signal is not asked for methods of its own (R-abort)", async () => {
  const result = await runJSON(
    script(
      `const result = {};
      for (const [name, make] of Object.entries(makers)) {
        const controller = new AbortController();
        for (const method of ["addEventListener", "removeEventListener"]) {
          controller.signal[method] = () => { throw new RangeError("thrown"); };
        }
        const socket = await make({ signal: controller.signal });
        await socket.opened;
        controller.abort(new Error("the reason"));
        result[name] = await socket.closed.then(() => "closed", ({ code }) => code);
      }
      server.close();
      report(result);`,
    ),
  );
  const [closed, aborted] = ["closed", "ABORT_ERR"];
  expect(result).toEqual({ UDPSocket: closed, TCPServerSocket: closed, TCPSocket: aborted, connect: aborted, "connect by name": aborted });
});

test("what another listener of the signal does to the abort event keeps no socket from it (R-abort)", async () => {
  const result = await runJSON(
    script(
      `const controller = new AbortController();
      controller.signal.addEventListener("abort", (event) => event.stopImmediatePropagation());
      const made = await Promise.all(Object.values(makers).map((make) => make({ signal: controller.signal })));
      await Promise.all(made.map(({ opened }) => opened));
      const pending = thrown(() => connect("localhost", localPort, { signal: controller.signal, lookup: () => new Promise(() => {}) }));
      controller.abort(new Error("the reason"));
      const ends = await Promise.all(made.map(({ closed }) => closed.then(() => "closed", ({ code }) => code)));
      ends.push((await pending).message);
      server.close();
      report(ends);`,
    ),
  );
  expect(result).toEqual(["closed", "closed", "ABORT_ERR", "ABORT_ERR", "ABORT_ERR", "the reason"]);
});

test("where opening fails, no listener is left at the signal, and the async resource is destroyed (R-abort)", async () => {
  const result = await runJSON(
    script(
      `const { signal } = new AbortController();
      const alive = new Set();
      require("node:async_hooks").createHook({
        init(id, type) { if (/^(TCP|UDP).*SOCKET$/.test(type)) alive.add(id); },
        destroy(id) { alive.delete(id); },
      }).enable();
      const errors = await Promise.all([
        thrown(() => new UDPSocket({ localAddress: "192.0.2.1", signal })),
        thrown(() => new TCPServerSocket({ localAddress: "127.0.0.1", localPort, signal })),
        thrown(() => new TCPSocket("127.0.0.1", localPort, { localAddress: "192.0.2.1", signal })),
        thrown(() => connect("127.0.0.1", localPort, { localAddress: "192.0.2.1", signal })),
        thrown(() => connect("127.0.0.1", 1, { signal })),
        thrown(() => connect("nowhere.invalid", 1, { signal, lookup() { throw new Error("no"); } })),
      ]);
      await turns(20);
      server.close();
      report({
        errors: errors.map((error) => error.code),
        listeners: getEventListeners(signal, "abort").length,
        alive: alive.size,
      });`,
    ),
  );
  expect(result).toEqual({
    errors: ["EADDRNOTAVAIL", "EADDRINUSE", "EADDRNOTAVAIL", "EADDRNOTAVAIL", "ECONNREFUSED", "ENOTFOUND"],
    listeners: 0,
    alive: 0,
  });
});

test("a signal that options' getters or the caller's callbacks abort makes no socket (R-abort)", async () => {
  const result = await runJSON(
    script(
      `const before = sockets();
      const withGetter = (make) => {
        const controller = new AbortController();
        return thrown(() => make({ signal: controller.signal, get sendBufferSize() { controller.abort(new Error("early")); return undefined; }, get timeToLive() { controller.abort(new Error("early")); return undefined; }, get useSecureTransport() { controller.abort(new Error("early")); return undefined; } }));
      };
      const errors = [];
      const { UDPSocket: udp, TCPServerSocket: server_, TCPSocket: tcp, connect: dial } = {
        UDPSocket: (options) => new UDPSocket(options),
        TCPServerSocket: (options) => new TCPServerSocket(options),
        TCPSocket: (options) => new TCPSocket("127.0.0.1", localPort, options),
        connect: (options) => connect("127.0.0.1", localPort, options),
      };
      for (const make of [udp, server_, tcp, dial]) errors.push((await withGetter(make)).message);
      for (const name of ["allowAddress", "lookup"]) {
        const controller = new AbortController();
        errors.push((await thrown(() => connect("localhost", localPort, {
          signal: controller.signal,
          [name]: () => { controller.abort(new Error("in " + name)); return name === "lookup" ? ["127.0.0.1"] : true; },
        }))).message);
      }
      await turns(20);
      const more = sockets() - before;
      server.close();
      report({ errors, more });`,
    ),
  );
  expect(result).toEqual({ errors: ["early", "early", "early", "early", "in allowAddress", "in lookup"], more: 0 });
});

test("a constructor that finds the stack full leaves no socket (R-keep)", async () => {
  const result = await runJSON(
    script(
      `const counts = {};
      for (const [name, make] of Object.entries({
        UDPSocket: (options) => new UDPSocket(options),
        TCPServerSocket: (options) => new TCPServerSocket(options),
        TCPSocket: (options) => new TCPSocket("127.0.0.1", localPort, options),
      })) {
        const options = { localAddress: "127.0.0.1", signal: new AbortController().signal };
        make(options).close();
        await turns(50);
        const before = sockets();
        let [made, failed] = [0, 0];
        // From the end of the stack upwards, in steps smaller than any frame of the constructor.
        const down = () => {
          try { down(); } catch { /* Full. */ }
          if (failed + made < 400) {
            try {
              const socket = make(options);
              made += 1;
              kept.push(socket);
            } catch (error) {
              if (!(error instanceof RangeError)) throw error;
              failed += 1;
            }
          }
        };
        const kept = [];
        down();
        const more = sockets() - before;
        counts[name] = [made > 0, failed > 0, process.platform === "linux" ? more - made : 0];
        kept.forEach((socket) => (socket.reset ?? socket.close).call(socket));
        await turns(50);
      }
      server.close();
      report(counts);`,
    ),
    { openFiles: 4096 },
  );
  expect(result).toEqual({ UDPSocket: [true, true, 0], TCPServerSocket: [true, true, 0], TCPSocket: [true, true, 0] });
});
