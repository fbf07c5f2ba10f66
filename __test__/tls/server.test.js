"use strict";

// A server over TLS: R-srv-secure, R-srv-connect, R-srv-suspend, R-srv-close with handshakes in between.

const { collect, dial, eventually, once, record, settle, sha256, track, expendable, hasIPv6, TCPServerSocket } = require("../helpers");
const { X509Certificate } = require("node:crypto");
const { authority } = require("../helpers/certificates");
const { acceptingServer, dialTLS, dialTLSLater, opened, secureAccepted, secureClient, secureServer, shownFor } = require("../helpers/tls");

const all = authority();
const { ca, server: identity, deep, client: clientIdentity, otherClient } = all;
const own = { cert: identity.cert, key: identity.key };
const versions = ["TLSv1.2", "TLSv1.3"];

describe("R-srv-secure: accepting", () => {
  test.each(versions)("connect comes when the %s handshake is done; the socket is open, its own open does not fire (R-srv-connect)", async (version) => {
    const { server, socket, peer } = await secureAccepted({ secureTransport: own, peer: { minVersion: version, maxVersion: version } });
    const log = record(socket, ["open", "message", "error", "close"]);
    expect([socket.readyState, socket.secureTransport, socket.secureTransportInfo.protocol]).toEqual(["open", "on", version]);
    expect([socket.remoteAddress, socket.remotePort]).toEqual(["127.0.0.1", String(peer.localPort)]);
    expect([socket.localAddress, socket.localPort]).toEqual(["127.0.0.1", server.localPort]);
    peer.write("hello");
    await log.until("message");
    const inbox = collect(peer);
    socket.send("welcome");
    await inbox.until(7);
    expect(log.types).toEqual(["message"]);
  });

  test("what the client sends together with the end of its handshake waits for the listener", async () => {
    const server = secureServer(own);
    const connect = once(server, "connect");
    const peer = dialTLSLater(server.localPort);
    // node:tls keeps it and sends it behind its Finished.
    peer.write("at once");
    const { connectedSocket } = await connect;
    await settle();
    const inbox = collect(track(connectedSocket));
    await inbox.until(7);
    expect(inbox.text()).toBe("at once");
  });

  test("a slow handshake holds nobody up: those done first are told first", async () => {
    const server = secureServer(own);
    const log = record(server, ["connect", "error"]);
    const silent = await dial(server.localPort);
    const peers = [await dialTLS(server.localPort), await dialTLS(server.localPort)];
    await log.atLeast(2, "connect");
    const ports = log.entries.map(({ event }) => Number(track(event.connectedSocket).remotePort));
    expect(ports.sort()).toEqual(peers.map((peer) => peer.localPort).sort());
    const { localPort } = silent;
    silent.destroy();
    const { event } = await log.until("error");
    expect(event.error.port).toBe(localPort);
    expect(server.readyState).toBe("open");
  });

  (hasIPv6 ? test : test.skip)("the default address takes both families", async () => {
    const server = track(new TCPServerSocket({ secureTransport: own }));
    server.onconnect = ({ connectedSocket }) => track(connectedSocket).send("hi");
    for (const host of ["127.0.0.1", "::1"]) {
      // The name is not node:tls's to verify here: Node 22 takes "::1" for another address than the certificate's.
      const verified = { ca: ca.cert, rejectUnauthorized: true, checkServerIdentity: () => undefined };
      const inbox = collect(await dialTLS(server.localPort, { host, ...verified }));
      await inbox.until(2);
    }
  });

  test("suspend(): no handshake is begun, connections wait; resume() serves them (R-srv-suspend)", async () => {
    const server = secureServer(own);
    const log = record(server, ["connect", "error"]);
    server.suspend();
    const peer = dialTLSLater(server.localPort);
    await once(peer, "connect");
    await settle();
    expect(log.types).toEqual([]);
    server.resume();
    await once(peer, "secureConnect");
    track((await log.until("connect")).event.connectedSocket);
  });

  test("without a connect listener nothing is accepted; the first listener serves who waits (R-listen)", async () => {
    const server = secureServer(own);
    const peer = dialTLSLater(server.localPort);
    await once(peer, "connect");
    await settle();
    const connect = once(server, "connect");
    await Promise.all([connect, once(peer, "secureConnect")]);
    track((await connect).connectedSocket);
  });

  test("close(): a handshake under way is reset, done connections live on, the port is free (R-srv-close)", async () => {
    const { server, socket, peer } = await secureAccepted({ secureTransport: own });
    const underway = await dial(server.localPort);
    const ended = once(underway, "close");
    const reset = once(underway, "error");
    await settle();
    const log = record(server, ["connect", "error"]);
    server.close();
    expect((await reset).code).toBe("ECONNRESET");
    await ended;
    const inbox = collect(peer);
    socket.send("still here");
    await inbox.until(10);
    await settle();
    expect(log.types).toEqual([]);
    track(new TCPServerSocket({ localAddress: "127.0.0.1", localPort: server.localPort }));
  });

  // Two clients are accepted together, and the loop or the reader takes one of them. The handshake of the other is done, too, and nobody has it.
  const takers = {
    "a loop": (server) => {
      const loop = server[Symbol.asyncIterator]();
      return () => loop.next();
    },
    "a reader of readable": (server) => {
      const reader = server.readable.getReader();
      return () => reader.read();
    },
  };
  const closers = { "close()": (server) => { server.close(); }, "shutdown()": (server) => server.shutdown() };
  const twoClients = async (server, take) => {
    const first = take();
    const logs = [1, 2].map(() => record(secureClient(server.localPort, { ca: ca.cert }), ["open", "error", "close"]));
    track((await first).value);
    expect(server.connections).toBe(2);
    await eventually(() => logs.every(({ types }) => types.includes("open")));
    await settle();
    return logs;
  };

  test.each(Object.keys(takers).flatMap((taker) => Object.keys(closers).map((closer) => [closer, taker])))(
    "%s ends %s: a connection that it has not got is reset (R-iterate, R-srv-close)",
    async (closer, taker) => {
      const server = secureServer(own);
      const take = takers[taker](server);
      const logs = await twoClients(server, take);
      const next = take();
      const over = closers[closer](server);
      expect(await next).toEqual({ done: true, value: undefined });
      await over;
      // shutdown() also closes the one that was taken.
      const expected = [closer === "close()" ? "open" : "open,close", "open,error,close"];
      const seen = () => logs.map(({ types }) => types.join()).sort();
      await eventually(() => seen().join(" ") === expected.join(" "));
    },
  );

  test("close() ends a loop: a connection that it has not got goes to the listener that is left (R-iterate, R-srv-close)", async () => {
    const server = secureServer(own);
    const take = takers["a loop"](server);
    const logs = await twoClients(server, take);
    const next = take();
    const connect = once(server, "connect");
    server.close();
    expect((await next).done).toBe(true);
    track((await connect).connectedSocket);
    await settle();
    expect(logs.map(({ types }) => types.join())).toEqual(["open", "open"]);
  });

  test("the options of accepted sockets apply: highWaterMark", async () => {
    const { socket } = await secureAccepted({ secureTransport: own, options: { highWaterMark: 10 } });
    expect(socket.send("x".repeat(11))).toBe(false);
    await once(socket, "drain");
    expect(socket.bufferedAmount).toBe(0);
  });
});

