"use strict";

// R-tls-start: from plain text to TLS, on both sides.

const { TCPSocket, acceptedPair, collect, dial, eventually, listen, once, record, settle, tcp, tcpPair, tcpServer, track, turn } = require("../helpers");
const tls = require("node:tls");
const { authority } = require("../helpers/certificates");
const { dialTLSLater } = require("../helpers/tls");

const all = authority();
const { ca, server: identity, stranger } = all;
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };

/** The peer's side of the upgrade, as a node:tls server over its plain connection. */
function upgradeServer(peer, options = {}) {
  const context = tls.createSecureContext({ cert: identity.cert, key: identity.key });
  const secure = new tls.TLSSocket(peer, { isServer: true, secureContext: context, ...options });
  secure.on("error", () => {});
  return secure;
}

/** A plain client of ours, connected to a node:net server. */
async function outgoing(options) {
  const { socket, peer } = await tcpPair({ options, peer: { pauseOnConnect: true, allowHalfOpen: true } });
  return { socket, peer };
}

test("close() right after startTls(): the promise rejects, and no error fires, whatever the handshake has sent by then (R-tcp-close)", async () => {
  for (let i = 0; i < 150; i++) {
    const { socket, peer } = await tcpPair();
    // It ends when it sees our end.
    peer.resume();
    const log = record(socket, ["error", "close"]);
    const secured = socket.startTls().catch((error) => error);
    if (i % 3 === 1) {
      await turn();
    }
    socket.close();
    expect((await secured).code).toBe("ECONNABORTED");
    await log.until("close");
    expect(log.types).toEqual(["close"]);
  }
});

describe("R-tls-start: a client", () => {
  test("is fulfilled with the info, and what is sent then is encrypted", async () => {
    const { socket, peer } = await outgoing({ secureTransport: "starttls" });
    expect([socket.secureTransport, socket.secureTransportInfo]).toEqual(["starttls", null]);
    const secure = upgradeServer(peer);
    const info = await socket.startTls(trust);
    expect([socket.secureTransport, socket.readyState]).toEqual(["on", "open"]);
    expect(info).toBe(socket.secureTransportInfo);
    expect(info).toMatchObject({ protocol: "TLSv1.3", authorized: true });
    const [inbox, echo] = [collect(secure), collect(socket)];
    socket.send("secret");
    await inbox.until(6);
    secure.write("answer");
    await echo.until(6);
    expect([inbox.text(), echo.text()]).toEqual(["secret", "answer"]);
  });

  test("no open fires, and readyState stays open", async () => {
    const { socket, peer } = await outgoing();
    const log = record(socket, ["open", "error", "close"]);
    upgradeServer(peer);
    const promise = socket.startTls(trust);
    expect(socket.readyState).toBe("open");
    await promise;
    await settle();
    expect(log.types).toEqual([]);
  });

  test("what send() took before leaves in the clear, what it takes after waits for the handshake", async () => {
    const { socket, peer } = await outgoing();
    socket.send("before\n");
    const promise = socket.startTls(trust);
    expect(socket.send("after")).toBe(true);
    expect(socket.bufferedAmount).toBeGreaterThanOrEqual(5);
    // The peer reads exactly the line, then begins TLS with the rest.
    const line = await new Promise((resolve) => {
      peer.on("readable", function take() {
        const data = peer.read(7);
        if (data !== null) {
          peer.off("readable", take);
          resolve(data);
        }
      });
    });
    expect(String(line)).toBe("before\n");
    const inbox = collect(upgradeServer(peer));
    await promise;
    await inbox.until(5);
    expect(inbox.text()).toBe("after");
  });

  test("much that was sent before, Blobs too, leaves in order in the clear first", async () => {
    const { socket, peer } = await outgoing();
    const plain = [Buffer.alloc(300_000, "a"), Buffer.alloc(100_000, "b"), Buffer.alloc(7, "c")];
    socket.send(plain[0]);
    socket.send(new Blob([plain[1]]));
    socket.send(plain[2]);
    const promise = socket.startTls(trust);
    socket.send(new Blob(["after, "]));
    socket.send("in order");
    const total = 400_007;
    const chunks = [];
    let length = 0;
    await new Promise((resolve) => {
      peer.on("readable", function take() {
        for (let data; length < total && (data = peer.read(Math.min(peer.readableLength, total - length) || 1)) !== null; ) {
          chunks.push(data);
          length += data.length;
        }
        if (length === total) {
          peer.off("readable", take);
          resolve();
        }
      });
    });
    expect(Buffer.concat(chunks).equals(Buffer.concat(plain))).toBe(true);
    const inbox = collect(upgradeServer(peer));
    await promise;
    await inbox.until(15);
    expect(inbox.text()).toBe("after, in order");
  });

  test("the promise is fulfilled before any message", async () => {
    const { socket, peer } = await outgoing();
    const seen = [];
    socket.onmessage = () => seen.push("message");
    // Its first record comes in one flight with its part of the handshake.
    upgradeServer(peer).write("at once");
    const promise = socket.startTls(trust).then(() => seen.push("fulfilled"));
    await eventually(() => seen.length === 2);
    await promise;
    expect(seen).toEqual(["fulfilled", "message"]);
  });

  test("neither suspend() nor a missing listener holds it up", async () => {
    const { socket, peer } = await outgoing();
    socket.suspend();
    upgradeServer(peer).write("held back");
    await socket.startTls(trust);
    const inbox = collect(socket);
    await settle();
    expect(inbox.length).toBe(0);
    socket.resume();
    await inbox.until(9);
    expect(inbox.text()).toBe("held back");
  });

  test("verification and the name are those of any client: the address by default, else sni", async () => {
    const named = all.issue({ dns: ["a.test"] });
    const context = tls.createSecureContext({ cert: named.cert, key: named.key });
    const good = await outgoing();
    const secure = upgradeServer(good.peer, { secureContext: context });
    await good.socket.startTls({ ...trust, sni: "a.test" });
    expect(secure.servername).toBe("a.test");
    const bad = await outgoing();
    upgradeServer(bad.peer, { secureContext: context });
    await expect(bad.socket.startTls(trust)).rejects.toMatchObject({ code: "ERR_TLS_NAME_MISMATCH" });
  });
});

