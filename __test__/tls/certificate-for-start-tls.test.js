"use strict";

// certificateFor of startTls() on an accepted socket, and of a server at a path (R-srv-secure, R-tls-start).

const { AsyncLocalStorage } = require("node:async_hooks");
const tls = require("node:tls");
const { acceptedPair, collect, dial, eventually, expectIsDOMException, once, record, settle, sha256, tcpPair, tcpServer, track } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { clientHello } = require("../helpers/client-hello");
const { socketPath, unix, unixServer, unixTest } = require("../helpers/unix");

const all = authority();
const { server: identity } = all;
const own = { cert: identity.cert, key: identity.key };
const given = all.issue({ dns: ["a.test"] });
const answer = { cert: given.cert, key: given.key };
const fingerprint = (peer) => peer.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase();

/** A node:tls client over this plain connection. */
function upgrade(peer, servername = "a.test") {
  const secure = tls.connect({ socket: peer, servername, rejectUnauthorized: false });
  secure.on("error", () => {});
  return secure;
}

describe("R-srv-secure: startTls() on an accepted socket", () => {
  test("asks its certificateFor, with only that, and fulfils with the info", async () => {
    const { socket, peer } = await acceptedPair();
    const asked = [];
    const promise = socket.startTls({
      async certificateFor(name) {
        asked.push(name, this);
        return answer;
      },
    });
    const secure = upgrade(peer, "A.test");
    expect(await promise).toMatchObject({ sni: "a.test", resumed: false });
    if (secure.getPeerCertificate().fingerprint256 === undefined) {
      await once(secure, "secureConnect");
    }
    expect(fingerprint(secure)).toBe(given.fingerprint);
    expect(asked).toEqual(["a.test", undefined]);
    const inbox = collect(secure);
    socket.send("welcome");
    await inbox.until(7);
  });

  test("null means the options' own; a client without a name is not asked about", async () => {
    for (const [servername, calls] of [["a.test", 1], ["", 0]]) {
      const { socket, peer } = await acceptedPair();
      let count = 0;
      const promise = socket.startTls({ ...own, certificateFor: () => { count += 1; return null; } });
      const secure = upgrade(peer, servername);
      await Promise.all([promise, once(secure, "secureConnect")]);
      expect([fingerprint(secure), count]).toEqual([identity.fingerprint, calls]);
    }
  });

  test("an answer with a ttl is not kept: each startTls() asks", async () => {
    let count = 0;
    const certificateFor = () => { count += 1; return { ...answer, ttl: 600_000 }; };
    for (let round = 1; round <= 2; round++) {
      const { socket, peer } = await acceptedPair();
      const promise = socket.startTls({ certificateFor });
      upgrade(peer);
      await promise;
      expect(count).toBe(round);
    }
  });

  test.each([
    ["a rejection", () => Promise.reject(new RangeError("none")), "RangeError", /failed: none/],
    ["a throw", () => { throw new RangeError("none"); }, "RangeError", /failed: none/],
    ["garbage", () => 42, "TypeError", /must be an object/],
    ["another key", () => ({ ...answer, key: own.key }), "InvalidAccessError", /does not belong/],
  ])("after %s the connection is lost; the promise and `error` have the cause", async (_, certificateFor, name, message) => {
    const { socket, peer } = await acceptedPair();
    const log = record(socket, ["error", "close"]);
    const promise = socket.startTls({ ...own, certificateFor });
    const inbox = collect(peer);
    peer.write(await clientHello("a.test"));
    const error = await promise.catch((reason) => reason);
    expectIsDOMException(error, "NetworkError", "ERR_TLS_NO_CERTIFICATE_FOR_NAME");
    expect(error.message).toMatch(message);
    expect(error.cause.name).toBe(name);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error).toBe(error);
    await eventually(() => inbox.bytes().length === 7);
    expect(inbox.bytes()[0]).toBe(0x15);
  });

  test("null without a certificate of its own", async () => {
    const { socket, peer } = await acceptedPair();
    record(socket, ["error"]);
    const promise = socket.startTls({ certificateFor: () => null });
    upgrade(peer);
    await expect(promise).rejects.toMatchObject({ code: "ERR_TLS_NO_CERTIFICATE_FOR_NAME" });
  });

  /** An accepted socket whose startTls() has asked, and gets no answer. */
  async function waiting() {
    const { socket, peer } = await acceptedPair();
    const log = record(socket, ["error", "close", "message"]);
    const questions = [];
    const promise = socket.startTls({ ...own, certificateFor: () => new Promise((resolve) => questions.push(resolve)) });
    const outcome = promise.catch((reason) => reason);
    const inbox = collect(peer);
    peer.on("error", () => {});
    peer.write(await clientHello("a.test"));
    await eventually(() => questions.length === 1);
    return { socket, peer, log, outcome, inbox, late: () => questions[0](answer) };
  }

  test("close() while the question is open ends it in order, and a late answer is ignored", async () => {
    const { socket, peer, log, outcome, inbox, late } = await waiting();
    const ended = once(peer, "end");
    socket.close();
    await ended;
    peer.end();
    expect(await outcome).toMatchObject({ name: "NetworkError", code: "ECONNABORTED" });
    await log.until("close");
    late();
    await settle();
    expect([log.types, inbox.bytes().length]).toEqual([["close"], 0]);
  });

  test("reset() while the question is open", async () => {
    const { socket, peer, log, outcome, late } = await waiting();
    const reset = once(peer, "error");
    socket.reset();
    expect((await reset).code).toBe("ECONNRESET");
    expect(await outcome).toMatchObject({ code: "ECONNABORTED" });
    late();
    await settle();
    expect(log.types).toEqual(["close"]);
  });

  test("the peer's reset while the question is open", async () => {
    const { peer, log, outcome, late } = await waiting();
    peer.resetAndDestroy();
    expect(await outcome).toMatchObject({ name: "NetworkError", code: "ECONNRESET" });
    await log.until("close");
    late();
    await settle();
    expect(log.types).toEqual(["error", "close"]);
  });

  test("neither suspend() nor a missing listener holds the question up", async () => {
    const { socket, peer } = await acceptedPair();
    socket.suspend();
    const promise = socket.startTls({ certificateFor: () => answer });
    upgrade(peer);
    expect((await promise).sni).toBe("a.test");
  });

  test("a hello that came before startTls() was called belongs to it", async () => {
    const { socket, peer } = await acceptedPair();
    peer.write(await clientHello("a.test", { maxVersion: "TLSv1.2" }));
    const inbox = collect(peer);
    await settle();
    const promise = socket.startTls({ certificateFor: () => answer });
    promise.catch(() => {});
    record(socket, ["error"]);
    await eventually(() => inbox.bytes().includes(given.der));
  });

  test("it runs in the async context of the server (R-context)", async () => {
    const storage = new AsyncLocalStorage();
    let seen;
    const server = storage.run("the server's", () => tcpServer());
    const connect = once(server, "connect");
    const peer = await dial(server.localPort);
    const socket = track((await connect).connectedSocket);
    const promise = storage.run("another", () => socket.startTls({ certificateFor: () => { seen = storage.getStore(); return answer; } }));
    upgrade(peer);
    await promise;
    expect(seen).toBe("the server's");
  });

  test("on a client it does nothing, as the other members for servers", async () => {
    const { socket, peer } = await tcpPair({ peer: { pauseOnConnect: true } });
    const context = tls.createSecureContext(own);
    new tls.TLSSocket(peer, { isServer: true, secureContext: context }).on("error", () => {});
    const certificateFor = () => { throw new Error("asked"); };
    expect((await socket.startTls({ ca: all.ca.cert, certificateFor })).authorized).toBe(true);
  });
});

describe("R-unix", () => {
  unixTest("a server at a path asks, too", async () => {
    const asked = [];
    const server = unixServer({ path: socketPath(), secureTransport: { certificateFor: (name) => { asked.push(name); return answer; } } });
    const connect = once(server, "connect");
    const client = unix(server.localPath, { secureTransport: { ca: all.ca.cert, sni: "a.test" } });
    await Promise.all([connect, once(client, "open")]);
    track((await connect).connectedSocket);
    expect(sha256(client.secureTransportInfo.peerCertificates[0])).toBe(given.fingerprint);
    expect(asked).toEqual(["a.test"]);
  });
});
