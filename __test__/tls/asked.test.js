"use strict";

// R-tls-asked: whether a socket speaks TLS, and never plain text because one of two options was forgotten.

const { Worker } = require("node:worker_threads");
const {
  tcp, tcpServer, listen, once, collect, dial, expectDOMException, expectTypeError, keep, record, track, turn,
} = require("../helpers");
const { authority } = require("../helpers/certificates");
const { defer } = require("../helpers/cleanup");
const { listenTLS, dialTLS, opened, failure } = require("../helpers/tls");

const { ca, server: identity } = authority();
const trust = { ca: ca.cert };

/** Ways to ask a client for TLS, with the trust that the test's own authority needs. */
const asking = [
  ["secureTransport: an object", { secureTransport: trust }],
  ["both at once", { useSecureTransport: true, secureTransport: trust }],
];

/** Ways to ask for TLS without options: against the system's roots the handshake fails, but it is one. */
const askingBare = [
  ["useSecureTransport: true", { useSecureTransport: true }],
  ['secureTransport: "on"', { secureTransport: "on" }],
  ["secureTransport: {}", { secureTransport: {} }],
  ["secureTransport: null, which is an empty dictionary", { secureTransport: null }],
  ["secureTransport: a function, which is an object", { secureTransport: () => {} }],
  ['both: true and "on"', { useSecureTransport: true, secureTransport: "on" }],
  ["useSecureTransport: 1, which is true", { useSecureTransport: 1 }],
];

/** Ways to ask for none. */
const plain = [
  ["no option", {}],
  ["useSecureTransport: false", { useSecureTransport: false }],
  ["useSecureTransport: undefined", { useSecureTransport: undefined, secureTransport: undefined }],
  ['secureTransport: "off"', { secureTransport: "off" }],
  ['secureTransport: "starttls"', { secureTransport: "starttls" }],
  ['both: false and "off"', { useSecureTransport: false, secureTransport: "off" }],
  ['both: false and "starttls"', { useSecureTransport: false, secureTransport: "starttls" }],
];

/** Ways to contradict oneself. */
const contradictions = [
  ['true and "off"', { useSecureTransport: true, secureTransport: "off" }],
  ['true and "starttls"', { useSecureTransport: true, secureTransport: "starttls" }],
  ['false and "on"', { useSecureTransport: false, secureTransport: "on" }],
  ["false and an object", { useSecureTransport: false, secureTransport: trust }],
  ["false and null", { useSecureTransport: false, secureTransport: null }],
  ["0 and an object", { useSecureTransport: 0, secureTransport: {} }],
];

const badKinds = [
  ["another word", "tls"],
  ["another case", "ON"],
  ["an empty string", ""],
  ["a number", 1],
  ["true", true],
  ["a Symbol", Symbol("on")],
];

describe("R-tls-asked: a client", () => {
  test.each(asking)("%s: TLS", async (_, options) => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    const socket = tcp("127.0.0.1", server.port, options);
    expect(socket.secureTransport).toBe("off");
    await Promise.all([opened(socket), server.next()]);
    expect(socket.secureTransport).toBe("on");
    expect(socket.secureTransportInfo.authorized).toBe(true);
  });

  test.each(askingBare)("%s: TLS, against the system's roots", async (_, options) => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    const error = await failure(tcp("127.0.0.1", server.port, options));
    // Where a host has no roots at all, nobody is trusted either.
    expect(["ERR_TLS_UNKNOWN_ISSUER", "ERR_TLS_NO_ROOTS"]).toContain(error.code);
    expect(server.waiting).toBe(0);
  });

  test.each([...asking, ...askingBare])("%s: the first byte that leaves is a handshake's", async (_, options) => {
    const server = await listen();
    const socket = tcp("127.0.0.1", server.port, options);
    const inbox = collect(await server.next());
    await inbox.until(6);
    expect([...inbox.bytes().subarray(0, 2)]).toEqual([0x16, 0x03]);
    expect(socket.readyState).toBe("connecting");
  });

  test.each(plain)("%s: plain text", async (_, options) => {
    const server = await listen();
    const socket = tcp("127.0.0.1", server.port, options);
    const [peer] = await Promise.all([server.next(), once(socket, "open")]);
    socket.send("as it is");
    const inbox = collect(peer);
    await inbox.until(8);
    expect(inbox.text()).toBe("as it is");
    expect(socket.secureTransport).toBe(options.secureTransport ?? "off");
    expect(socket.secureTransportInfo).toBeNull();
  });

  test.each(contradictions)("%s contradict each other: InvalidAccessError, and nobody connects", async (_, options) => {
    const server = await listen();
    const error = expectDOMException(() => tcp("127.0.0.1", server.port, options), "InvalidAccessError");
    expect(error.message).toMatch(/secureTransport/);
    const next = tcp("127.0.0.1", server.port);
    expect((await server.next()).remotePort).toBe(next.localPort);
  });

  test.each(badKinds)("secureTransport: %s throws TypeError", async (_, secureTransport) => {
    const server = await listen();
    expectTypeError(() => tcp("127.0.0.1", server.port, { secureTransport }));
    expectTypeError(() => tcp("127.0.0.1", server.port, { useSecureTransport: true, secureTransport }));
  });
});

