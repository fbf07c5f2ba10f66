"use strict";

// What strangers send: garbage, half handshakes, plain HTTP, records that break the rules. One error each, nobody else disturbed.

const { once: emitted } = require("node:events");
const net = require("node:net");
const tls = require("node:tls");
const { collect, dial, eventually, keep, listen, once, record, settle, tcp, tcpServer, track, expendable } = require("../helpers");
const { random } = require("../helpers/exchange");
const { authority } = require("../helpers/certificates");
const { dialTLS, failure, listenTLS, opened, secureBoth, secureClient, secureServer } = require("../helpers/tls");

const { ca, server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };

/** A TLS record: content type, version, length, contents. */
function tlsRecord(type, contents, { version = 0x0303, length = contents.length } = {}) {
  const head = Buffer.alloc(5);
  head[0] = type;
  head.writeUInt16BE(version, 1);
  head.writeUInt16BE(length, 3);
  return Buffer.concat([head, contents]);
}

/** The first flight of a node:tls client, as bytes. */
async function clientHello() {
  const server = await listen();
  keep(tls.connect({ host: "127.0.0.1", port: server.port, rejectUnauthorized: false }));
  const peer = await server.next();
  const [data] = await emitted(peer, "data");
  peer.destroy();
  return data;
}

/** The server still serves. */
async function serves(server) {
  const peer = await dialTLS(server.localPort, { ca: ca.cert, rejectUnauthorized: true });
  const inbox = collect(peer);
  await inbox.until(2);
  expect(inbox.text()).toBe("hi");
  peer.destroy();
}

function greeter(options) {
  const server = secureServer(own, options);
  // Strangers may go as soon as they have been greeted.
  server.onconnect = ({ connectedSocket }) => expendable(connectedSocket).send("hi");
  return server;
}

const noise = (length, seed = 1) => {
  const next = random(seed);
  return Buffer.from(Array.from({ length }, () => Math.floor(next() * 256)));
};

