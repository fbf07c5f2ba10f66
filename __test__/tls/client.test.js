"use strict";

// A client over TLS: what it asks for and what it gets.

const { collect, once, record, settle } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { acceptingServer, failure, listenTLS, opened, secureAccepted, secureClient, securePair } = require("../helpers/tls");

const all = authority();
const { ca, server: identity, client: clientIdentity, otherClient, stranger } = all;
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };
const versions = ["TLSv1.2", "TLSv1.3"];

describe("R-tcp-secure-open: a client", () => {
  test.each(versions)("is connecting until the %s handshake is done; open follows it", async (version) => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key, minVersion: version, maxVersion: version });
    const socket = secureClient(server.port, trust);
    const log = record(socket, ["open", "error", "close"]);
    expect(socket.readyState).toBe("connecting");
    expect([socket.localAddress, socket.remotePort]).toEqual(["127.0.0.1", String(server.port)]);
    expect(socket.localPort).toBeGreaterThan(0);
    expect(() => socket.send("too early")).toThrow(expect.objectContaining({ name: "InvalidStateError" }));
    const peer = await server.next();
    await log.until("open");
    expect(log.entries[0].readyState).toBe("open");
    expect(peer.getProtocol()).toBe(version);
    expect(socket.secureTransportInfo.protocol).toBe(version);
    const [inbox, echo] = [collect(peer), collect(socket)];
    socket.send("there");
    await inbox.until(5);
    peer.write("and back");
    await echo.until(8);
    expect([inbox.text(), echo.text(), log.types]).toEqual(["there", "and back", ["open"]]);
  });

  test("the name asked for is `sni`; an address asks for none", async () => {
    const named = all.issue({ dns: ["a.test"], ip: ["127.0.0.1"] });
    const { peer } = await securePair({ identity: named, secureTransport: { ...trust, sni: "A.test" } });
    expect(peer.servername.toLowerCase()).toBe("a.test");
    const { peer: nameless } = await securePair({ identity: named, secureTransport: trust });
    expect(nameless.servername).toBeFalsy();
  });

  test("a server that speaks first is heard", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    server.server.on("secureConnection", (peer) => peer.write("220 ready"));
    const socket = secureClient(server.port, trust);
    const inbox = collect(socket);
    await inbox.until(9);
    expect(inbox.text()).toBe("220 ready");
  });

  test("halfclose() while connecting: open fires when the handshake is done, then the end follows (R-tcp-halfclose)", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key, allowHalfOpen: true });
    const socket = secureClient(server.port, trust);
    socket.halfclose();
    const log = record(socket, ["open", "message", "error", "close"]);
    const peer = await server.next();
    const inbox = collect(peer);
    await inbox.end();
    expect((await log.until("open")).readyState).toBe("halfclosed");
    peer.end("still heard");
    await log.until("close");
    expect(log.types).toEqual(["open", "message", "close"]);
  });

  test("close() while the handshake is under way: one error, ECONNABORTED, no close (R-tcp-close-connecting)", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    const socket = secureClient(server.port, trust);
    const log = record(socket, ["open", "error", "close"]);
    socket.close();
    expect(socket.readyState).toBe("closing");
    const { event } = await log.until("error");
    expect(event.error.code).toBe("ECONNABORTED");
    await settle();
    expect(log.types).toEqual(["error"]);
    expect(socket.readyState).toBe("closed");
  });
});

describe("R-tls-asked: versions", () => {
  test("minVersion: TLSv1.3 refuses a server of 1.2", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key, maxVersion: "TLSv1.2" });
    const error = await failure(secureClient(server.port, { ...trust, minVersion: "TLSv1.3" }));
    // The server may be the first to say so, by an alert.
    expect(["ERR_TLS_NO_COMMON_PROTOCOL", "ERR_TLS_ALERT"]).toContain(error.code);
    expect(error.message).toMatch(/version/);
  });

  test("minVersion: TLSv1.2 takes the better of both", async () => {
    const { socket } = await securePair({ identity, secureTransport: { ...trust, minVersion: "TLSv1.2" } });
    expect(socket.secureTransportInfo.protocol).toBe("TLSv1.3");
  });

  test("a server of TLS 1.1 is refused, and not silently met", async () => {
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" };
    const server = await listenTLS({ cert: identity.cert, key: identity.key, ...old });
    const error = await failure(secureClient(server.port, trust));
    expect(["ERR_TLS_NO_COMMON_PROTOCOL", "ERR_TLS_ALERT"]).toContain(error.code);
  });

  test("a server without a cipher in common: ERR_TLS_ALERT, whose message says what to look at", async () => {
    // RSA key exchange, which has no forward secrecy.
    const rsa = all.issue({ kind: "rsa", ip: ["127.0.0.1"] });
    const server = await listenTLS({ cert: rsa.cert, key: rsa.key, maxVersion: "TLSv1.2", ciphers: "AES128-SHA" });
    const error = await failure(secureClient(server.port, trust));
    expect(["ERR_TLS_ALERT", "ERR_TLS_NO_COMMON_CIPHER"]).toContain(error.code);
    expect(error.message).toMatch(/cipher/);
  });
});