describe("R-tls-start: a server", () => {
  test("an accepted socket's end is the TLS server", async () => {
    const { socket, peer } = await acceptedPair({ options: { secureTransport: "starttls" } });
    expect(socket.secureTransport).toBe("starttls");
    const log = record(socket, ["open", "message", "error"]);
    const promise = socket.startTls(own);
    const secure = tls.connect({ socket: peer, ca: ca.cert, servername: "localhost" });
    secure.on("error", () => {});
    await Promise.all([promise, once(secure, "secureConnect")]);
    expect([secure.authorized, socket.secureTransport]).toEqual([true, "on"]);
    secure.write("secret");
    await log.until("message");
    expect(log.types).toEqual(["message"]);
  });

  test("it needs a certificate: InvalidAccessError, as a rejection, and the socket goes on in plain text", async () => {
    const { socket, peer } = await acceptedPair();
    await expect(socket.startTls()).rejects.toMatchObject({ name: "InvalidAccessError" });
    const inbox = collect(peer);
    socket.send("plain");
    await inbox.until(5);
    expect(inbox.text()).toBe("plain");
  });

  test("both ends of this package, STARTTLS and all", async () => {
    const server = tcpServer({ secureTransport: "starttls" });
    server.onconnect = ({ connectedSocket }) => {
      track(connectedSocket).onmessage = async () => {
        // What it says in the clear is out before the handshake.
        connectedSocket.send("220 go ahead\r\n");
        await connectedSocket.startTls(own);
        connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
      };
    };
    const client = tcp("127.0.0.1", server.localPort);
    client.addEventListener("open", () => client.send("STARTTLS\r\n"));
    const { data } = await once(client, "message");
    expect(Buffer.from(data).toString()).toBe("220 go ahead\r\n");
    const info = await client.startTls(trust);
    expect(info.authorized).toBe(true);
    const inbox = collect(client);
    client.send("echo");
    await inbox.until(4);
    expect(inbox.text()).toBe("echo");
  });

  test("its ALPN and client certificates are those of any server", async () => {
    const { socket, peer } = await acceptedPair();
    const promise = socket.startTls({ ...own, alpn: ["smtp"], requestCert: true, ca: ca.cert });
    const { client } = all;
    const secure = tls.connect({ socket: peer, rejectUnauthorized: false, ALPNProtocols: ["smtp"], cert: client.cert, key: client.key });
    secure.on("error", () => {});
    const info = await promise;
    expect([info.alpn, info.authorized, info.peerCertificates.length]).toEqual(["smtp", true, 1]);
  });
});