describe("R-srv-secure: certificates by name", () => {
  const exact = all.issue({ dns: ["www.a.test"] });
  const wild = all.issue({ dns: ["*.a.test"] });
  const other = all.issue({ dns: ["b.test"] });
  const entry = ({ cert, key }) => ({ cert, key });

  test("an exact name wins over a wildcard, whatever the order; case does not count", async () => {
    for (const names of [["*.a.test", "WWW.a.test"], ["WWW.a.test", "*.a.test"]]) {
      const by = { "*.a.test": entry(wild), "WWW.a.test": entry(exact) };
      const server = acceptingServer({ ...own, serverCertificates: Object.fromEntries(names.map((name) => [name, by[name]])) });
      expect(await shownFor(server, "www.A.test")).toBe(exact.fingerprint);
      expect(await shownFor(server, "mail.a.test")).toBe(wild.fingerprint);
    }
  });

  test("a wildcard stands for one label; any other name, and none, gets `cert`", async () => {
    const server = acceptingServer({ ...own, serverCertificates: { "*.a.test": entry(wild) } });
    for (const name of ["a.test", "x.y.a.test", "b.test", ""]) {
      expect(await shownFor(server, name)).toBe(identity.fingerprint);
    }
  });

  test("without `cert`, a name that is not there is refused, and the server tells of it", async () => {
    const server = secureServer({ serverCertificates: { "b.test": entry(other) } });
    const log = record(server, ["connect", "error"]);
    expect(await shownFor(server, "b.test")).toBe(other.fingerprint);
    expect(await shownFor(server, "c.test")).toMatch(/ERR_SSL|ECONNRESET/);
    // Who looked at the certificate and left in the middle may be told too.
    const told = () => log.entries.map(({ event }) => event.error).find((error) => error?.code === "ERR_TLS_NO_CERTIFICATE_FOR_NAME");
    await eventually(told);
    expect(told().message).toMatch(/serverCertificates/);
  });

  test("an entry may have a chain, and any kind of key", async () => {
    const rsa = all.issue({ kind: "rsa", dns: ["r.test"], issuer: all.intermediate });
    const server = acceptingServer({ serverCertificates: { "r.test": { cert: [rsa.der, all.intermediate.cert], key: rsa.key } } });
    const peer = await dialTLS(server.localPort, { servername: "r.test", ca: ca.cert, rejectUnauthorized: true });
    expect(peer.authorized).toBe(true);
  });

  test("a Map's entries are no members: a record is a plain object", () => {
    // It converts to an empty record, and so there is no certificate.
    expect(() => secureServer({ serverCertificates: new Map([["b.test", entry(other)]]) })).toThrow(
      expect.objectContaining({ name: "InvalidAccessError" }),
    );
  });
});

