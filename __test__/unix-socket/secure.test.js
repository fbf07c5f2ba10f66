"use strict";

// TLS over Unix sockets where the path matters, or TCP's tests do not reach: the name that is verified, resumption, time limits, ends and relays.

const { X509Certificate } = require("node:crypto");
const tls = require("node:tls");
const {
  acceptedPair, collect, expectDOMException, expectIsDOMException, expectTypeError, expendable, keep, once, pattern, record, settle, text, track,
} = require("../helpers");
const { authority } = require("../helpers/certificates");
const { ROOT } = require("../helpers/sockets");
const { opened } = require("../helpers/tls");
const { UnixSocket, acceptedUnixPair, dialPath, socketPath, unix, unixPair, unixServer, unixTest } = require("../helpers/unix");

const { relay } = require(ROOT);
const all = authority();
const own = { cert: all.server.cert, key: all.server.key };
/** A path is no name that a certificate could have, so a client says whom it expects. */
const trust = { ca: all.ca.cert, sni: "localhost" };

/** A server with TLS whose connections are served by `serve`. */
function serving(secureTransport, serve = () => {}, options = {}) {
  const server = expendable(unixServer({ secureTransport, ...options }));
  server.onconnect = ({ connectedSocket }) => serve(track(expendable(connectedSocket)));
  return server;
}

/** The error with which a handshake of a client fails. */
async function failureOf(where, secureTransport, options) {
  const log = record(expendable(new UnixSocket(where, { secureTransport, ...options })), ["open", "error", "close"]);
  const { event } = await log.until("error");
  expect(log.types).toEqual(["error"]);
  return event.error;
}

describe("whom a client verifies (R-unix: TLS clients need sni unless verification is off)", () => {
  unixTest("without sni the constructor throws, and connects to nobody", async () => {
    const server = serving(own);
    const log = record(server, ["connect", "error"]);
    for (const secureTransport of ["on", { ca: all.ca.cert }, { ca: all.ca.cert, sni: undefined }]) {
      const { message } = expectDOMException(() => unix(server.localPath, { secureTransport }), "InvalidAccessError", "ERR_TLS_BAD_OPTION");
      expect(message).toContain("sni");
    }
    expectTypeError(() => unix(server.localPath, { secureTransport: { ...trust, servername: "localhost" } }));
    await settle();
    expect(log.types).toEqual([]);
  });

  unixTest("without sni startTls() rejects, and the socket stays open", async () => {
    const { socket } = await unixPair({ options: { secureTransport: "starttls" } });
    const error = await socket.startTls({ ca: all.ca.cert }).catch((reason) => reason);
    expectIsDOMException(error, "InvalidAccessError");
    expect(error.message).toContain("sni");
    expect(socket.readyState).toBe("open");
  });

  unixTest("with verification off no sni is needed", async () => {
    const server = serving(own);
    const socket = unix(server.localPath, { secureTransport: { rejectUnauthorized: false } });
    await opened(socket);
    expect(socket.secureTransportInfo).toMatchObject({ authorized: false });
  });

  unixTest("a pin is checked, and the error names the path", async () => {
    const server = serving(own);
    const { fingerprint256 } = new X509Certificate(own.cert);
    const socket = unix(server.localPath, { secureTransport: { ...trust, pinnedCertificates: [fingerprint256] } });
    await opened(socket);
    const error = await failureOf(server.localPath, { ...trust, pinnedCertificates: ["00".repeat(32)] });
    expectIsDOMException(error, "NetworkError", "ERR_TLS_PIN_MISMATCH");
    expect([error.address, error.port]).toEqual([server.localPath, undefined]);
  });

  unixTest("a server that asks for a client's certificate gets it, and refuses who has none", async () => {
    const infos = [];
    const server = serving({ ...own, requestCert: true, ca: all.ca.cert }, (socket) => infos.push(socket.secureTransportInfo));
    const client = unix(server.localPath, { secureTransport: { ...trust, cert: all.client.cert, key: all.client.key } });
    await Promise.all([once(server, "connect"), opened(client)]);
    expect(infos).toEqual([expect.objectContaining({ authorized: true })]);
    const refused = once(server, "error");
    const stranger = expendable(unix(server.localPath, { secureTransport: trust }));
    const { error } = await refused;
    expectIsDOMException(error, "NetworkError");
    expect(error.code).toMatch(/^ERR_TLS_/);
    // An unnamed client has no address.
    expect([error.address, error.port]).toEqual([undefined, undefined]);
    stranger.reset();
  });
});

