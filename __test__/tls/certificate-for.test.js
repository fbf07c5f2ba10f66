"use strict";

// certificateFor: which clients it is asked for, and what becomes of its answers (R-srv-secure).

const { AsyncLocalStorage } = require("node:async_hooks");
const {
  collect, dial, eventually, expendable, once, record, sha256, settle, TCPServerSocket, track, expectDOMException, expectIsDOMException, expectTypeError,
} = require("../helpers");
const { authority } = require("../helpers/certificates");
const { clientHello } = require("../helpers/client-hello");
const { acceptingServer, dialTLS, dialTLSLater, failure, secureClient, secureServer, shownFor } = require("../helpers/tls");

const all = authority();
const { server: identity } = all;
const own = { cert: identity.cert, key: identity.key };
const given = all.issue({ dns: ["a.test", "b.test", "www.c.test"] });
const answer = { cert: given.cert, key: given.key };
const exact = all.issue({ dns: ["exact.test"] });
const wild = all.issue({ dns: ["*.c.test"] });
const versions = ["TLSv1.2", "TLSv1.3"];
const REFUSED = /^ERR_SSL|ECONNRESET/;

/** A server that asks `reply` for certificates, and the names that it has asked for. */
function asking(reply, options = own, serverOptions = {}) {
  const asked = [];
  const certificateFor = (...words) => {
    asked.push(...words);
    return reply(...words);
  };
  const server = acceptingServer({ ...options, certificateFor }, serverOptions);
  return { server, asked, certificateFor };
}

/** The next `error` of the server, of a client that was refused. */
async function refusal(server, servername = "a.test") {
  const error = once(server, "error");
  expect(await shownFor(server, servername)).toMatch(REFUSED);
  return (await error).error;
}

