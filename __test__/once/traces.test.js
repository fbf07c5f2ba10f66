"use strict";

// once() leaves nothing behind, however it ends (R-once), and the stacks of its exceptions lead to the caller.

const { getEventListeners, setMaxListeners } = require("node:events");
const { ROOT, refusedPort, runJSON, settle, tcp, tcpPair, tcpServer, text, udp, dial, track } = require("../helpers");
const { failed, isPending } = require("./failed");
const { once } = require(ROOT);

const TYPES = ["close", "connect", "drain", "error", "halfclose", "message", "open"];

/** How many listeners there are of any type. */
const listeners = (target) => TYPES.reduce((sum, type) => sum + getEventListeners(target, type).length, 0);
const onAbort = (signal) => getEventListeners(signal, "abort").length;

describe("once() leaves nothing behind (R-once)", () => {
  test("no listener on the socket and none on the signal, however it ends", async () => {
    const { signal } = new AbortController();
    const { socket, peer } = await tcpPair();
    const wait = once(socket, "message", { signal });
    expect([listeners(socket), onAbort(signal)]).toEqual([1, 1]);
    peer.write("x");
    await wait;
    expect([listeners(socket), onAbort(signal)]).toEqual([0, 0]);

    const controller = new AbortController();
    const aborted = failed(once(socket, "message", { signal: controller.signal }));
    controller.abort("why");
    // At once, not only when the promise is settled.
    expect([listeners(socket), onAbort(controller.signal)]).toEqual([0, 0]);
    expect(await aborted).toBe("why");

    const all = ["close", "drain", "error", "halfclose", "message"].map((type) => once(socket, type, { signal }).catch(() => {}));
    expect([listeners(socket), onAbort(signal)]).toEqual([5, 1]);
    peer.resetAndDestroy();
    await Promise.all(all);
    expect([listeners(socket), onAbort(signal)]).toEqual([0, 0]);
    for (const type of ["open", "message", "close"]) await failed(once(socket, type, { signal }));
    expect([listeners(socket), onAbort(signal)]).toEqual([0, 0]);

    const refused = tcp("127.0.0.1", await refusedPort());
    await failed(once(refused, "open", { signal }));
    expect([listeners(refused), onAbort(signal)]).toEqual([0, 0]);

    for (const closable of [udp(), tcpServer()]) {
      const wait = failed(once(closable, "error", { signal }));
      closable.close();
      await wait;
      expect([listeners(closable), onAbort(signal)]).toEqual([0, 0]);
    }
  });

  test("who listens beside it stays, and what comes after an aborted wait is not lost (R-listen)", async () => {
    const { socket, peer } = await tcpPair();
    const controller = new AbortController();
    const wait = failed(once(socket, "message", { signal: controller.signal }));
    controller.abort();
    await wait;
    peer.write("kept");
    await settle();
    expect(text((await once(socket, "message")).data)).toBe("kept");
    const heard = [];
    socket.onmessage = ({ data }) => heard.push(text(data));
    const both = once(socket, "message");
    peer.write("1");
    await both;
    peer.write("2");
    await once(socket, "message");
    expect(heard).toEqual(["1", "2"]);
  });

  test("10,000 calls with one signal: it has one listener while one waits, none afterwards", async () => {
    const { signal } = new AbortController();
    const socket = udp();
    let most = 0;
    for (let i = 0; i < 10_000; i++) {
      const wait = once(socket, "message", { signal });
      most = Math.max(most, onAbort(signal), listeners(socket));
      socket.dispatchEvent(new Event("message"));
      await wait;
    }
    expect(most).toBe(1);
    expect([listeners(socket), onAbort(signal)]).toEqual([0, 0]);
  });

  test("1,000 at once on one signal, and the socket's own: one listener, one abort for all", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const { socket } = await tcpPair({ options: { signal } });
    socket.onerror = () => {};
    const own = onAbort(signal);
    setMaxListeners(0, socket);
    const waits = Array.from({ length: 1000 }, () => failed(once(socket, "message", { signal })));
    expect(onAbort(signal)).toBe(own);
    const closed = failed(socket.closed);
    controller.abort("enough");
    expect(new Set(await Promise.all(waits))).toEqual(new Set(["enough"]));
    // The socket follows it still.
    expect(await closed).toMatchObject({ code: "ABORT_ERR", cause: "enough" });
    expect(onAbort(signal)).toBe(0);
  });

  test("the socket's own signal is followed to its end, though a once() with it has ended (R-abort)", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const { socket, peer } = await tcpPair({ options: { signal } });
    socket.onerror = () => {};
    const wait = once(socket, "message", { signal });
    peer.write("x");
    await wait;
    const close = once(socket, "close");
    controller.abort();
    await close;
  });

  test("a rejection that nobody looks at is an unhandled one, a wait that is never settled is none", async () => {
    const outcome = await runJSON(
      `const { once: waitFor } = require(${JSON.stringify(ROOT)});
       const unhandled = [];
       process.on("unhandledRejection", (reason) => unhandled.push(reason.name));
       const socket = new UDPSocket();
       waitFor(socket, "message");
       socket.close();
       const other = new UDPSocket();
       waitFor(other, "message");
       other.unref();
       setTimeout(() => report(unhandled), 50);`,
    );
    expect(outcome).toEqual(["InvalidStateError"]);
  });

  test("it keeps neither the process nor a closed socket", async () => {
    const outcome = await runJSON(
      `const { once: waitFor } = require(${JSON.stringify(ROOT)});
       const turn = () => new Promise((resolve) => setImmediate(resolve));
       const { signal } = new AbortController();
       const refs = [];
       async function use() {
         const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
         const connect = waitFor(server, "connect", { signal });
         const client = new TCPSocket("127.0.0.1", server.localPort);
         await waitFor(client, "open", { signal });
         const { connectedSocket } = await connect;
         connectedSocket.send("x");
         await waitFor(client, "message", { signal });
         const late = [waitFor(client, "message", { signal }), waitFor(server, "error", { signal })];
         client.close();
         server.close();
         await Promise.allSettled(late);
         const ends = [client, connectedSocket].map((socket) => waitFor(socket, "close", { signal }));
         await Promise.allSettled(ends);
         for (const socket of [server, client, connectedSocket]) refs.push(new WeakRef(socket));
       }
       (async () => {
         await use();
         for (let i = 0; i < 20 && refs.some((ref) => ref.deref() !== undefined); i++) {
           await turn();
           global.gc();
         }
         report(refs.map((ref) => ref.deref() === undefined));
         globalThis.kept = signal;
       })();`,
      { nodeArgs: ["--expose-gc"] },
    );
    expect(outcome).toEqual([true, true, true]);
  });
});