describe("R-tls-asked: plain text is never taken for TLS's, however early the connection is lost", () => {
  /** A server in a thread of its own: it says something, resets the connection, and tells by `done[0]` that it has. */
  function resetter(said, done) {
    const worker = new Worker(
      `const { parentPort, workerData: { said, done } } = require("node:worker_threads");
       const server = require("node:net").createServer((peer) => {
         peer.on("error", () => {});
         peer.on("close", () => {
           Atomics.add(done, 0, 1);
           Atomics.notify(done, 0);
         });
         peer.write(said, () => peer.resetAndDestroy());
       });
       server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));`,
      { eval: true, workerData: { said, done } },
    );
    defer(() => worker.terminate());
    return once(worker, "message");
  }

  test.each(["not from whom you think", "\x16\x03\x03"])("%j and a reset before TLS has begun: error, no open, no message", async (said) => {
    const done = new Int32Array(new SharedArrayBuffer(4));
    const port = await resetter(said, done);
    for (let count = 0; count < 5; count++) {
      const socket = tcp("127.0.0.1", port, { secureTransport: trust });
      const log = record(socket, ["open", "message", "halfclose", "error", "close"]);
      // All of it comes while this thread looks at nothing.
      expect(Atomics.wait(done, 0, count, 4000)).not.toBe("timed-out");
      const { event } = await log.until("error");
      await turn();
      expect(log.types).toEqual(["error"]);
      expect(event.error).toMatchObject({ name: "NetworkError", code: "ECONNRESET" });
    }
  });
});

describe("R-tls-asked: a server", () => {
  const own = { cert: identity.cert, key: identity.key };

  test.each([
    ["an object", { secureTransport: own }],
    ["both", { useSecureTransport: true, secureTransport: own }],
  ])("%s: TLS", async (_, options) => {
    const server = tcpServer(options);
    const connect = once(server, "connect");
    const peer = await dialTLS(server.localPort);
    expect(track((await connect).connectedSocket).secureTransport).toBe("on");
    keep(peer);
  });

  test.each(plain)("%s: plain text", async (_, options) => {
    const server = tcpServer(options);
    const connect = once(server, "connect");
    await dial(server.localPort);
    const { connectedSocket } = await connect;
    expect(connectedSocket.secureTransport).toBe(options.secureTransport ?? "off");
    expect(connectedSocket.secureTransportInfo).toBeNull();
    connectedSocket.reset();
  });

  test.each(contradictions.map(([name, { useSecureTransport, secureTransport }]) => {
    return [name, { useSecureTransport, secureTransport: typeof secureTransport === "object" ? own : secureTransport }];
  }))("%s contradict each other: InvalidAccessError", (_, options) => {
    expectDOMException(() => tcpServer(options), "InvalidAccessError");
  });

  // There is no certificate in these.
  test.each(askingBare)("%s lacks a certificate: InvalidAccessError (R-srv-secure)", (_, options) => {
    const error = expectDOMException(() => tcpServer(options), "InvalidAccessError");
    expect(error.message).toMatch(/cert/);
  });

  test.each(badKinds)("secureTransport: %s throws TypeError", (_, secureTransport) => {
    expectTypeError(() => tcpServer({ secureTransport }));
  });
});
