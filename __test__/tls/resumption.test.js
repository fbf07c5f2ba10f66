"use strict";

// Session resumption: that it happens, and that it skips no check (R-tls-verify).

const { collect, expendable, once, record } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { dialTLS, failure, listenTLS, opened, secureClient, secureServer } = require("../helpers/tls");

/** Each test has an authority of its own, since the cache of sessions is the process's. */
function make(options = {}) {
  const all = authority();
  const identity = all.issue({ ip: ["127.0.0.1"], dns: ["localhost", "other.test"] });
  return { ...options, all, identity, own: { cert: identity.cert, key: identity.key }, trust: { ca: all.ca.cert } };
}

/** One connection; the ticket has come when the server's word has, for it is sent before. */
async function visit(port, secureTransport, server) {
  const socket = secureClient(port, secureTransport);
  const inbox = collect(socket);
  await opened(socket);
  if (server) {
    (await server.next()).write("hi");
  }
  await inbox.until(2);
  const { resumed, authorized, protocol, group, peerCertificates } = socket.secureTransportInfo;
  const closed = once(socket, "close");
  socket.reset();
  await closed;
  return { resumed, authorized, protocol, group, certificates: peerCertificates.length };
}

/** Our server, which greets everybody. */
function greeter(secureTransport) {
  const server = secureServer(secureTransport);
  // Visitors end with a reset, or refuse it.
  server.onconnect = ({ connectedSocket }) => expendable(connectedSocket).send("hi");
  return expendable(server);
}

describe("R-tls-verify: a session is resumed", () => {
  test.each(["TLSv1.2", "TLSv1.3"])("our client at a node:tls server, over %s", async (version) => {
    const { own, trust } = make();
    const server = await listenTLS({ ...own, minVersion: version, maxVersion: version });
    expect(await visit(server.port, trust, server)).toMatchObject({ resumed: false, protocol: version });
    expect(await visit(server.port, trust, server)).toMatchObject({ resumed: true, authorized: true, protocol: version });
  });

  test.each(["TLSv1.2", "TLSv1.3"])("a node:tls client at our server, over %s", async (version) => {
    const { own } = make();
    const server = greeter(own);
    const log = record(server, ["connect"]);
    const first = await dialTLS(server.localPort, { maxVersion: version });
    const session = version === "TLSv1.3" ? once(first, "session") : Promise.resolve(first.getSession());
    collect(first);
    await log.atLeast(1);
    const second = await dialTLS(server.localPort, { maxVersion: version, session: await session });
    expect(second.isSessionReused()).toBe(true);
    await log.atLeast(2);
    expect(log.entries.map(({ event }) => event.connectedSocket.secureTransportInfo.resumed)).toEqual([false, true]);
  });

  test.each([["TLSv1.2", [false, "X25519"], [true, null]], ["TLSv1.3", [false, "X25519"], [true, "X25519"]]])(
    "over %s it has a key exchange only where TLS makes one, at both ends",
    async (version, ...expected) => {
      const { own, trust } = make();
      const server = await listenTLS({ ...own, minVersion: version, maxVersion: version, ecdhCurve: "X25519" });
      const ours = [await visit(server.port, trust, server), await visit(server.port, trust, server)];
      expect(ours.map(({ resumed, group }) => [resumed, group])).toEqual(expected);

      const accepting = greeter(own);
      const log = record(accepting, ["connect"]);
      const options = { maxVersion: version, ecdhCurve: "X25519:P-256" };
      const first = await dialTLS(accepting.localPort, options);
      const session = version === "TLSv1.3" ? once(first, "session") : Promise.resolve(first.getSession());
      collect(first);
      await dialTLS(accepting.localPort, { ...options, session: await session });
      await log.atLeast(2);
      const theirs = log.entries.map(({ event }) => event.connectedSocket.secureTransportInfo);
      expect(theirs.map(({ resumed, group }) => [resumed, group])).toEqual(expected);
    },
  );

  test("the package at both ends; what the certificates were is still told", async () => {
    const { own, trust } = make();
    const server = greeter(own);
    const first = await visit(server.localPort, trust);
    const second = await visit(server.localPort, trust);
    expect([first.resumed, second.resumed]).toEqual([false, true]);
    expect(second.certificates).toBe(first.certificates);
  });

  test("a client certificate holds over a resumption", async () => {
    const { all, own, trust } = make();
    const server = secureServer({ ...own, requestCert: true, ca: all.ca.cert });
    const infos = [];
    server.onconnect = ({ connectedSocket }) => {
      infos.push(connectedSocket.secureTransportInfo);
      expendable(connectedSocket).send("hi");
    };
    const options = { ...trust, cert: all.client.cert, key: all.client.key };
    await visit(server.localPort, options);
    await visit(server.localPort, options);
    expect(infos.map(({ authorized, peerCertificates }) => [authorized, peerCertificates.length])).toEqual([[true, 1], [true, 1]]);
  });
});