describe("once() and an error that nobody hears otherwise (R-unheard)", () => {
  const warnings = (code) =>
    runJSON(
      `const { once: waitFor } = require(${JSON.stringify(ROOT)});
       const warnings = [];
       process.on("warning", ({ name }) => warnings.push(name));
       const refuse = async () => {
         const server = net.createServer().listen(0, "127.0.0.1");
         await once(server, "listening");
         const { port } = server.address();
         server.close();
         await once(server, "close");
         return port;
       };
       (async () => {
         ${code}
         setTimeout(() => report(warnings), 50);
       })();`,
    );

  test("who awaits once() hears it", async () => {
    expect(await warnings(`await waitFor(new TCPSocket("127.0.0.1", await refuse()), "open").catch(() => {});`)).toEqual([]);
    expect(await warnings(`await waitFor(new TCPSocket("127.0.0.1", await refuse()), "error");`)).toEqual([]);
  });

  test("but not the one that is fulfilled all the same, and not of an error that ends nothing", async () => {
    const lost = `const server = net.createServer((socket) => socket.resetAndDestroy()).listen(0, "127.0.0.1");
      await once(server, "listening");
      const socket = new TCPSocket("127.0.0.1", server.address().port);
      await waitFor(socket, "close");
      server.close();`;
    expect(await warnings(lost)).toEqual(["UnheardSocketError"]);
    const udpError = `const socket = new UDPSocket();
      const wait = waitFor(socket, "message").catch(() => {});
      socket.send("x", "255.255.255.255", 9);
      await new Promise((resolve) => setTimeout(resolve, 50));
      socket.close();
      await wait;`;
    expect(await warnings(udpError)).toEqual(["UnheardSocketError"]);
  });
});