describe("R-tls-start: plain text slipped in before the handshake", () => {
  // CVE-2011-0411 and its kin: what an attacker sends behind STARTTLS must never be taken for what came through TLS.
  test("a server: it makes the handshake fail, and no message fires for it", async () => {
    const { socket, peer } = await acceptedPair();
    const log = record(socket, ["message", "error", "close"]);
    peer.write("STARTTLS\r\n");
    await log.until("message");
    peer.write("RCPT TO:<attacker@evil.test>\r\n");
    const promise = socket.startTls(own);
    const secure = tls.connect({ socket: peer, rejectUnauthorized: false });
    secure.on("error", () => {});
    await expect(promise).rejects.toMatchObject({ name: "NetworkError", code: expect.stringMatching(/^ERR_TLS_(NOT_TLS|PROTOCOL)$/) });
    await log.until("close");
    expect(log.types).toEqual(["message", "error", "close"]);
    expect(log.entries[1].event.error.code).toMatch(/^ERR_TLS_/);
  });

  test("a server: also where it came in one segment with the command, and is not yet delivered", async () => {
    const { socket, peer } = await acceptedPair();
    socket.suspend();
    peer.write("injected: NOOP\r\n");
    await settle();
    const seen = [];
    socket.addEventListener("message", ({ data }) => seen.push(Buffer.from(data).toString()));
    const promise = socket.startTls(own);
    tls.connect({ socket: peer, rejectUnauthorized: false }).on("error", () => {});
    await expect(promise).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_TLS_/) });
    socket.resume();
    await settle();
    expect(seen).toEqual([]);
    expect(socket.readyState).toBe("closed");
  });

  test.each(["suspended", "without a listener"])("a client, %s: an injected answer makes the handshake fail, and never fires message", async (how) => {
    const { socket, peer } = await outgoing();
    const log = record(socket, how === "suspended" ? ["message", "error", "close"] : ["error", "close"]);
    if (how === "suspended") {
      socket.suspend();
    }
    peer.write("220 ready\r\n250 injected\r\n");
    await settle();
    const promise = socket.startTls(trust);
    upgradeServer(peer);
    await expect(promise).rejects.toMatchObject({ code: "ERR_TLS_NOT_TLS" });
    const seen = record(socket, ["message"]);
    socket.resume();
    await log.until("close");
    await settle();
    expect([log.types, seen.types]).toEqual([["error", "close"], []]);
  });

  test("what looks like the beginning of a record does not pass either", async () => {
    const { socket, peer } = await acceptedPair();
    const log = record(socket, ["message", "error", "close"]);
    const promise = socket.startTls(own);
    // An application data record in the clear, then an honest ClientHello.
    peer.write(Buffer.from([0x17, 0x03, 0x03, 0x00, 0x05, 1, 2, 3, 4, 5]));
    tls.connect({ socket: peer, rejectUnauthorized: false }).on("error", () => {});
    await expect(promise).rejects.toMatchObject({ code: "ERR_TLS_PROTOCOL" });
    await log.until("close");
    expect(log.count("message")).toBe(0);
  });

  test("what honestly came early, the client's handshake itself, belongs to the handshake", async () => {
    const { socket, peer } = await acceptedPair();
    // Nobody listens yet, and the client does not wait to be told.
    const secure = tls.connect({ socket: peer, rejectUnauthorized: false });
    secure.on("error", () => {});
    await settle();
    const seen = [];
    socket.addEventListener("message", ({ data }) => seen.push(Buffer.from(data).toString()));
    await socket.startTls(own);
    secure.write("through TLS");
    await eventually(() => seen.join("") === "through TLS");
  });
});