describe("R-srv-secure: which certificate a client gets", () => {
  test.each(versions)("the one that certificateFor gives, over %s; it gets the name as its only argument", async (version) => {
    const { server, asked } = asking(async () => answer);
    expect(await shownFor(server, "a.test", { minVersion: version, maxVersion: version })).toBe(given.fingerprint);
    expect(asked).toEqual(["a.test"]);
  });

  test("a server may have only certificateFor, and no certificate of its own", async () => {
    const { server, asked } = asking(() => answer, {});
    const connect = once(server, "connect");
    const peer = await dialTLS(server.localPort, { servername: "a.test", ca: all.ca.cert, rejectUnauthorized: true });
    expect(peer.authorized).toBe(true);
    const { connectedSocket } = await connect;
    expect(connectedSocket.secureTransportInfo.sni).toBe("a.test");
    expect(asked).toEqual(["a.test"]);
  });

  test("the answer may come at once, or as any thenable", async () => {
    for (const reply of [() => answer, () => Promise.resolve(answer), () => ({ then: (resolve) => resolve(answer) })]) {
      const { server } = asking(reply);
      expect(await shownFor(server, "a.test")).toBe(given.fingerprint);
    }
  });

  test("an exact name in serverCertificates wins over a wildcard, that over certificateFor, that over `cert`", async () => {
    const serverCertificates = { "exact.c.test": { cert: exact.cert, key: exact.key }, "*.c.test": { cert: wild.cert, key: wild.key } };
    const { server, asked } = asking((name) => (name === "a.test" ? answer : null), { ...own, serverCertificates });
    const names = ["exact.c.test", "EXACT.c.test.", "www.c.test", "a.test", "b.test"];
    const shown = [];
    for (const name of names) {
      shown.push(await shownFor(server, name));
    }
    expect(shown).toEqual([exact.fingerprint, exact.fingerprint, wild.fingerprint, given.fingerprint, identity.fingerprint]);
    expect(asked).toEqual(["a.test", "b.test"]);
  });

  test("the name is lower-cased and has no final dot", async () => {
    const { server, asked } = asking(() => answer);
    for (const name of ["WWW.C.Test", "www.c.test.", "xn--nxasmq6b.TEST"]) {
      expect(await shownFor(server, name)).toBe(given.fingerprint);
    }
    expect(asked).toEqual(["www.c.test", "www.c.test", "xn--nxasmq6b.test"]);
  });

  test.each([["null", null], ["undefined", undefined]])("%s means the server's own", async (_, nothing) => {
    const { server, asked } = asking(async () => nothing);
    expect(await shownFor(server, "a.test")).toBe(identity.fingerprint);
    expect(asked).toEqual(["a.test"]);
  });

  test("null without a certificate of its own: the handshake fails", async () => {
    const { server } = asking(async () => null, {});
    const error = await refusal(server);
    expectIsDOMException(error, "NetworkError", "ERR_TLS_NO_CERTIFICATE_FOR_NAME");
    expect(error).toMatchObject({ address: "127.0.0.1", port: expect.any(Number) });
    expect(error.message).toMatch(/certificateFor gave null/);
    expect(error.cause).toBeUndefined();
  });

  test("a client without a name is not asked about: it gets the server's own", async () => {
    const { server, asked } = asking(() => answer);
    expect(await shownFor(server, "")).toBe(identity.fingerprint);
    // A client of ours that connects to an address asks for no name.
    const client = secureClient(server.localPort, { ca: all.ca.cert });
    await once(client, "open");
    expect(sha256(client.secureTransportInfo.peerCertificates[0])).toBe(identity.fingerprint);
    expect(asked).toEqual([]);
  });

  test("without a certificate of its own, a client without a name is refused", async () => {
    const { server, asked } = asking(() => answer, {});
    const error = await refusal(server, "");
    expect(error.code).toBe("ERR_TLS_NO_CERTIFICATE_FOR_NAME");
    expect(error.message).toMatch(/asked for no name/);
    expect(asked).toEqual([]);
  });

  test("an address is no host name: a client that asks for one gets the server's own, and nobody is asked", async () => {
    const { server, asked } = asking(() => answer);
    const peer = await dial(server.localPort);
    const inbox = collect(peer);
    // Over TLS 1.2 the certificate comes in the clear.
    peer.write(await clientHello("127.0.0.1", { maxVersion: "TLSv1.2" }));
    await eventually(() => inbox.bytes().includes(identity.der));
    expect(asked).toEqual([]);
  });

  test.each(["a b.test", "a..test", "-a.test", "../etc", "a.test:443", "\u0000.test", "ä.test", "10.0.0.4:8883"])(
    "%j is no host name: it never reaches certificateFor",
    async (name) => {
      const { server, asked } = asking(() => answer);
      const error = once(server, "error");
      const peer = await dial(server.localPort);
      const inbox = collect(peer);
      peer.write(await clientHello(name, { maxVersion: "TLSv1.2" }));
      // TLS ends it there, as without certificateFor: illegal_parameter (docs/tls.md).
      expect((await error).error.code).toBe("ERR_TLS_PROTOCOL");
      await eventually(() => inbox.bytes().includes(Buffer.from([0x15, 3, 3, 0, 2, 2, 47])));
      expect(asked).toEqual([]);
    },
  );

  test("a hello that comes byte by byte is one question", async () => {
    const { server, asked } = asking(() => answer);
    const peer = await dial(server.localPort);
    const inbox = collect(peer);
    for (const byte of await clientHello("a.test", { maxVersion: "TLSv1.2" })) {
      peer.write(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    await eventually(() => inbox.bytes().includes(given.der));
    expect(asked).toEqual(["a.test"]);
  });

  test("a client that has to say hello once more, for another key exchange, is one question", async () => {
    const { server, asked } = asking(() => answer);
    const connect = once(server, "connect");
    // It offers a share of P-521, which this end does not have. The certificate is on P-256.
    const peer = await dialTLS(server.localPort, { servername: "a.test", ecdhCurve: "P-521:X25519:P-256", minVersion: "TLSv1.3" });
    expect(peer.getPeerCertificate().subject.CN).toBe("a.test");
    expect((await connect).connectedSocket.secureTransportInfo.group).toBe("X25519");
    expect(asked).toEqual(["a.test"]);
  });

  test("a chain, DER, and any kind of key", async () => {
    const rsa = all.issue({ kind: "rsa", dns: ["r.test"], issuer: all.intermediate });
    const { server } = asking(() => ({ cert: [rsa.der, all.intermediate.cert], key: Buffer.from(rsa.key) }), {});
    const peer = await dialTLS(server.localPort, { servername: "r.test", ca: all.ca.cert, rejectUnauthorized: true });
    expect(peer.authorized).toBe(true);
  });

  test("the other options hold: ALPN, client certificates, minVersion", async () => {
    const options = { ...own, alpn: ["x/1"], requestCert: true, ca: all.ca.cert, minVersion: "TLSv1.3" };
    const { server } = asking(() => answer, options);
    const connect = once(server, "connect");
    const { cert, key } = all.client;
    const peer = await dialTLS(server.localPort, { servername: "a.test", ALPNProtocols: ["x/1"], cert, key });
    const { connectedSocket } = await connect;
    expect(connectedSocket.secureTransportInfo).toMatchObject({ alpn: "x/1", authorized: true, protocol: "TLSv1.3", sni: "a.test" });
    peer.destroy();
    expect(await shownFor(server, "a.test", { maxVersion: "TLSv1.2" })).toMatch(REFUSED);
  });

  test.each(versions)("it is asked for a resumed session too, over %s, and may refuse it", async (version) => {
    let reply = answer;
    const { server, asked } = asking(() => reply, {});
    const log = record(server, ["connect"]);
    const options = { servername: "a.test", minVersion: version, maxVersion: version };
    const first = await dialTLS(server.localPort, options);
    collect(first);
    const session = version === "TLSv1.3" ? await once(first, "session") : first.getSession();
    const second = await dialTLS(server.localPort, { ...options, session });
    expect(second.isSessionReused()).toBe(true);
    await log.atLeast(2);
    expect(log.entries.map(({ event }) => event.connectedSocket.secureTransportInfo.resumed)).toEqual([false, true]);
    expect(asked).toEqual(["a.test", "a.test"]);
    reply = null;
    expect(await shownFor(server, "a.test", { ...options, session })).toMatch(REFUSED);
    expect(asked).toHaveLength(3);
  });
});

describe("R-srv-secure: a handshake fails, and never goes on with another certificate", () => {
  /** What a client that was refused has received: an alert, and no certificate. */
  async function received(server) {
    const peer = await dial(server.localPort);
    const inbox = collect(peer);
    const ended = once(peer, "end");
    peer.write(await clientHello("a.test", { maxVersion: "TLSv1.2" }));
    await ended;
    return inbox.bytes();
  }

  const thrown = new Error("the database is down");

  test.each([
    ["a throw", () => { throw thrown; }],
    ["a rejection", () => Promise.reject(thrown)],
    ["a thenable that rejects", () => ({ then: (_, reject) => reject(thrown) })],
  ])("after %s: code, and cause", async (_, reply) => {
    const { server } = asking(reply);
    const log = record(server, ["connect", "error"]);
    const bytes = await received(server);
    expect([bytes[0], bytes.length, bytes.includes(identity.der)]).toEqual([0x15, 7, false]);
    const { event: { error } } = await log.until("error");
    expectIsDOMException(error, "NetworkError", "ERR_TLS_NO_CERTIFICATE_FOR_NAME");
    expect(error.cause).toBe(thrown);
    expect(error).toMatchObject({ address: "127.0.0.1", port: expect.any(Number) });
    expect(error.message).toMatch(/certificateFor\("a\.test"\) failed: the database is down/);
    await settle();
    expect(log.types).toEqual(["error"]);
  });

  test.each([
    ["nothing", undefined, "undefined"],
    ["a string", "down", '"down"'],
    ["an object without a message", Object.create(null), "an object"],
    ["an object whose message throws", { get message() { throw new Error("no"); } }, "an object"],
    ["a Symbol", Symbol("s"), "a Symbol"],
  ])("it may reject with %s", async (_, reason, shown) => {
    const { server } = asking(() => ({ then: (fulfil, reject) => reject(reason) }));
    expect((await refusal(server)).message).toContain(`certificateFor("a.test") failed: ${shown}`);
  });

  const other = all.issue({ dns: ["other.test"] });
  /** `[what, answer, the name of the cause, its message]`. */
  const unusable = [
    ["a number", 42, "TypeError", /must be an object, not 42/],
    ["a string", given.cert, "TypeError", /must be an object/],
    ["true", true, "TypeError", /must be an object/],
    ["an empty object", {}, "TypeError", /\.cert is missing/],
    ["no key", { cert: given.cert }, "TypeError", /\.key is missing/],
    ["an unknown member", { ...answer, certs: "x" }, "TypeError", /has no member "certs": did you mean cert\?/],
    ["a ttl out of range", { ...answer, ttl: -1 }, "TypeError", /\.ttl must be a number from 0 to 4294967295/],
    ["a ttl that is no number", { ...answer, ttl: "soon" }, "TypeError", /\.ttl must be a number/],
    ["a member that throws", { ...answer, get cert() { throw new RangeError("no"); } }, "RangeError", /no/],
    ["no PEM", { cert: "/etc/ssl/cert.pem", key: given.key }, "InvalidAccessError", /certificateFor\("a\.test"\)\.cert/],
    ["an empty list", { cert: [], key: given.key }, "InvalidAccessError", /\.cert/],
    ["another certificate's key", { cert: given.cert, key: other.key }, "InvalidAccessError", /the key does not belong to the certificate/],
  ];

  test.each(unusable)("after an unusable answer: %s", async (_, reply, name, message) => {
    const { server } = asking(async () => reply);
    const log = record(server, ["connect", "error"]);
    const bytes = await received(server);
    expect([bytes[0], bytes.length]).toEqual([0x15, 7]);
    const { event: { error } } = await log.until("error");
    expectIsDOMException(error, "NetworkError", "ERR_TLS_NO_CERTIFICATE_FOR_NAME");
    expect(error.cause.name).toBe(name);
    expect(error.cause.message).toMatch(message);
    await settle();
    expect(log.types).toEqual(["error"]);
  });

  test("the cause has the code of what is wrong with the certificate", async () => {
    const { server } = asking(() => ({ cert: given.cert, key: other.key }));
    expect((await refusal(server)).cause.code).toBe("ERR_TLS_KEY_MISMATCH");
  });

  test("it touches nobody else, and the next client is asked about again", async () => {
    let calls = 0;
    const { server, asked } = asking(() => {
      calls += 1;
      if (calls === 1) {
        throw thrown;
      }
      return answer;
    });
    await refusal(server);
    expect(await shownFor(server, "a.test")).toBe(given.fingerprint);
    expect(asked).toEqual(["a.test", "a.test"]);
  });

  test("a client of ours gets the alert as its error", async () => {
    const { server } = asking(() => { throw thrown; });
    const error = await failure(secureClient(server.localPort, { ca: all.ca.cert, sni: "a.test" }));
    expect(error.code).toBe("ERR_TLS_ALERT");
  });
});

describe("R-srv-secure: one question a name at a time", () => {
  test("concurrent handshakes for one name share it, and its answer", async () => {
    let release;
    const { server, asked } = asking(() => new Promise((resolve) => { release = resolve; }));
    const clients = Array.from({ length: 8 }, () => shownFor(server, "a.test"));
    await eventually(() => release !== undefined);
    const other = shownFor(server, "b.test");
    await eventually(() => asked.length === 2);
    const forB = release;
    // All of them have sent their hellos by now.
    await settle(100);
    expect(asked).toEqual(["a.test", "b.test"]);
    forB(null);
    expect(await other).toBe(identity.fingerprint);
    expect(asked).toEqual(["a.test", "b.test"]);
    server.close();
    await Promise.all(clients);
  });

  test("they all get the answer", async () => {
    const replies = [];
    const { server, asked } = asking(() => new Promise((resolve) => replies.push(resolve)));
    const clients = Array.from({ length: 8 }, () => shownFor(server, "a.test"));
    await eventually(() => replies.length > 0);
    await settle(100);
    // A client that comes later than this is served without a question.
    replies[0]({ ...answer, ttl: 60_000 });
    expect(new Set(await Promise.all(clients))).toEqual(new Set([given.fingerprint]));
    expect(asked).toEqual(["a.test"]);
  });

  test("or all fail, each with the same cause", async () => {
    const replies = [];
    const { server } = asking(() => new Promise((_, reject) => replies.push(reject)));
    const log = record(server, ["error"]);
    const clients = Array.from({ length: 5 }, () => shownFor(server, "a.test"));
    await eventually(() => replies.length > 0);
    await settle(100);
    const reason = new Error("no");
    replies[0](reason);
    for (const one of await Promise.all(clients)) {
      expect(one).toMatch(REFUSED);
    }
    const entries = await log.atLeast(5);
    expect(replies).toHaveLength(1);
    expect(entries.map(({ event }) => event.error.cause)).toEqual(Array(5).fill(reason));
    expect(new Set(entries.map(({ event }) => event.error.port)).size).toBe(5);
  });

  test("an answered question is over: the next handshake asks again", async () => {
    const { server, asked } = asking(async () => answer);
    await shownFor(server, "a.test");
    await shownFor(server, "a.test");
    expect(asked).toEqual(["a.test", "a.test"]);
  });

  test("a slow answer holds nobody up who needs none, or another", async () => {
    const { server, asked } = asking((name) => (name === "a.test" ? new Promise(() => {}) : answer));
    const waiting = dialTLSLater(server.localPort, { servername: "a.test" });
    await eventually(() => asked.length === 1);
    expect(await shownFor(server, "b.test")).toBe(given.fingerprint);
    expect(await shownFor(server, "")).toBe(identity.fingerprint);
    waiting.destroy();
  });
});

describe("R-context", () => {
  test("it runs in the async context of the server, with no `this`", async () => {
    const storage = new AsyncLocalStorage();
    const seen = [];
    function certificateFor() {
      seen.push(storage.getStore(), this);
      return answer;
    }
    const server = storage.run("the server's", () => expendable(track(new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { certificateFor } }))));
    storage.run("the listener's", () => {
      server.onconnect = ({ connectedSocket }) => expendable(connectedSocket);
    });
    expect(await storage.run("the client's", () => shownFor(server, "a.test"))).toBe(given.fingerprint);
    expect(seen).toEqual(["the server's", undefined]);
  });
});

