"use strict";

const {
  expendable,
  tcp,
  tcpPair,
  tcpServer,
  udp,
  listen,
  once,
  record,
  refusedPort,
  settle,
  thrownBy,
  expectDOMException,
  expectIsDOMException,
  run,
  runJSON,
} = require("../helpers");
const exported = require("../..");

const { connect, relay } = exported;

test("an error event is an Event whose error is a DOMException (draft ErrorEvent, R-error)", async () => {
  const socket = tcp("127.0.0.1", await refusedPort());
  const event = await once(socket, "error");
  expect(event).toBeInstanceOf(Event);
  expect(event.type).toBe("error");
  expect(event.target).toBe(socket);
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  expect(event.error).toBeInstanceOf(DOMException);
  expect(event.error).toBe(event.error);
  expect(Object.prototype.toString.call(event)).toBe("[object ErrorEvent]");
});

test("error.error carries code, syscall, address and port, and a message with all of them (R-error)", async () => {
  const port = await refusedPort();
  const { error } = await once(tcp("127.0.0.1", port), "error");
  expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
  expect(error.syscall).toBe("connect");
  expect(error.address).toBe("127.0.0.1");
  expect(error.port).toBe(port);
  expect(error.message).toContain("127.0.0.1");
  expect(error.message).toContain(String(port));
  expect(error.message).toMatch(/connect/i);
  expect(error.message).toMatch(/ECONNREFUSED|refused/i);
});

test("a lost connection's error names the peer (R-error)", async () => {
  const { socket, peer, server } = await tcpPair();
  const failed = once(socket, "error");
  peer.resetAndDestroy();
  const { error } = await failed;
  expectIsDOMException(error, "NetworkError", "ECONNRESET");
  expect(error.address).toBe("127.0.0.1");
  expect(error.port).toBe(server.port);
  expect(error.message).toContain(`127.0.0.1`);
  expect(error.message).toContain(String(server.port));
});

test("close() while connecting has code ECONNABORTED, and names the peer (R-error)", async () => {
  const server = await listen();
  const socket = tcp("127.0.0.1", server.port);
  const failed = once(socket, "error");
  socket.close();
  const { error } = await failed;
  expectIsDOMException(error, "NetworkError", "ECONNABORTED");
  expect(error.address).toBe("127.0.0.1");
  expect(error.port).toBe(server.port);
});

test("a full buffer has code ENOBUFS (R-error)", async () => {
  const { socket } = await tcpPair({ options: { maxBufferedAmount: 1 } });
  const failed = once(socket, "error");
  socket.send("a");
  socket.send("b");
  expectIsDOMException((await failed).error, "NetworkError", "ENOBUFS");
});

describe("what an exception that is thrown, or rejected with, tells (R-error)", () => {
  const details = ({ name, code, syscall, address, port }) => [name, code, syscall, address, port];

  test("a zone that names no interface", () => {
    for (const call of [
      () => tcp("fe80::1%no-such-if", 80),
      () => tcpServer({ localAddress: "fe80::1%no-such-if" }),
      () => udp({ localAddress: "fe80::1%no-such-if" }),
    ]) {
      const missing = process.platform === "win32" ? "EADDRNOTAVAIL" : "ENODEV";
      expectDOMException(call, "InvalidAccessError", missing);
    }
  });

  test("multicastInterface that the system refuses, and one that it does not know", () => {
    const refused = thrownBy(() => udp({ multicastInterface: "198.51.100.77" }));
    expect(details(refused)).toEqual(["InvalidAccessError", "EADDRNOTAVAIL", "setsockopt", undefined, undefined]);
    expect(refused.message).toMatch(/^UDPSocket constructor: cannot set a socket option for .*multicastInterface "198\.51\.100\.77"/);
  });

  test("a group that no interface can join: the group, which has no port", () => {
    const socket = udp();
    const error = thrownBy(() => socket.joinMulticastGroup("239.7.7.7", { interfaceAddress: "198.51.100.77" }));
    expect(details(error)).toEqual(["NetworkError", "ENODEV", undefined, "239.7.7.7", undefined]);
    expect(error.message).toContain("239.7.7.7 on 198.51.100.77");
  });

  test("connect() that finds no address", async () => {
    const nothing = await connect("a.test", 8080, { lookup: () => [] }).catch((error) => error);
    expect(details(nothing)).toEqual(["NetworkError", "ENOTFOUND", undefined, undefined, 8080]);
    const rejected = await connect("a.test", 8080, { lookup: () => Promise.reject(new Error("no")) }).catch((error) => error);
    expect(details(rejected)).toEqual(["NetworkError", "ENOTFOUND", undefined, undefined, 8080]);
    expect(rejected.cause.message).toBe("no");
  });

  test("startTls() on a connection that is closed meanwhile: the peer", async () => {
    const { socket, server } = await tcpPair();
    const secured = socket.startTls().catch((error) => error);
    socket.close();
    expect(details(await secured)).toEqual(["NetworkError", "ECONNABORTED", undefined, "127.0.0.1", server.port]);
  });

  test("a full buffer: where the bytes were to go", async () => {
    const { socket, server } = await tcpPair({ options: { maxBufferedAmount: 1 } });
    socket.send("a");
    socket.send("b");
    const { error } = await once(socket, "error");
    expect(details(error)).toEqual(["NetworkError", "ENOBUFS", undefined, "127.0.0.1", server.port]);
    expect(error.message).toContain(`127.0.0.1:${server.port}`);
  });

  test("an InvalidStateError has no other code than its number, whatever led to the state", async () => {
    const { socket, peer } = await tcpPair();
    socket.onerror = () => {};
    peer.resetAndDestroy();
    await once(socket, "close");
    const closedUdp = udp();
    closedUdp.close();
    const server = tcpServer();
    server.close();
    const thrown = [
      thrownBy(() => socket.send("x")),
      thrownBy(() => closedUdp.send("x", "127.0.0.1", 9)),
      thrownBy(() => closedUdp.joinMulticastGroup("239.7.7.7")),
      thrownBy(() => server.setSecureContext({})),
      ...(await Promise.all(
        [socket.startTls(), relay(socket, socket), relay(socket, expendable(tcp("127.0.0.1", 9)))].map((promise) => promise.catch((error) => error)),
      )),
    ];
    for (const error of thrown) {
      expect([error.message, error.name, error.code]).toEqual([error.message, "InvalidStateError", 11]);
      expect(Object.hasOwn(error, "code")).toBe(false);
    }
  });
});