describe("the stack of what once() rejects with leads to the caller", () => {
  /** What `wait` rejects with, awaited by a function of that name, in a plain process: jest rewrites stacks. */
  const stackOf = (end, prelude = "") =>
    runJSON(
      `const { once: waitFor } = require(${JSON.stringify(ROOT)});
       ${prelude}
       const server = net.createServer().listen(0, "127.0.0.1");
       async function theCaller(socket) {
         await waitFor(socket, "message");
       }
       (async () => {
         await once(server, "listening");
         const connected = once(server, "connection");
         const socket = new TCPSocket("127.0.0.1", server.address().port);
         await waitFor(socket, "open");
         const peer = await connected;
         peer.on("error", () => {});
         setImmediate(() => { ${end} });
         await theCaller(socket).catch(({ name, message, code, stack }) => report({ name, message, code, stack }));
         socket.reset();
         server.close();
       })();`,
    );

  test("where the event cannot come any more, and where an error closes the socket", async () => {
    const closed = await stackOf("socket.close();");
    expect(closed).toMatchObject({ name: "InvalidStateError", code: 11 });
    expect(closed.stack).toMatch(/\n {4}at async theCaller/);
    const reset = await stackOf("peer.resetAndDestroy();");
    expect(reset).toMatchObject({ name: "NetworkError", code: "ECONNRESET" });
    expect(reset.stack).toMatch(/\n {4}at async theCaller/);
    expect(reset.stack.startsWith(`NetworkError: ${reset.message}\n    at `)).toBe(true);
  });

  test("at the call", async () => {
    async function askingForMore() {
      await once(closed, "message");
    }
    const closed = udp();
    closed.close();
    expect((await failed(askingForMore())).stack).toContain("askingForMore");
  });

  test("a stack that is frozen, or no text, is left alone", async () => {
    const frozen = await stackOf("socket.onerror = ({ error }) => Object.freeze(error); peer.resetAndDestroy();");
    expect(frozen.code).toBe("ECONNRESET");
    for (const prepared of ["1", "undefined", "frames"]) {
      const { code, stack } = await stackOf("peer.resetAndDestroy();", `Error.prepareStackTrace = (_, frames) => ${prepared};`);
      expect(code).toBe("ECONNRESET");
      expect(typeof stack).not.toBe("string");
    }
  });
});

test("once() in a loop with close() between: every wait ends (R-once)", async () => {
  const server = tcpServer();
  for (let i = 0; i < 50; i++) {
    const connect = once(server, "connect");
    const peer = await dial(server.localPort);
    const socket = track((await connect).connectedSocket);
    // Who waits for halfclose keeps the socket open.
    const types = ["message", "drain", "error", "close"].concat(i % 3 === 0 ? [] : ["halfclose"]);
    const waits = types.map((type) => once(socket, type));
    if (i % 3 === 0) peer.end();
    else if (i % 3 === 1) peer.resetAndDestroy();
    else socket.close();
    peer.resume();
    await Promise.allSettled(waits);
    expect(listeners(socket)).toBe(0);
  }
  const last = once(server, "connect");
  expect(await isPending(last)).toBe(true);
  server.close();
  await failed(last);
});