describe("R-shape: the member", () => {
  test.each([["null", null], ["a number", 42], ["a string", "x"], ["a certificate", answer]])("%s is no function", (_, certificateFor) => {
    expect(expectTypeError(() => secureServer({ ...own, certificateFor })).message).toMatch(/secureTransport\.certificateFor must be a function/);
  });

  test("undefined is none: a server without any certificate throws", () => {
    const error = expectDOMException(() => secureServer({ certificateFor: undefined }), "InvalidAccessError", "ERR_TLS_BAD_OPTION");
    expect(error.message).toMatch(/certificateFor/);
  });

  test("a client does nothing with it, as with the other members for servers", async () => {
    const server = acceptingServer(own);
    const certificateFor = () => { throw new Error("asked"); };
    const client = secureClient(server.localPort, { ca: all.ca.cert, sni: "localhost", certificateFor });
    await once(client, "open");
    expect(client.secureTransportInfo.authorized).toBe(true);
  });

  test("ttl in serverCertificates is converted, and has no effect", async () => {
    const server = acceptingServer({ serverCertificates: { "a.test": { ...answer, ttl: 1 } } });
    await settle(10);
    expect(await shownFor(server, "a.test")).toBe(given.fingerprint);
    expectTypeError(() => secureServer({ serverCertificates: { "a.test": { ...answer, ttl: 2 ** 32 } } }));
  });
});