describe("R-tls-asked: ALPN", () => {
  test("the server's choice among what was offered is told", async () => {
    const { socket, peer } = await securePair({
      identity,
      secureTransport: { ...trust, alpn: ["h2", "http/1.1"] },
      peer: { ALPNProtocols: ["http/1.1"] },
    });
    expect([socket.secureTransportInfo.alpn, peer.alpnProtocol]).toEqual(["http/1.1", "http/1.1"]);
  });

  test("a server without ALPN: null", async () => {
    const { socket } = await securePair({ identity, secureTransport: { ...trust, alpn: ["h2"] } });
    expect(socket.secureTransportInfo.alpn).toBeNull();
  });

  test("nothing offered: null", async () => {
    const { socket } = await securePair({ identity, secureTransport: trust, peer: { ALPNProtocols: ["h2"] } });
    expect(socket.secureTransportInfo.alpn).toBeNull();
  });

  test("an empty list offers nothing", async () => {
    const { socket } = await securePair({ identity, secureTransport: { ...trust, alpn: [] }, peer: { ALPNProtocols: ["h2"] } });
    expect(socket.secureTransportInfo.alpn).toBeNull();
  });

  test("our server has none of them: the attempt fails by its alert", async () => {
    const server = acceptingServer({ ...own, alpn: ["h2"] });
    const error = await failure(secureClient(server.localPort, { ...trust, alpn: ["spdy/1"] }));
    expect(error.code).toBe("ERR_TLS_ALERT");
    expect(error.message).toMatch(/no_application_protocol/);
  });
});

describe("R-srv-secure: client certificates, a client's side", () => {
  const asks = { requestCert: true, rejectUnauthorized: true, ca: ca.cert };

  test.each(versions)("cert and key are presented to a server that asks, over %s", async (version) => {
    const { peer } = await securePair({
      identity,
      secureTransport: { ...trust, cert: clientIdentity.cert, key: clientIdentity.key },
      peer: { ...asks, maxVersion: version },
    });
    expect(peer.authorized).toBe(true);
    expect(peer.getPeerCertificate().subject.CN).toBe("client");
  });

  test.each(["rsa", "ed25519", "p384"])("an %s key", async (kind) => {
    const own = all.issue({ kind, name: "client", usage: ["clientAuth"] });
    const { peer } = await securePair({ identity, secureTransport: { ...trust, cert: own.cert, key: own.key }, peer: asks });
    expect(peer.authorized).toBe(true);
  });

  test("nothing is presented to a server that does not ask", async () => {
    const { peer } = await securePair({
      identity,
      secureTransport: { ...trust, cert: clientIdentity.cert, key: clientIdentity.key },
    });
    expect(peer.getPeerCertificate()).toEqual({});
  });

  test("a certificate that the server refuses: over TLS 1.2 the attempt fails, with its alert", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key, ...asks, maxVersion: "TLSv1.2" });
    const error = await failure(secureClient(server.port, { ...trust, cert: otherClient.cert, key: otherClient.key }));
    expect(error.code).toMatch(/^(ERR_TLS_ALERT|ECONNRESET|ERR_TLS_HANDSHAKE_ENDED)$/);
  });

  test("over TLS 1.3 our handshake is done by then: the connection is lost, with the alert's name", async () => {
    const server = acceptingServer({ ...own, requestCert: true, ca: ca.cert });
    const socket = secureClient(server.localPort, { ...trust, cert: otherClient.cert, key: otherClient.key });
    const log = record(socket, ["open", "error", "close"]);
    const { event } = await log.until("error");
    expect(event.error.code).toBe("ERR_TLS_ALERT");
    expect(event.error.message).toMatch(/unknown_ca|certificate/);
    if (log.count("open") > 0) {
      await log.until("close");
    }
  });

  test("a server that wants one and gets none says so by its alert", async () => {
    const server = acceptingServer({ ...own, requestCert: true, ca: ca.cert });
    const socket = secureClient(server.localPort, trust);
    const { error } = await once(socket, "error");
    expect(error.code).toBe("ERR_TLS_ALERT");
    expect(error.message).toMatch(/certificate_required/);
    expect(error.message).toMatch(/`cert`/);
  });
});

describe("R-tls-verify: both ends of this package", () => {
  test("a client of node:tls verifies our server as it does its own", async () => {
    const { peer } = await secureAccepted({
      secureTransport: { cert: identity.cert, key: identity.key },
      peer: { ca: ca.cert, rejectUnauthorized: true },
    });
    expect(peer.authorized).toBe(true);
  });

  test("a stranger's certificate at our server is refused by our client, and the server tells", async () => {
    const fake = all.issue({ issuer: stranger, ip: ["127.0.0.1"] });
    const server = acceptingServer({ cert: fake.cert, key: fake.key });
    const heard = once(server, "error");
    const socket = secureClient(server.localPort, trust);
    expect((await failure(socket)).code).toBe("ERR_TLS_UNKNOWN_ISSUER");
    const { error } = await heard;
    expect(error.code).toBe("ERR_TLS_ALERT");
    expect(error.message).toMatch(/unknown_ca/);
    expect(error.port).toBe(socket.localPort);
    await opened(secureClient(server.localPort, { ca: stranger.cert }));
  });
});