unixTest("a session is resumed under the same path alone (R-tls-verify)", async () => {
  const paths = [socketPath(), socketPath()];
  paths.forEach((path) => serving(own, (socket) => socket.send("hi"), { path }));
  const visit = async (path) => {
    const socket = unix(path, { secureTransport: trust });
    const inbox = collect(socket);
    await opened(socket);
    // The ticket comes before the server's word.
    await inbox.until(2);
    socket.reset();
    return socket.secureTransportInfo.resumed;
  };
  expect(await visit(paths[0])).toBe(false);
  expect(await visit(paths[0])).toBe(true);
  expect(await visit(paths[1])).toBe(false);
  expect(await visit(paths[1])).toBe(true);
});

describe("limits of time", () => {
  unixTest("handshakeTimeout: a silent client is one error of the server, and others are served meanwhile (R-srv-error)", async () => {
    const server = serving(own, () => {}, { handshakeTimeout: 100 });
    const log = record(server, ["connect", "error"]);
    const silent = await dialPath(server.localPath);
    const gone = once(silent, "close");
    silent.resume();
    await opened(unix(server.localPath, { secureTransport: trust }));
    const { event } = await log.until("error");
    expectIsDOMException(event.error, "NetworkError", "ERR_TLS_HANDSHAKE_TIMEOUT");
    await gone;
    expect(log.types).toEqual(["connect", "error"]);
  });

  unixTest("connectTimeout covers the handshake: a silent server is ETIMEDOUT (R-tcp-secure-open)", async () => {
    const server = unixServer();
    server.onconnect = ({ connectedSocket }) => track(connectedSocket);
    const error = await failureOf(server.localPath, trust, { connectTimeout: 100 });
    expectIsDOMException(error, "NetworkError", "ETIMEDOUT");
    expect(error.address).toBe(server.localPath);
  });
});

unixTest("setSecureContext(): the next connection has the new certificate, those that are open keep theirs", async () => {
  const next = all.issue({ dns: ["localhost"] });
  const server = serving(own, (socket) => socket.send("hi"));
  const certificateOf = async () => {
    const socket = unix(server.localPath, { secureTransport: { ...trust, minVersion: "TLSv1.3" } });
    await opened(socket);
    return { socket, certificate: socket.secureTransportInfo.peerCertificates[0] };
  };
  const first = await certificateOf();
  server.setSecureContext({ cert: next.cert, key: next.key });
  const second = await certificateOf();
  expect(Buffer.compare(Buffer.from(second.certificate), Buffer.from(first.certificate))).not.toBe(0);
  const word = once(first.socket, "message");
  expect(text((await word).data)).toBe("hi");
  expectDOMException(() => unixServer().setSecureContext(own), "InvalidStateError");
});

unixTest("an end without close_notify is ERR_TLS_TRUNCATED, and what came before is delivered (R-tls-end)", async () => {
  const { socket, peer } = await acceptedUnixPair({ options: { secureTransport: "starttls" } });
  const log = record(socket, ["message", "halfclose", "error", "close"]);
  const secured = keep(tls.connect({ socket: peer, ca: all.ca.cert, servername: "localhost" }));
  await Promise.all([socket.startTls(own), once(secured, "secureConnect")]);
  await new Promise((resolve) => {
    secured.write("cut", resolve);
  });
  await log.until("message");
  // Below TLS: node:tls says nothing of it.
  peer.destroy();
  await log.until("close");
  expect(log.types).toEqual(["message", "error", "close"]);
  expectIsDOMException(log.entries[1].event.error, "NetworkError", "ERR_TLS_TRUNCATED");
});

for (const [kind, plain] of [["Unix", acceptedUnixPair], ["TCP", acceptedPair]]) {
  unixTest(`relay() of a Unix socket with TLS and a plain ${kind} socket: held bytes first, both ends pass on (R-relay)`, async () => {
    const server = expendable(unixServer({ secureTransport: own }));
    const accepted = once(server, "connect");
    const client = unix(server.localPath, { secureTransport: trust });
    const [a, b] = [track((await Promise.all([accepted, opened(client)]))[0].connectedSocket), await plain({ peer: { allowHalfOpen: true } })];
    // Nobody listens at either socket: what arrives is held, or stays in the system.
    client.send("held ");
    b.peer.write("early ");
    await settle();
    const inbox = collect(client);
    const received = collect(b.peer);
    const result = relay(a, b.socket);
    const bytes = pattern(1 << 20);
    client.send(bytes);
    client.halfclose();
    b.peer.end("later");
    expect(await result).toEqual({ bytesToA: 11, bytesToB: 5 + bytes.length });
    await received.until(5 + bytes.length);
    expect(received.bytes().equals(Buffer.concat([Buffer.from("held "), Buffer.from(bytes)]))).toBe(true);
    await inbox.until(11);
    expect(inbox.text()).toBe("early later");
  });
}
