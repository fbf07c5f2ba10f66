"use strict";

// Listeners that a signal ends (lib/listener-signals.js).

const { getEventListeners } = require("node:events");
const { collect, expectTypeError, runJSON, settle, tcpPair, text, udp } = require("../helpers");

const how = { nodeArgs: ["--expose-gc"], timeout: 25_000 };

const prelude = `
  const { getEventListeners, once: nodeOnce } = require("node:events");
  const sweep = async () => {
    for (let i = 0; i < 6; i++) {
      gc();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
    }
  };
`;
const script = (body) => `${prelude}(async () => {${body}\n})().catch((error) => { console.error(error); process.exit(70); });`;

/** How many listeners the socket has. */
const count = (socket, type = "message") => getEventListeners(socket, type).length;

test("several listeners of one signal are all gone at the abort, after a garbage collection too, and bytes wait (R-listen)", async () => {
  const result = await runJSON(
    script(
      `const peer = net.createServer().listen(0, "127.0.0.1");
      const accepted = new Promise((resolve) => peer.once("connection", resolve));
      await once(peer, "listening");
      const socket = new TCPSocket("127.0.0.1", peer.address().port);
      await once(socket, "open");
      const datagrams = new UDPSocket({ localAddress: "127.0.0.1" });
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const controller = new AbortController();
      const { signal } = controller;
      let swallowed = "";
      for (const [target, types] of [[socket, ["message", "close", "error", "message"]], [datagrams, ["message", "error"]], [server, ["connect", "error", "connect"]]]) {
        for (const type of types) {
          target.addEventListener(type, (event) => { swallowed += event.type; }, { signal });
        }
      }
      await sweep();
      controller.abort();
      const left = [socket, datagrams, server].map((target) => ["message", "close", "error", "connect"].map((type) => getEventListeners(target, type).length));
      const end = await accepted;
      end.write("bytes");
      datagrams.send("datagram", "127.0.0.1", datagrams.localPort);
      const client = net.connect(server.localPort, "127.0.0.1");
      await once(client, "connect");
      await new Promise((resolve) => setTimeout(resolve, 50));
      const [one, two, three] = await Promise.all([once(socket, "message"), once(datagrams, "message"), once(server, "connect")]);
      const got = [one, two].map(({ data }) => Buffer.from(data).toString());
      for (const each of [socket, datagrams, server, three.connectedSocket]) each.close();
      client.destroy();
      end.destroy();
      peer.close();
      report({ left, got, swallowed });`,
    ),
    how,
  );
  expect(result).toEqual({ left: [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]], got: ["bytes", "datagram"], swallowed: "" });
});

test("one that was removed and added again without the signal stays (R-listen)", async () => {
  const { socket, peer } = await tcpPair();
  const controller = new AbortController();
  const seen = [];
  const listener = ({ data }) => seen.push(text(data));
  socket.addEventListener("message", listener, { signal: controller.signal });
  socket.removeEventListener("message", listener);
  socket.addEventListener("message", listener);
  controller.abort();
  expect(count(socket)).toBe(1);
  peer.write("a");
  await settle();
  expect(seen).toEqual(["a"]);
});

test("one that was used up and added again without the signal stays (R-listen)", () => {
  const socket = udp();
  const controller = new AbortController();
  const listener = () => {};
  socket.addEventListener("message", listener, { once: true, signal: controller.signal });
  socket.dispatchEvent(new Event("message"));
  expect(count(socket)).toBe(0);
  socket.addEventListener("message", listener);
  controller.abort();
  expect(count(socket)).toBe(1);
});

test("one that was added again with another signal follows that one (R-listen)", () => {
  const socket = udp();
  const [first, second] = [new AbortController(), new AbortController()];
  const listener = () => {};
  socket.addEventListener("message", listener, { signal: first.signal });
  socket.removeEventListener("message", listener);
  socket.addEventListener("message", listener, { signal: second.signal });
  first.abort();
  expect(count(socket)).toBe(1);
  second.abort();
  expect(count(socket)).toBe(0);
});