describe("R-srv-secure: ALPN", () => {
  test("the server's preference decides", async () => {
    const { socket, peer } = await secureAccepted({
      secureTransport: { ...own, alpn: ["h2", "http/1.1"] },
      peer: { ALPNProtocols: ["http/1.1", "h2"] },
    });
    expect([socket.secureTransportInfo.alpn, peer.alpnProtocol]).toEqual(["h2", "h2"]);
  });

  test("a client that offers none is served", async () => {
    const { socket, peer } = await secureAccepted({ secureTransport: { ...own, alpn: ["h2"] } });
    expect([socket.secureTransportInfo.alpn, peer.alpnProtocol]).toEqual([null, false]);
  });

  test.each(versions)("a client that offers protocols, none of them ours, is refused over %s", async (version) => {
    const server = secureServer({ ...own, alpn: ["h2", "http/1.1"] });
    const log = record(server, ["connect", "error"]);
    const peer = dialTLSLater(server.localPort, { ALPNProtocols: ["spdy/1"], maxVersion: version });
    const refusal = await once(peer, "error");
    expect(refusal.code).toMatch(/ALERT_NO_APPLICATION_PROTOCOL|ECONNRESET/);
    const { event } = await log.until("error");
    expect(event.error.code).toBe("ERR_TLS_NO_COMMON_ALPN");
    expect(log.count("connect")).toBe(0);
  });

  test("a server without `alpn` serves a client that offers some", async () => {
    const { socket, peer } = await secureAccepted({ secureTransport: own, peer: { ALPNProtocols: ["h2"] } });
    expect([socket.secureTransportInfo.alpn, peer.alpnProtocol]).toEqual([null, false]);
  });
});