test("an exception that a constructor throws carries the same (R-error)", async () => {
  const taken = await listen();
  const error = expectDOMException(() => tcpServer({ localPort: taken.port }), "InvalidAccessError", "EADDRINUSE");
  expect(error.syscall).toMatch(/^(bind|listen)$/);
  expect(error.address).toBe("127.0.0.1");
  expect(error.port).toBe(taken.port);
  expect(error.message).toContain(String(taken.port));
  expect(error.message).toContain("127.0.0.1");
});

test("where there is no such cause, code stays DOMException's number (R-error)", () => {
  expectDOMException(() => tcp("nowhere", 80), "InvalidAccessError", 15);
  expectDOMException(() => tcp("127.0.0.1", 0), "InvalidAccessError", 15);
  expectDOMException(() => tcpServer({ localAddress: "nowhere" }), "InvalidAccessError", 15);
});

test("what is thrown is a genuine DOMException, whose stack leads to the caller (R-error)", () => {
  const error = expectDOMException(() => tcp("nowhere", 80), "InvalidAccessError");
  expect(Object.prototype.toString.call(error)).toBe("[object DOMException]");
  expect(error.stack).toContain("errors.test.js");
});

test("the event classes are not exported as values (R-noif)", () => {
  for (const name of ["UDPMessageEvent", "ConnectEvent", "ErrorEvent"]) {
    expect(name in exported).toBe(false);
  }
  expect(Object.keys(exported)).toEqual(expect.arrayContaining(["UDPSocket", "TCPSocket", "TCPServerSocket"]));
});

test("/globals adds the three sockets and no event class (R-noif, R-trust: nothing on globalThis unless asked)", async () => {
  const result = await runJSON(`
    const before = Object.getOwnPropertyNames(globalThis);
    const sockets = ["UDPSocket", "TCPSocket", "TCPServerSocket"];
    const early = sockets.filter((name) => name in globalThis);
    require("tcp-udp-sockets/globals");
    const added = Object.getOwnPropertyNames(globalThis).filter((name) => !before.includes(name));
    report({ early, added: added.sort() });
  `);
  expect(result).toEqual({ early: [], added: ["TCPServerSocket", "TCPSocket", "UDPSocket"] });
});

test("an error with a cancelled default or a stopped propagation is still only one event (draft ErrorEvent)", async () => {
  const socket = tcp("127.0.0.1", await refusedPort());
  const log = record(socket, ["error"]);
  socket.addEventListener("error", (event) => {
    event.preventDefault();
    event.stopImmediatePropagation();
  });
  await log.until("error");
  await settle();
  expect(log.types).toEqual(["error"]);
});

describe("an error that nobody hears", () => {
  const REFUSED = `
    const server = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => refuse(port));
    });
    const warnings = [];
    process.on("warning", (warning) => warnings.push(warning));
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  `;

  test("throws nothing, and the first prints one warning, UnheardSocketError (R-unheard)", async () => {
    const result = await runJSON(`
      ${REFUSED}
      async function refuse(port) {
        const sockets = [new TCPSocket("127.0.0.1", port), new TCPSocket("127.0.0.1", port)];
        while (sockets.some((socket) => socket.readyState !== "closed")) {
          await sleep(5);
        }
        await sleep(50);
        report(warnings.map(({ name, message }) => ({ name, message })));
      }
    `);
    expect(result.map(({ name }) => name)).toEqual(["UnheardSocketError"]);
    expect(result[0].message).toMatch(/ECONNREFUSED|refused/i);
  });

  test("prints that warning to stderr as node prints warnings (R-unheard)", async () => {
    const { code, stderr } = await run(`${REFUSED} function refuse(port) { new TCPSocket("127.0.0.1", port); }`);
    expect(code).toBe(0);
    expect(stderr.match(/UnheardSocketError/g)?.length).toBe(1);
  });

  test.each([
    ["a listener", `socket.addEventListener("error", () => {});`],
    ["a handler", `socket.onerror = () => {};`],
  ])("is heard where there is %s: no warning (R-unheard)", async (_, listen) => {
    const result = await runJSON(`
      ${REFUSED}
      async function refuse(port) {
        const socket = new TCPSocket("127.0.0.1", port);
        ${listen}
        while (socket.readyState !== "closed") {
          await sleep(5);
        }
        await sleep(50);
        report(warnings.map(({ name }) => name));
      }
    `);
    expect(result).toEqual([]);
  });
});