test("the second add of the same listener is none, and its signal has no say (R-listen)", () => {
  const socket = udp();
  const [first, second] = [new AbortController(), new AbortController()];
  const listener = () => {};
  socket.addEventListener("message", listener, { signal: first.signal });
  socket.addEventListener("message", listener, { signal: second.signal });
  socket.addEventListener("error", listener);
  socket.addEventListener("error", listener, { signal: second.signal });
  second.abort();
  expect([count(socket), count(socket, "error")]).toEqual([1, 1]);
  first.abort();
  expect([count(socket), count(socket, "error")]).toEqual([0, 1]);
});

test("for capture and not are two, and each follows its own signal (R-listen)", () => {
  const socket = udp();
  const [first, second] = [new AbortController(), new AbortController()];
  const calls = [];
  const listener = ({ eventPhase }) => calls.push(eventPhase);
  socket.addEventListener("message", listener, { capture: true, signal: first.signal });
  socket.addEventListener("message", listener, { signal: second.signal });
  socket.removeEventListener("message", listener);
  second.abort();
  expect(count(socket)).toBe(1);
  first.abort();
  socket.dispatchEvent(new Event("message"));
  expect([count(socket), calls.length]).toEqual([0, 0]);
});

test("an abort ends them before any listener of the signal that was added later runs (R-listen)", () => {
  const socket = udp();
  const controller = new AbortController();
  const { signal } = controller;
  const counts = [];
  signal.addEventListener("abort", (event) => {
    counts.push(count(socket));
    event.stopImmediatePropagation();
  });
  socket.addEventListener("message", () => {}, { signal });
  socket.addEventListener("message", { handleEvent() {} }, { signal });
  signal.addEventListener("abort", () => counts.push("stopped"));
  controller.abort();
  // In Node an abort listener that came before it runs before it; none keeps it from coming.
  expect([counts, count(socket)]).toEqual([[2], 0]);
});

test("with a signal that is aborted already nothing is added, and nothing waits for it (R-listen)", () => {
  const socket = udp();
  const signal = AbortSignal.abort();
  socket.addEventListener("message", () => {}, { signal });
  expect([count(socket), getEventListeners(signal, "abort").length]).toEqual([0, 0]);
});

test("what is no signal, and what is no listener, is refused or ignored as an EventTarget does (R-shape)", () => {
  const plain = new EventTarget();
  const socket = udp();
  const { signal } = new AbortController();
  for (const target of [plain, socket]) {
    for (const bad of [null, 7, "signal", {}]) {
      expectTypeError(() => target.addEventListener("message", () => {}, { signal: bad }));
    }
    expectTypeError(() => target.addEventListener("message", 7, { signal }));
    expectTypeError(() => target.addEventListener(Symbol("type"), () => {}, { signal }));
    target.addEventListener("message", () => {}, { signal: undefined });
    expect(count(target)).toBe(1);
  }
});

test("once and passive hold beside a signal (R-shape)", () => {
  /** What comes of it at a target. */
  const outcome = (target) => {
    const { signal } = new AbortController();
    let calls = 0;
    target.addEventListener("message", () => (calls += 1), { once: true, signal });
    target.addEventListener("message", (event) => event.preventDefault(), { passive: true, signal });
    const event = new Event("message", { cancelable: true });
    target.dispatchEvent(event);
    target.dispatchEvent(new Event("message"));
    return [calls, event.defaultPrevented, count(target)];
  };
  const expected = outcome(new EventTarget());
  expect(expected.slice(0, 1)).toEqual([1]);
  expect(outcome(udp())).toEqual(expected);
});

test("an abort in a close listener ends those that come after it (R-listen)", async () => {
  const { socket, peer } = await tcpPair();
  const controller = new AbortController();
  const calls = [];
  socket.addEventListener("close", () => {
    calls.push("first");
    controller.abort();
  });
  socket.addEventListener("close", () => calls.push("second"), { signal: controller.signal });
  const last = new Promise((resolve) => {
    socket.addEventListener("close", resolve);
  });
  peer.end();
  await last;
  expect(calls).toEqual(["first"]);
});