/** `[name, bytes, code]` of what a server may be sent instead of a ClientHello. */
const firstWords = [
  ["an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), "ERR_TLS_NOT_TLS"],
  ["an SSH greeting", Buffer.from("SSH-2.0-OpenSSH_9.6\r\n"), "ERR_TLS_NOT_TLS"],
  ["zeros", Buffer.alloc(1000), "ERR_TLS_NOT_TLS"],
  ["0xff", Buffer.alloc(1000, 0xff), "ERR_TLS_NOT_TLS"],
  ["noise", Buffer.concat([Buffer.from([0x99]), noise(5000)]), "ERR_TLS_NOT_TLS"],
  ["an SSLv2 hello", Buffer.concat([Buffer.from([0x80, 0x2e, 0x01, 0x00, 0x02]), noise(64)]), "ERR_TLS_NOT_TLS"],
  ["a record longer than the protocol has", tlsRecord(0x16, Buffer.alloc(20_000), { length: 0xffff }), "ERR_TLS_PROTOCOL"],
  ["a handshake message of 16 MB, announced", tlsRecord(0x16, Buffer.concat([Buffer.from([1, 0xff, 0xff, 0xff]), noise(1000)])), "ERR_TLS_PROTOCOL"],
  ["a handshake record of noise", tlsRecord(0x16, Buffer.concat([Buffer.from([1, 0, 0, 100]), noise(100)])), "ERR_TLS_PROTOCOL"],
  ["an empty handshake record", tlsRecord(0x16, Buffer.alloc(0)), "ERR_TLS_PROTOCOL"],
  ["another handshake message first", tlsRecord(0x16, Buffer.from([20, 0, 0, 12, ...noise(12)])), "ERR_TLS_PROTOCOL"],
  ["application data first", tlsRecord(0x17, noise(100)), "ERR_TLS_PROTOCOL"],
  ["a ChangeCipherSpec first", tlsRecord(0x14, Buffer.from([1])), "ERR_TLS_PROTOCOL"],
  ["a fatal alert", tlsRecord(0x15, Buffer.from([2, 40])), "ERR_TLS_ALERT"],
  ["an unknown record type", tlsRecord(0x30, noise(100)), "ERR_TLS_NOT_TLS"],
];

describe("R-srv-error: strangers at a TLS server", () => {
  test.each(firstWords)("%s: one error with the peer's address, and everybody else is served", async (_, bytes, code) => {
    const server = greeter();
    const log = record(server, ["error"]);
    const stranger = await dial(server.localPort);
    const gone = once(stranger, "close");
    stranger.resume();
    const { localPort } = stranger;
    stranger.write(bytes);
    // Some of it is only the beginning of something: its end decides.
    stranger.end();
    const { event } = await log.until("error");
    expect(event.error).toMatchObject({ name: "NetworkError", address: "127.0.0.1", port: localPort });
    expect([code, "ERR_TLS_HANDSHAKE_ENDED", "ERR_TLS_PROTOCOL"]).toContain(event.error.code);
    if (code === "ERR_TLS_NOT_TLS" || code === "ERR_TLS_ALERT") {
      expect(event.error.code).toBe(code);
    }
    await gone;
    await serves(server);
    expect(log.types).toEqual(["error"]);
    expect(server.readyState).toBe("open");
  });

  test("plain text is shown in the message, as far as it is text", async () => {
    const server = greeter();
    const error = once(server, "error");
    (await dial(server.localPort)).write("GET /index.html HTTP/1.1\r\n\r\n");
    expect((await error).error.message).toContain("GET /index.html");
  });

  test("a plain HTTP client is not left hanging: it is answered with an end", async () => {
    const server = greeter();
    server.onerror = () => {};
    const stranger = await dial(server.localPort);
    stranger.resume();
    const gone = once(stranger, "close");
    stranger.write("GET / HTTP/1.1\r\n\r\n");
    await gone;
  });

  test("a ClientHello byte by byte is a slow one, no bad one", async () => {
    const server = greeter();
    const front = await listen();
    const peer = keep(tls.connect({ host: "127.0.0.1", port: front.port, rejectUnauthorized: false }));
    const [near, far] = [await front.next(), keep(net.connect(server.localPort, "127.0.0.1"))];
    far.setNoDelay(true);
    far.on("data", (data) => near.write(data));
    near.on("data", async (data) => {
      for (const byte of data) {
        far.write(Buffer.from([byte]));
        await new Promise(setImmediate);
      }
    });
    const inbox = collect(peer);
    await inbox.until(2, 8000);
    expect(inbox.text()).toBe("hi");
  });

  test("half a ClientHello and then the end: ERR_TLS_HANDSHAKE_ENDED", async () => {
    const hello = await clientHello();
    const server = greeter();
    for (const part of [1, 5, 6, 50, hello.length - 1]) {
      const error = once(server, "error");
      const stranger = await dial(server.localPort);
      stranger.end(hello.subarray(0, part));
      expect((await error).error.code).toBe("ERR_TLS_HANDSHAKE_ENDED");
    }
    await serves(server);
  });

  test("a connection that ends without a byte: at most one error, and nothing else", async () => {
    const server = greeter();
    const log = record(server, ["error"]);
    const strangers = await Promise.all([dial(server.localPort), dial(server.localPort)]);
    strangers[0].end();
    strangers[1].resetAndDestroy();
    await serves(server);
    await settle();
    expect(log.types.length).toBeLessThanOrEqual(2);
    for (const { event } of log.entries) {
      expect(["ERR_TLS_HANDSHAKE_ENDED", "ECONNRESET"]).toContain(event.error.code);
    }
  });

  test("a ClientHello with one byte changed, hundreds of times: an error or a service each, never more", async () => {
    const hello = await clientHello();
    const server = greeter();
    const log = record(server, ["error", "connect"]);
    const next = random(42);
    const rounds = 300;
    for (let round = 0; round < rounds; round++) {
      const bytes = Buffer.from(hello);
      bytes[Math.floor(next() * bytes.length)] ^= 1 + Math.floor(next() * 255);
      const stranger = await dial(server.localPort);
      stranger.resume();
      stranger.end(bytes);
    }
    await eventually(() => log.types.length >= rounds, "an answer to each", 15_000);
    await serves(server);
    const codes = new Set(log.entries.filter(({ type }) => type === "error").map(({ event }) => event.error.code));
    for (const code of codes) {
      expect(code).toMatch(/^(ERR_TLS_[A-Z_]+|ECONNRESET|EPIPE)$/);
    }
  });

  test("500 that never finish the handshake: memory bounded, others served meanwhile, all gone with the server", async () => {
    const hello = await clientHello();
    const server = greeter({ handshakeTimeout: 0 });
    const log = record(server, ["error"]);
    const strangers = [];
    for (let i = 0; i < 500; i++) {
      const stranger = await dial(server.localPort);
      strangers.push(stranger);
      if (i % 2) {
        stranger.write(hello.subarray(0, i % hello.length));
      }
    }
    for (let i = 0; i < 5; i++) {
      await serves(server);
    }
    expect(log.types).toEqual([]);
    const ends = strangers.map((stranger) => once(stranger, "close"));
    server.close();
    await Promise.all(ends);
  });

  test("an exception in the error handler disturbs nobody", async () => {
    const server = greeter();
    const heard = [];
    server.addEventListener("error", ({ error }) => heard.push(error.code));
    for (let i = 0; i < 3; i++) {
      (await dial(server.localPort)).end("nonsense, and enough of it to be seen\r\n");
    }
    await eventually(() => heard.length === 3);
    await serves(server);
  });
});

describe("R-tcp-secure-open: strange servers", () => {
  const answers = [
    ["plain HTTP", Buffer.from("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"), "ERR_TLS_NOT_TLS", /HTTP\/1\.1 400/],
    ["an SMTP greeting", Buffer.from("220 mail.test ESMTP\r\n"), "ERR_TLS_NOT_TLS", /startTls/],
    ["zeros", Buffer.alloc(100), "ERR_TLS_NOT_TLS", /00/],
    ["noise", Buffer.concat([Buffer.from([0x99]), noise(5000)]), "ERR_TLS_NOT_TLS", /./],
    ["a record longer than the protocol has", tlsRecord(0x16, Buffer.alloc(20_000), { length: 0xffff }), "ERR_TLS_PROTOCOL", /./],
    ["a handshake record of noise", tlsRecord(0x16, Buffer.from([2, 0, 0, 100, ...noise(100)])), "ERR_TLS_PROTOCOL", /./],
    ["application data", tlsRecord(0x17, noise(100)), "ERR_TLS_PROTOCOL", /./],
    ["an alert", tlsRecord(0x15, Buffer.from([2, 40])), "ERR_TLS_ALERT", /handshake_failure/],
    ["an alert without a meaning", tlsRecord(0x15, Buffer.from([2, 200])), "ERR_TLS_ALERT", /200/],
    ["nothing, and the end", Buffer.alloc(0), "ERR_TLS_HANDSHAKE_ENDED", /./],
  ];

  test.each(answers)("%s: error, no close", async (_, bytes, code, words) => {
    const server = await listen();
    const socket = secureClient(server.port, trust);
    const peer = await server.next();
    peer.resume();
    peer.end(bytes);
    const error = await failure(socket);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
    expect([error.address, error.port]).toEqual(["127.0.0.1", server.port]);
  });

  test("a reset in the handshake: ECONNRESET", async () => {
    const server = await listen();
    const socket = secureClient(server.port, trust);
    const peer = await server.next();
    await once(peer, "data");
    peer.resetAndDestroy();
    expect((await failure(socket)).code).toBe("ECONNRESET");
  });

  test("our own TLS server spoken to by our own plain client: both learn why", async () => {
    const server = secureServer(own);
    server.onconnect = () => {};
    const error = once(server, "error");
    const socket = tcp("127.0.0.1", server.localPort);
    const log = record(socket, ["open", "message", "error", "close"]);
    await log.until("open");
    socket.send("hello in the clear\r\n");
    expect((await error).error.code).toBe("ERR_TLS_NOT_TLS");
    await log.until("close");
  });

  test("our own TLS client at our own plain server: it is told that nobody speaks TLS there", async () => {
    const server = tcpServer();
    server.onconnect = ({ connectedSocket }) => track(connectedSocket).send("220 hello\r\n");
    const error = await failure(secureClient(server.localPort, trust));
    expect(error.code).toBe("ERR_TLS_NOT_TLS");
    expect(error.message).toContain("220 hello");
  });
});

describe("R-tcp-lost: records that break the rules of an established connection", () => {
  /** An open client of ours whose server's bytes the test may tamper with: `tamper(data)` gives what goes on. */
  async function tampered() {
    const server = await listenTLS({ ...own, noDelay: true });
    const front = await listen();
    const socket = secureClient(front.port, trust);
    const near = await front.next();
    const far = keep(net.connect(server.port, "127.0.0.1"));
    const way = { tamper: (data) => data, near };
    near.on("data", (data) => far.write(data));
    far.on("data", (data) => near.write(way.tamper(data)));
    const [peer] = await Promise.all([server.next(), opened(socket)]);
    // The session tickets are through when a word is.
    const inbox = collect(socket);
    peer.write("word");
    await inbox.until(4);
    const log = record(socket, ["message", "error", "close"]);
    return { socket, peer, way, log };
  }

  test("one bit changed: ERR_TLS_PROTOCOL, nothing of it is delivered", async () => {
    const { peer, way, log } = await tampered();
    way.tamper = (data) => {
      const bytes = Buffer.from(data);
      bytes[bytes.length - 3] ^= 1;
      return bytes;
    };
    peer.write("altered");
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error.code).toBe("ERR_TLS_PROTOCOL");
  });

  test.each([
    ["a record twice", (data) => Buffer.concat([data, data]), ["message", "error", "close"]],
    ["a record lost", () => Buffer.alloc(0), ["error", "close"]],
    ["plain text", () => Buffer.from("HTTP/1.1 200 OK\r\n\r\n"), ["error", "close"]],
    ["a record longer than the protocol has", () => tlsRecord(0x17, Buffer.alloc(20_000), { length: 0x7fff }), ["error", "close"]],
    ["zeros", () => Buffer.alloc(100), ["error", "close"]],
    ["a handshake in the clear", () => tlsRecord(0x16, Buffer.from([1, 0, 0, 0])), ["error", "close"]],
  ])("%s: a lost connection", async (_, tamper, types) => {
    const { peer, way, log } = await tampered();
    const tamperedWith = new Promise((resolve) => {
      way.tamper = (data) => {
        resolve();
        return tamper(data);
      };
    });
    peer.write("first");
    await tamperedWith;
    way.tamper = (data) => data;
    peer.write("second");
    await log.until("close");
    expect(log.types.filter((type, i, all) => type !== all[i - 1])).toEqual(types);
    expect(log.entries.at(-2).event.error.code).toMatch(/^ERR_TLS_/);
  });

  test("renegotiation by the client, over TLS 1.2, is refused: the connection ends or goes on, it does not hang", async () => {
    const server = secureServer(own);
    const connect = once(server, "connect");
    const peer = await dialTLS(server.localPort, { maxVersion: "TLSv1.2" });
    const { connectedSocket } = await connect;
    const log = record(track(connectedSocket), ["message", "error", "close"]);
    const ended = once(peer, "close");
    peer.renegotiate({}, () => {});
    peer.write("still there?");
    await Promise.race([log.atLeast(1), ended]);
    // Whatever was decided, others are served.
    server.onconnect = ({ connectedSocket: other }) => track(other).send("hi");
    await serves(server);
  });

  test("renegotiation again and again costs the server no more than one handshake", async () => {
    const server = secureServer(own);
    const connect = once(server, "connect");
    const peer = await dialTLS(server.localPort, { maxVersion: "TLSv1.2" });
    expendable((await connect).connectedSocket).onmessage = () => {};
    let asked = 0;
    let done = 0;
    const again = () => {
      asked += 1;
      if (asked < 20 && !peer.destroyed) {
        peer.renegotiate({}, (error) => {
          done += error ? 0 : 1;
          again();
        });
      }
    };
    again();
    await settle(300);
    expect(done).toBe(0);
  });

  test("a flood of empty records and key updates is bounded: everybody else is served", async () => {
    const { client, accepted, server } = await secureBoth({ server: own, client: trust });
    accepted.onmessage = () => {};
    for (let i = 0; i < 10_000; i++) {
      client.send("");
    }
    const log = record(accepted, ["error", "close"]);
    server.onconnect = ({ connectedSocket }) => expendable(connectedSocket).send("hi");
    await serves(server);
    expect(log.types).toEqual([]);
  });
});