describe("R-tls-verify: resuming skips no check", () => {
  const others = [
    ["another ca", (one) => ({ ca: one.all.stranger.cert }), "ERR_TLS_UNKNOWN_ISSUER"],
    ["another name", (one) => ({ ...one.trust, sni: "wrong.test" }), "ERR_TLS_NAME_MISMATCH"],
    ["a pin", (one) => ({ ...one.trust, pinnedCertificates: ["00".repeat(32)] }), "ERR_TLS_PIN_MISMATCH"],
  ];

  test.each(others)("a session with %s is none: the handshake is a full one, and fails", async (_, options, code) => {
    const one = make();
    const server = greeter(one.own);
    await visit(server.localPort, one.trust);
    expect((await failure(secureClient(server.localPort, options(one)))).code).toBe(code);
    expect((await visit(server.localPort, one.trust)).resumed).toBe(true);
  });

  test("a session made with rejectUnauthorized: false is not resumed where verification is on", async () => {
    const { own, all } = make();
    const server = greeter(own);
    const loose = { ca: all.stranger.cert, rejectUnauthorized: false };
    expect(await visit(server.localPort, loose)).toMatchObject({ resumed: false, authorized: false });
    expect((await failure(secureClient(server.localPort, { ca: all.stranger.cert }))).code).toBe("ERR_TLS_UNKNOWN_ISSUER");
    // And with the same options again it tells the truth.
    expect(await visit(server.localPort, loose)).toMatchObject({ authorized: false });
  });

  test("another client certificate, or none, is another session", async () => {
    const { all, own, trust } = make();
    const server = secureServer({ ...own, requestCert: true, ca: all.ca.cert, rejectUnauthorized: false });
    const seen = [];
    server.onconnect = ({ connectedSocket }) => {
      seen.push(connectedSocket.secureTransportInfo.peerCertificates.length);
      expendable(connectedSocket).send("hi");
    };
    await visit(server.localPort, { ...trust, cert: all.client.cert, key: all.client.key });
    expect((await visit(server.localPort, trust)).resumed).toBe(false);
    expect(seen).toEqual([1, 0]);
  });

  test("a client whose certificate is no longer trusted after setSecureContext() is not let in by a ticket", async () => {
    const { all, own, trust } = make();
    const server = greeter({ ...own, requestCert: true, ca: all.ca.cert });
    const options = { ...trust, cert: all.client.cert, key: all.client.key };
    await visit(server.localPort, options);
    server.setSecureContext({ ...own, requestCert: true, ca: all.stranger.cert });
    const refused = once(server, "error");
    const socket = secureClient(server.localPort, options);
    await once(socket, "error");
    expect((await refused).error.code).toMatch(/^ERR_TLS_/);
  });

  test("minVersion and ALPN hold for a resumed session", async () => {
    const { own, trust } = make();
    const server = greeter({ ...own, alpn: ["a", "b"] });
    await visit(server.localPort, { ...trust, alpn: ["a"] });
    const socket = secureClient(server.localPort, { ...trust, alpn: ["b"] });
    await opened(socket);
    expect(socket.secureTransportInfo.alpn).toBe("b");
  });
});