test("a closed socket's listeners are ended too (R-listen)", async () => {
  const socket = udp();
  const controller = new AbortController();
  socket.addEventListener("a", () => {}, { signal: controller.signal });
  socket.close();
  await socket.closed;
  socket.addEventListener("a", () => {}, { signal: controller.signal });
  expect(count(socket, "a")).toBe(2);
  controller.abort();
  expect(count(socket, "a")).toBe(0);
});

test("100,000 once() of one signal, one after the other, leave nothing at it (R-listen)", async () => {
  const result = await runJSON(
    script(
      `const { signal } = new AbortController();
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      let most = 0;
      const rounds = async (count) => {
        for (let i = 0; i < count; i++) {
          socket.addEventListener("message", () => {}, { once: true, signal });
          const removed = () => {};
          socket.addEventListener("message", removed, { signal });
          if (i % 1000 === 0) {
            most = Math.max(most, getEventListeners(signal, "abort").length);
            await new Promise(setImmediate);
          }
          socket.dispatchEvent(new Event("message"));
          socket.removeEventListener("message", removed);
        }
      };
      await rounds(20_000);
      await sweep();
      const before = process.memoryUsage().heapUsed;
      await rounds(100_000);
      await sweep();
      const growth = process.memoryUsage().heapUsed - before;
      const left = [getEventListeners(signal, "abort").length, getEventListeners(socket, "message").length];
      // In a loop of node:events' own.
      for (let i = 0; i < 1000; i++) {
        socket.send(String(i), "127.0.0.1", socket.localPort);
        const [{ data }] = await nodeOnce(socket, "message", { signal });
        if (Buffer.from(data).toString() !== String(i)) throw new Error("lost " + i);
      }
      left.push(getEventListeners(signal, "abort").length);
      socket.close();
      report({ growth, left, most });`,
    ),
    how,
  );
  expect(result).toMatchObject({ left: [0, 0, 0], most: 1 });
  expect(result.growth).toBeLessThan(500_000);
});

test("a signal keeps no closed socket alive, and a socket no signal that nothing waits for (R-listen)", async () => {
  const result = await runJSON(
    script(
      `const { signal } = new AbortController();
      const refs = [];
      await (async () => {
        for (let i = 0; i < 100; i++) {
          const socket = new UDPSocket({ localAddress: "127.0.0.1" });
          socket.addEventListener("message", () => socket, { signal });
          socket.addEventListener("error", () => socket, { signal });
          refs.push(new WeakRef(socket));
          socket.close();
        }
      })();
      const open = new UDPSocket({ localAddress: "127.0.0.1" });
      const signals = [];
      await (async () => {
        for (let i = 0; i < 100; i++) {
          const short = AbortSignal.any === undefined || i % 2 ? new AbortController().signal : AbortSignal.any([signal]);
          open.addEventListener("message", () => {}, { once: true, signal: short });
          signals.push(new WeakRef(short));
        }
        open.dispatchEvent(new Event("message"));
      })();
      for (let i = 0; i < 20 && [...refs, ...signals].some((ref) => ref.deref()); i++) await sweep();
      const left = [refs, signals].map((all) => all.filter((ref) => ref.deref()).length);
      open.close();
      report({ left, listeners: getEventListeners(signal, "abort").length });`,
    ),
    how,
  );
  // One or two may still be on the stack of the last call.
  expect(result.left[0]).toBeLessThanOrEqual(2);
  expect(result.left[1]).toBeLessThanOrEqual(2);
  expect(result.listeners).toBeLessThanOrEqual(1);
});

test("an open socket's listener hears until the abort, though nothing else holds it (R-listen)", async () => {
  const { socket, peer } = await tcpPair();
  const { signal } = new AbortController();
  const inbox = collect(socket);
  const seen = [];
  socket.addEventListener("message", ({ data }) => seen.push(text(data)), { signal });
  peer.write("a");
  await inbox.until(1);
  expect(seen).toEqual(["a"]);
});