describe("R-srv-secure: client certificates", () => {
  const asking = { ...own, requestCert: true, ca: ca.cert };
  const present = ({ chain, key }, version) => ({ cert: chain, key, maxVersion: version });

  test.each(versions)("a good one is taken and told, over %s", async (version) => {
    const { socket } = await secureAccepted({ secureTransport: asking, peer: present(clientIdentity, version) });
    const { authorized, authorizationError, peerCertificates } = socket.secureTransportInfo;
    expect([authorized, authorizationError]).toEqual([true, null]);
    expect(sha256(peerCertificates[0])).toBe(clientIdentity.fingerprint);
  });

  test("a chain over an intermediate is told leaf first", async () => {
    const deepClient = all.issue({ name: "deep client", issuer: all.intermediate, usage: ["clientAuth"] });
    const { socket } = await secureAccepted({ secureTransport: asking, peer: present(deepClient) });
    const names = socket.secureTransportInfo.peerCertificates.map((der) => new X509Certificate(Buffer.from(der)).subject);
    expect(names.map((name) => name.match(/CN=(.*)/)[1])).toEqual(["deep client", "Test Intermediate"]);
  });

  const refused = [
    ["none", {}, "ERR_TLS_CLIENT_CERT_REQUIRED"],
    ["a stranger's", otherClient, "ERR_TLS_UNKNOWN_ISSUER"],
    ["an expired one", all.issue({ name: "old", usage: ["clientAuth"], from: new Date(0), to: new Date(1e12) }), "ERR_TLS_CERT_EXPIRED"],
    ["a server's", deep, "ERR_TLS_CERT_PURPOSE"],
  ];
  const cases = refused.flatMap(([name, presented, code]) => versions.map((version) => [name, version, presented, code]));

  test.each(cases)("%s is refused over %s: error with the client's address, no connect", async (_, version, presented, code) => {
    const server = secureServer(asking);
    const log = record(server, ["connect", "error"]);
    const peer = dialTLSLater(server.localPort, present(presented, version));
    await once(peer, "connect");
    const { localPort } = peer;
    const { event } = await log.until("error");
    expect(event.error).toMatchObject({ name: "NetworkError", code, address: "127.0.0.1", port: localPort });
    await settle();
    expect(log.types).toEqual(["error"]);
  });

  test.each([
    ["none", {}, false, /^ERR_TLS_|null/],
    ["a stranger's", otherClient, false, /ERR_TLS_UNKNOWN_ISSUER/],
    ["a good one", clientIdentity, true, /null/],
  ])("with rejectUnauthorized: false anybody is let in, and the info tells who: %s", async (_, presented, authorized, why) => {
    const secureTransport = { ...asking, rejectUnauthorized: false };
    const { socket } = await secureAccepted({ secureTransport, peer: present(presented) });
    const info = socket.secureTransportInfo;
    expect(info.authorized).toBe(authorized);
    expect(String(info.authorizationError)).toMatch(why);
    expect(info.peerCertificates).toHaveLength(presented.cert ? 1 : 0);
  });

  test("without requestCert none is asked for", async () => {
    const { socket } = await secureAccepted({ secureTransport: own, peer: present(clientIdentity) });
    expect(socket.secureTransportInfo.peerCertificates).toEqual([]);
  });

  test("pins hold for clients too", async () => {
    const server = secureServer({ ...asking, pinnedCertificates: [clientIdentity.fingerprint] });
    const log = record(server, ["connect", "error"]);
    await dialTLS(server.localPort, present(clientIdentity, "TLSv1.2"));
    track((await log.until("connect")).event.connectedSocket);
    const twin = all.issue({ name: "client", usage: ["clientAuth"] });
    dialTLSLater(server.localPort, present(twin, "TLSv1.2"));
    expect((await log.until("error")).event.error.code).toBe("ERR_TLS_PIN_MISMATCH");
  });
});