describe("R-tls-start: a handshake that fails is a lost connection", () => {
  test("a refused certificate: error, close, and the rejection is the same exception", async () => {
    const { socket, peer } = await outgoing();
    const log = record(socket, ["error", "close", "message"]);
    upgradeServer(peer);
    const reason = await socket.startTls({ ca: stranger.cert }).catch((error) => error);
    expect(reason).toMatchObject({ name: "NetworkError", code: "ERR_TLS_UNKNOWN_ISSUER" });
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error).toBe(reason);
    expect([socket.readyState, socket.secureTransport, socket.secureTransportInfo]).toEqual(["closed", "off", null]);
  });

  test("a silent peer: not done after connectTimeout, ERR_TLS_HANDSHAKE_TIMEOUT", async () => {
    const { socket } = await outgoing({ connectTimeout: 150 });
    const log = record(socket, ["error", "close"]);
    socket.send("left unsent?");
    await expect(socket.startTls(trust)).rejects.toMatchObject({ name: "NetworkError", code: "ERR_TLS_HANDSHAKE_TIMEOUT" });
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
  });

  test("a client that stalls in the middle, at a server", async () => {
    const { socket, peer } = await acceptedPair();
    const promise = socket.startTls({ ...own });
    peer.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00]));
    await settle();
    peer.end();
    await expect(promise).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_TLS_/) });
  });

  test("the peer ends in the middle: ERR_TLS_HANDSHAKE_ENDED", async () => {
    const { socket, peer } = await outgoing();
    const promise = socket.startTls(trust);
    peer.end();
    await expect(promise).rejects.toMatchObject({ code: "ERR_TLS_HANDSHAKE_ENDED" });
  });

  test("a reset in the middle stays ECONNRESET", async () => {
    const { socket, peer } = await outgoing();
    const promise = socket.startTls(trust);
    await turn();
    peer.resetAndDestroy();
    await expect(promise).rejects.toMatchObject({ code: "ECONNRESET" });
    await eventually(() => socket.readyState === "closed");
  });

  test("a reset that came before the call, while unread bytes hold its event back, rejects as one that comes later", async () => {
    const { socket, peer } = await outgoing();
    socket.suspend();
    peer.write("unread");
    await settle();
    peer.resetAndDestroy();
    await settle();
    const log = record(socket, ["message", "error", "close"]);
    expect(socket.readyState).toBe("open");
    const reason = await socket.startTls(trust).catch((error) => error);
    expect([reason.name, reason.code]).toEqual(["NetworkError", "ECONNRESET"]);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error).toBe(reason);
  });

  test("the peer speaks plain text: ERR_TLS_NOT_TLS shows what it said", async () => {
    const { socket, peer } = await outgoing();
    const promise = socket.startTls(trust);
    peer.write("500 what do you mean?\r\n");
    const error = await promise.catch((reason) => reason);
    expect(error.code).toBe("ERR_TLS_NOT_TLS");
    expect(error.message).toContain("500 what");
  });

  test("close() and reset() meanwhile: the promise rejects, and nothing hangs", async () => {
    for (const end of ["close", "reset"]) {
      // close() may wait for the handshake, for what was sent is to leave: connectTimeout bounds it.
      const { socket } = await outgoing({ connectTimeout: 300 });
      const promise = socket.startTls(trust);
      const closed = once(socket, "close");
      socket[end]();
      await expect(promise).rejects.toMatchObject({ name: expect.stringMatching(/NetworkError|InvalidStateError|AbortError/) });
      await closed;
    }
  });

  test("a rejection that nobody handles is still one, and the error event tells of it", async () => {
    const { socket, peer } = await outgoing();
    const error = once(socket, "error");
    socket.startTls(trust).catch(() => {});
    peer.end("nonsense that is long enough to be seen\r\n");
    expect((await error).error.code).toBe("ERR_TLS_NOT_TLS");
  });
});

