"use strict";

const net = require("node:net");
const { connect } = require("../..");
const { expectIsDOMException, listen, once, track } = require("../helpers");
const { blackHoleTest, places } = require("../helpers/black-hole");
const { authority } = require("../helpers/certificates");
const { listenTLS } = require("../helpers/tls");

const rejection = (promise) => promise.then((value) => Promise.reject(new Error(`fulfilled with ${String(value)}`)), (reason) => reason);
const gives = (...addresses) => async () => addresses;
const ca = authority();
const ours = ca.issue({ dns: ["host.test", "other.test", "xn--bcher-kva.test"], ip: ["127.0.0.1"] });
const trusted = { ca: ca.ca.cert };

let server;

beforeEach(async () => {
  server = await listenTLS({ cert: ours.cert, key: ours.key });
});

describe("connect() with TLS (R-connect, R-tls-verify, R-tls-asked)", () => {
  test("the race is over TCP, then the handshake is made and the host's name verified", async () => {
    const socket = track(await connect("host.test", server.port, { lookup: gives("127.0.0.9", "127.0.0.1"), secureTransport: trusted }));
    expect(socket).toMatchObject({ readyState: "open", secureTransport: "on", remoteAddress: "127.0.0.1" });
    expect(socket.secureTransportInfo).toMatchObject({ protocol: "TLSv1.3", sni: "host.test", authorized: true });
    const peer = await server.next();
    expect(peer.servername).toBe("host.test");
    peer.write("hello");
    const { data } = await once(socket, "message");
    expect(Buffer.from(data).toString()).toBe("hello");
  });

  test("a root's dot and letters beyond ASCII are no part of the name that is asked for", async () => {
    for (const [host, sni] of [["host.test.", "host.test"], ["bücher.test", "xn--bcher-kva.test"]]) {
      track(await connect(host, server.port, { lookup: gives("127.0.0.1"), secureTransport: trusted }));
      expect((await server.next()).servername).toBe(sni);
    }
  });

  test("a literal is verified as an address; sni says another name", async () => {
    expect(track(await connect("127.0.0.1", server.port, { secureTransport: trusted })).secureTransportInfo.sni).toBe(null);
    const options = { lookup: gives("127.0.0.1"), secureTransport: { ...trusted, sni: "other.test" } };
    expect(track(await connect("wrong.test", server.port, options)).secureTransportInfo.sni).toBe("other.test");
  });

  test("a handshake that fails rejects, and no other address is tried", async () => {
    const asked = [];
    const error = await rejection(
      connect("wrong.test", server.port, {
        lookup: gives("127.0.0.1", "127.0.0.1"),
        allowAddress: (address) => asked.push(address) > 0,
        secureTransport: trusted,
      }),
    );
    expectIsDOMException(error, "NetworkError", "ERR_TLS_NAME_MISMATCH");
    expect(error).toMatchObject({ address: "127.0.0.1", port: server.port });
    expect(error.message).toContain(`wrong.test:${server.port}`);
    expect(asked).toEqual(["127.0.0.1"]);
    // The system's roots know nothing of ours.
    const unknown = await rejection(connect("host.test", server.port, { lookup: gives("127.0.0.1"), useSecureTransport: true }));
    expectIsDOMException(unknown, "NetworkError");
    expect(unknown.code).toMatch(/^ERR_TLS_/);
  });

  test("a peer that ends, resets or speaks plain text is a failed handshake", async () => {
    for (const [act, code] of [
      [(peer) => peer.end(), /^(ERR_TLS_|ECONNRESET$)/],
      [(peer) => peer.once("data", () => peer.resetAndDestroy()), /^ECONNRESET$/],
      [(peer) => peer.end("220 plain text\r\n"), /^ERR_TLS_/],
    ]) {
      const plain = await listen();
      plain.server.on("connection", act);
      const error = await rejection(connect("host.test", plain.port, { lookup: gives("127.0.0.1"), secureTransport: trusted }));
      expectIsDOMException(error, "NetworkError");
      expect(error.code).toMatch(code);
      expect(error.message).toContain("host.test");
    }
  });

  test("connectTimeout covers the handshake, and the peer sees the end of it", async () => {
    const silent = await listen();
    const promise = connect("host.test", silent.port, { lookup: gives("127.0.0.1"), secureTransport: trusted, connectTimeout: 150 });
    const peer = await silent.next();
    const closed = new Promise((resolve) => peer.once("close", resolve));
    peer.resume();
    const error = await rejection(promise);
    expectIsDOMException(error, "NetworkError", "ETIMEDOUT");
    expect(error.message).toContain("host.test");
    await closed;
  });

  test("a signal during the handshake ends it (R-abort)", async () => {
    const silent = await listen();
    const controller = new AbortController();
    const promise = connect("127.0.0.1", silent.port, { secureTransport: trusted, signal: controller.signal });
    const peer = await silent.next();
    const closed = new Promise((resolve) => peer.once("close", resolve));
    peer.resume();
    controller.abort("enough");
    expect(await rejection(promise)).toBe("enough");
    await closed;
  });

  test("what secureTransport has is checked before anything is looked up", async () => {
    const lookup = () => Promise.reject(new Error("must not be asked"));
    for (const options of [
      { secureTransport: { ca: "nonsense" } },
      { secureTransport: { ...trusted, pinnedCertificates: ["no pin"] } },
      { secureTransport: { ...trusted, sni: "not a name" } },
      { secureTransport: "off", useSecureTransport: true },
      { secureTransport: {}, useSecureTransport: false },
    ]) {
      expectIsDOMException(await rejection(connect("host.test", server.port, { ...options, lookup })), "InvalidAccessError");
    }
    expect((await rejection(connect("host.test", server.port, { secureTransport: "yes", lookup }))).name).toBe("TypeError");
  });

  blackHoleTest("losers of the race are closed before the handshake, which may take its time", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.1": "answers" });
    const lookup = gives("127.0.0.2", "127.0.0.1");
    const controller = new AbortController();
    const options = { lookup, attemptDelay: 10, secureTransport: trusted, signal: controller.signal };
    const promise = connect("host.test", at.port, options);
    const peer = await at["127.0.0.1"].next();
    await once(peer, "data");
    // By now the client hello is here, and 127.0.0.2 is given up: its SYN is not sent again.
    at["127.0.0.2"].answer();
    await new Promise((resolve) => setTimeout(resolve, 1300));
    expect(at["127.0.0.2"].connections).toEqual([]);
    controller.abort();
    await rejection(promise);
  });

  test("startTls() later verifies the host's name by default (R-tls-start)", async () => {
    const lookup = gives("127.0.0.1");
    const socket = track(await connect("host.test", server.port, { lookup, secureTransport: "starttls" }));
    expect(socket.secureTransport).toBe("starttls");
    const info = await socket.startTls(trusted);
    expect(info.sni).toBe("host.test");
    const wrong = track(await connect("wrong.test", server.port, { lookup }));
    wrong.onerror = () => {};
    expect((await rejection(wrong.startTls(trusted))).code).toBe("ERR_TLS_NAME_MISMATCH");
    // Of a literal the address is verified.
    const address = track(await connect("127.0.0.1", server.port));
    expect((await address.startTls(trusted)).authorized).toBe(true);
  });

  test("a port that refuses is told as without TLS", async () => {
    const refused = net.createServer().listen(0, "127.0.0.1");
    await once(refused, "listening");
    const { port } = refused.address();
    await new Promise((resolve) => refused.close(resolve));
    const error = await rejection(connect("host.test", port, { lookup: gives("127.0.0.1"), secureTransport: trusted }));
    expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
    expect(error.cause.errors).toHaveLength(1);
  });
});