describe("R-srv-secure: setSecureContext()", () => {
  const next = all.issue({ ip: ["127.0.0.1"], dns: ["next.test"] });
  const after = { cert: next.cert, key: next.key };

  test("handshakes from now on get the new certificate; connections live on", async () => {
    const { server, socket, peer } = await secureAccepted({ secureTransport: own });
    expect(server.setSecureContext(after)).toBeUndefined();
    // Who only looks at the certificate breaks off.
    expendable(server).onconnect = ({ connectedSocket }) => expendable(connectedSocket);
    expect(await shownFor(server, "")).toBe(next.fingerprint);
    const inbox = collect(peer);
    socket.send("the old one goes on");
    await inbox.until(19);
    expect(socket.readyState).toBe("open");
  });

  test("it replaces all of the options: what is not given again is gone", async () => {
    const server = acceptingServer({ ...own, alpn: ["h2"], requestCert: true, ca: ca.cert, serverCertificates: { "next.test": after } });
    server.setSecureContext(own);
    expect(await shownFor(server, "next.test")).toBe(identity.fingerprint);
    const peer = await dialTLS(server.localPort, { ALPNProtocols: ["spdy/1"] });
    expect(peer.alpnProtocol).toBe(false);
  });

  test("a handshake under way ends with the options that it began with", async () => {
    const server = secureServer(own);
    const connect = once(server, "connect");
    const raw = await dial(server.localPort);
    await settle();
    server.setSecureContext(after);
    const peer = dialTLSLater(server.localPort, { host: undefined, port: undefined, socket: raw });
    const [, { connectedSocket }] = await Promise.all([once(peer, "secureConnect"), connect]);
    track(connectedSocket);
    // Which of the two it is, is decided at the ClientHello or at the accept: either is one of ours, whole.
    expect([identity.fingerprint, next.fingerprint]).toContain(peer.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase());
  });

  test("bad options throw InvalidAccessError, and the old ones stay", async () => {
    const server = acceptingServer(own);
    for (const bad of [{}, { cert: next.cert, key: identity.key }, { ...own, requestCert: true }, { cert: "", key: "" }]) {
      expect(() => server.setSecureContext(bad)).toThrow(expect.objectContaining({ name: "InvalidAccessError" }));
    }
    expect(() => server.setSecureContext()).toThrow(expect.objectContaining({ name: "InvalidAccessError" }));
    expect(() => server.setSecureContext(7)).toThrow(TypeErrorLike);
    expect(await shownFor(server, "")).toBe(identity.fingerprint);
  });

  test("on a plain or closed server it throws InvalidStateError", () => {
    const plain = track(new TCPServerSocket({ localAddress: "127.0.0.1" }));
    const closed = secureServer(own);
    closed.close();
    for (const server of [plain, closed]) {
      expect(() => server.setSecureContext(own)).toThrow(expect.objectContaining({ name: "InvalidStateError" }));
    }
  });

  test("it is a method as Web IDL has it (R-shape)", () => {
    const { value, enumerable, writable } = Object.getOwnPropertyDescriptor(TCPServerSocket.prototype, "setSecureContext");
    expect([value.length, value.name, enumerable, writable]).toEqual([0, "setSecureContext", true, true]);
    expect(() => value.call({})).toThrow(TypeErrorLike);
  });

  const TypeErrorLike = expect.objectContaining({ name: "TypeError" });

  test("a hundred times under load: every client is served by one of the certificates", async () => {
    const server = acceptingServer(own);
    const shown = [];
    for (let round = 0; round < 20; round++) {
      const clients = [0, 1, 2].map(() => secureClient(server.localPort, { ca: ca.cert }));
      for (let i = 0; i < 5; i++) {
        server.setSecureContext(i % 2 === round % 2 ? own : after);
      }
      await Promise.all(clients.map((client) => opened(client)));
      shown.push(...clients.map((client) => sha256(client.secureTransportInfo.peerCertificates[0])));
      clients.forEach((client) => client.reset());
    }
    expect(shown).toHaveLength(60);
    expect(shown.filter((one) => one !== identity.fingerprint && one !== next.fingerprint)).toEqual([]);
  });
});
