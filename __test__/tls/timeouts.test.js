"use strict";

// handshakeTimeout of a server, connectTimeout of a client: time enough, and no more.

const { collect, dial, listen, once, record, settle, tcp, track } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { dialTLS, dialTLSLater, failure, listenTLS, opened, secureClient, secureServer } = require("../helpers/tls");

const { ca, server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };

describe("R-srv-error: handshakeTimeout", () => {
  test("a client that says nothing is told by one error, with its address, and reset or ended", async () => {
    const server = secureServer(own, { handshakeTimeout: 100 });
    const log = record(server, ["connect", "error"]);
    const silent = await dial(server.localPort);
    const gone = once(silent, "close");
    silent.resume();
    const { localPort } = silent;
    const { event } = await log.until("error");
    expect(event.error).toMatchObject({ name: "NetworkError", code: "ERR_TLS_HANDSHAKE_TIMEOUT", address: "127.0.0.1", port: localPort });
    expect(event.error.message).toMatch(/100 ms/);
    await gone;
    expect(log.types).toEqual(["error"]);
  });

  test("it runs from the accept, however the client drips", async () => {
    const server = secureServer(own, { handshakeTimeout: 300 });
    const error = once(server, "error");
    server.onconnect = () => {};
    const slow = await dial(server.localPort);
    const dripping = setInterval(() => slow.write(Buffer.from([0x16])), 20);
    expect((await error).error.code).toMatch(/^ERR_TLS_(HANDSHAKE_TIMEOUT|NOT_TLS|PROTOCOL)$/);
    clearInterval(dripping);
  });

  test("others are served meanwhile and afterwards; a done handshake has no limit any more", async () => {
    const server = secureServer(own, { handshakeTimeout: 200 });
    const log = record(server, ["connect", "error"]);
    await dial(server.localPort);
    const peer = await dialTLS(server.localPort);
    const inbox = collect(peer);
    const { event } = await log.until("connect");
    await log.until("error");
    await settle(250);
    track(event.connectedSocket).send("still here");
    await inbox.until(10);
    await dialTLS(server.localPort);
    const [, second] = await log.atLeast(2, "connect");
    track(second.event.connectedSocket);
    expect(log.count("error")).toBe(1);
  });

  test("0 is none: a client may take its time", async () => {
    const server = secureServer(own, { handshakeTimeout: 0 });
    const log = record(server, ["connect", "error"]);
    const raw = await dial(server.localPort);
    await settle(200);
    const peer = dialTLSLater(0, { host: undefined, port: undefined, socket: raw });
    const [, { event }] = await Promise.all([once(peer, "secureConnect"), log.until("connect")]);
    track(event.connectedSocket);
    expect(log.types).toEqual(["connect"]);
  });

  test("with nobody listening and nobody accepted it does not begin (R-listen)", async () => {
    const server = secureServer(own, { handshakeTimeout: 100 });
    const peer = dialTLSLater(server.localPort);
    await once(peer, "connect");
    await settle(200);
    const log = record(server, ["connect", "error"]);
    await once(peer, "secureConnect");
    track((await log.until("connect")).event.connectedSocket);
    expect(log.types).toEqual(["connect"]);
  });
});

describe("R-tcp-secure-open: connectTimeout", () => {
  test("covers the TLS handshake: a silent server is ETIMEDOUT, error and no close", async () => {
    const server = await listen();
    const socket = secureClient(server.port, trust, { connectTimeout: 150 });
    const log = record(socket, ["open", "error", "close"]);
    const { event } = await log.until("error");
    expect(event.error).toMatchObject({ name: "NetworkError", code: "ETIMEDOUT", address: "127.0.0.1", port: server.port });
    await settle();
    expect(log.types).toEqual(["error"]);
    expect(socket.readyState).toBe("closed");
  });

  test("a server that stalls in the middle of it too", async () => {
    const real = await listenTLS(own);
    const server = await listen();
    const socket = secureClient(server.port, trust, { connectTimeout: 250 });
    const near = await server.next();
    const far = tcp("127.0.0.1", real.port);
    await once(far, "open");
    near.on("data", (data) => far.send(data));
    // Only the first bytes of the answer come through.
    const { data } = await once(far, "message");
    near.write(new Uint8Array(data).subarray(0, 60));
    expect((await failure(socket)).code).toBe("ETIMEDOUT");
  });

  test("is over once the handshake is done", async () => {
    const server = await listenTLS(own);
    const socket = secureClient(server.port, trust, { connectTimeout: 2000 });
    const [peer] = await Promise.all([server.next(), opened(socket)]);
    const log = record(socket, ["error", "close"]);
    await settle(2200);
    const inbox = collect(peer);
    socket.send("later");
    await inbox.until(5);
    expect(log.types).toEqual([]);
  });
});