describe("R-tls-start: when it is allowed", () => {
  const invalidState = { name: "InvalidStateError" };

  test("once: a second call, under way and afterwards, rejects with InvalidStateError and harms nothing", async () => {
    const { socket, peer } = await outgoing();
    const secure = upgradeServer(peer);
    const promise = socket.startTls(trust);
    await expect(socket.startTls(trust)).rejects.toMatchObject(invalidState);
    await promise;
    await expect(socket.startTls(trust)).rejects.toMatchObject(invalidState);
    const inbox = collect(secure);
    socket.send("well");
    await inbox.until(4);
  });

  test("not while connecting, halfclosed, closing or closed", async () => {
    const server = await listen();
    const connecting = tcp("127.0.0.1", server.port);
    await expect(connecting.startTls(trust)).rejects.toMatchObject(invalidState);
    await once(connecting, "open");
    connecting.halfclose();
    await expect(connecting.startTls(trust)).rejects.toMatchObject(invalidState);
    connecting.close();
    await expect(connecting.startTls(trust)).rejects.toMatchObject(invalidState);
    connecting.reset();
    await expect(connecting.startTls(trust)).rejects.toMatchObject(invalidState);
  });

  test("not on a socket that has TLS from the start", async () => {
    const server = tcpServer({ secureTransport: own });
    const connect = once(server, "connect");
    const socket = tcp("127.0.0.1", server.localPort, { secureTransport: trust });
    const [{ connectedSocket }] = await Promise.all([connect, once(socket, "open")]);
    await expect(socket.startTls(trust)).rejects.toMatchObject(invalidState);
    await expect(track(connectedSocket).startTls(own)).rejects.toMatchObject(invalidState);
  });

  test("a wrong receiver rejects with TypeError: a member of Promise type never throws (R-shape)", async () => {
    const { value } = Object.getOwnPropertyDescriptor(TCPSocket.prototype, "startTls");
    expect([value.length, value.name]).toEqual([0, "startTls"]);
    const promise = value.call({});
    await expect(promise).rejects.toMatchObject({ name: "TypeError" });
  });

  test('it works on a socket for which nothing, "off" or "starttls" was asked', async () => {
    for (const options of [{}, { secureTransport: "off" }, { secureTransport: "starttls" }, { useSecureTransport: false }]) {
      const { socket, peer } = await outgoing(options);
      upgradeServer(peer);
      await socket.startTls(trust);
      expect(socket.secureTransport).toBe("on");
    }
  });

  test("halfclose() after it: what was sent is out, then close_notify and FIN, once the handshake is done", async () => {
    const { socket, peer } = await outgoing();
    const promise = socket.startTls(trust);
    socket.send("last words");
    socket.halfclose();
    const secure = upgradeServer(peer);
    const inbox = collect(secure);
    await Promise.all([promise.catch(() => {}), inbox.end()]);
    expect(inbox.text()).toBe("last words");
  });
});

describe("R-tls-start: peers of node:tls over a proxy's connection", () => {
  test("a tls.connect({ socket }) client and a TCPServerSocket's accepted socket, ten at once", async () => {
    const server = tcpServer();
    server.onconnect = async ({ connectedSocket }) => {
      await track(connectedSocket).startTls(own);
      connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
    };
    await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const secure = dialTLSLater(0, { host: undefined, port: undefined, socket: await dial(server.localPort) });
        const inbox = collect(secure);
        secure.write(`number ${i}`);
        await inbox.until(8);
        expect(inbox.text()).toBe(`number ${i}`);
      }),
    );
  });
});
