"use strict";

// once() over TLS, where it differs: the handshake, close_notify, startTls() (R-once).

const { ROOT, dial, listen, tcp, text, track } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { listenTLS, secureBoth, secureClient, securePair } = require("../helpers/tls");
const { failed } = require("./failed");
const { once } = require(ROOT);

const { ca, server: identity } = authority();
const trusting = { ca: ca.cert, sni: "localhost" };

describe("once() over TLS (R-once, R-tls-end)", () => {
  test("open comes after the handshake; a certificate that is not trusted rejects with its exception", async () => {
    const { socket, server } = await securePair({ identity, secureTransport: trusting });
    expect(await failed(once(socket, "open"))).toMatchObject({ name: "InvalidStateError", code: 11 });
    const good = secureClient(server.port, trusting);
    await once(good, "open");
    expect(good.secureTransport).toBe("on");
    const bad = secureClient(server.port, { sni: "localhost" });
    expect(await failed(once(bad, "open"))).toMatchObject({ name: "NetworkError", code: "ERR_TLS_UNKNOWN_ISSUER" });
  });

  test("message and drain; the peer's close_notify ends a wait for message", async () => {
    const { accepted, client } = await secureBoth({ server: { cert: identity.chain, key: identity.key }, client: trusting });
    const wait = once(client, "message");
    accepted.send("in private");
    expect(text((await wait).data)).toBe("in private");
    accepted.onmessage = () => {};
    expect(client.send(new Uint8Array(1 << 20))).toBe(false);
    await once(client, "drain");
    const end = failed(once(client, "message"));
    accepted.close();
    expect(await end).toMatchObject({ name: "InvalidStateError", code: 11 });
  });

  test("a FIN without close_notify is a loss", async () => {
    const server = await listenTLS({ cert: identity.chain, key: identity.key });
    // A relay before it, which ends the connection where TLS does not.
    const relay = await listen({ allowHalfOpen: true });
    const socket = secureClient(relay.port, trusting);
    const front = await relay.next();
    const back = await dial(server.port);
    front.on("data", (data) => back.write(data));
    back.on("data", (data) => front.write(data));
    await once(socket, "open");
    const [wait, close] = [failed(once(socket, "message")), once(socket, "close")];
    front.end();
    expect(await wait).toMatchObject({ name: "NetworkError", code: "ERR_TLS_TRUNCATED" });
    await close;
  });

  test("a wait for message lasts through startTls(), and a handshake that fails ends it (R-tls-start)", async () => {
    const plain = await listen();
    const socket = tcp("127.0.0.1", plain.port, { secureTransport: "starttls" });
    await once(socket, "open");
    const peer = await plain.next();
    const [wait, close] = [failed(once(socket, "message")), once(socket, "close")];
    const secured = failed(socket.startTls(trusting));
    peer.write("this is no TLS\r\n");
    const error = await wait;
    expect(error).toBe(await secured);
    expect(error).toMatchObject({ name: "NetworkError", code: expect.stringMatching(/^ERR_TLS_/) });
    await close;
  });

  test("and gets what comes after the handshake", async () => {
    const { TCPServerSocket } = require(ROOT);
    const server = track(new TCPServerSocket({ localAddress: "127.0.0.1" }));
    const connect = once(server, "connect");
    const socket = tcp("127.0.0.1", server.localPort, { secureTransport: "starttls" });
    await once(socket, "open");
    const peer = track((await connect).connectedSocket);
    const wait = once(socket, "message");
    await Promise.all([socket.startTls(trusting), peer.startTls({ cert: identity.chain, key: identity.key })]);
    peer.send("secret");
    expect(text((await wait).data)).toBe("secret");
  });
});
