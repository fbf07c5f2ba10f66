"use strict";

// TLS over Unix sockets, with node:tls and openssl at the other end.

const tls = require("node:tls");
const { collect, expectIsDOMException, expendable, keep, once, record, track } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { defer } = require("../helpers/cleanup");
const { exchange } = require("../helpers/exchange");
const { launch, testWith } = require("../helpers/programs");
const { folder, opened } = require("../helpers/tls");
const { UnixSocket, acceptedUnixPair, obstacle, socketPath, unix, unixPair, unixServer, unixTest } = require("../helpers/unix");

const { ca, server: identity, client: clientIdentity, stranger } = authority();
const own = { cert: identity.cert, key: identity.key };
/** A path is no name that a certificate could have, so a client says whom it expects. */
const trust = { ca: ca.cert, sni: "localhost" };

const withOpenssl = obstacle ? unixTest : testWith("openssl");
const VERSIONS = [["TLSv1.2", "-tls1_2"], ["TLSv1.3", "-tls1_3"]];

/** A node:tls server at a new path. `secured()` is the next connection whose handshake is done. */
async function tlsServer(options) {
  const server = tls.createServer({ cert: identity.chain, key: identity.key, allowHalfOpen: true, ...options });
  const where = socketPath();
  server.on("connection", keep);
  server.listen(where);
  await once(server, "listening");
  defer(() => new Promise((resolve) => server.close(resolve)));
  return { path: where, secured: () => once(server, "secureConnection").then(keep) };
}

/** A server of ours with TLS at a new path, and its next connection. */
function ourServer(secureTransport, options) {
  const server = expendable(unixServer({ secureTransport, ...options }));
  return { server, accepted: once(server, "connect").then(({ connectedSocket }) => track(connectedSocket)) };
}

describe("TLS over Unix sockets with node:tls", () => {
  for (const [version] of VERSIONS) {
    unixTest(`${version}: our client, their server: random sizes both ways, by checksum`, async () => {
      const { path, secured } = await tlsServer({ maxVersion: version, ALPNProtocols: ["beta"] });
      const socket = unix(path, { secureTransport: { ...trust, alpn: ["alpha", "beta"] } });
      const [peer] = await Promise.all([secured(), opened(socket)]);
      expect(socket.secureTransportInfo).toMatchObject({ protocol: version, authorized: true, alpn: "beta" });
      expect(socket.remotePath).toBe(path);
      expect(peer.servername).toBe("localhost");
      await exchange(socket, peer, 41, { count: 100 });
    });

    unixTest(`${version}: their client, our server: random sizes both ways, by checksum`, async () => {
      const { server, accepted } = ourServer({ ...own, ca: ca.cert, requestCert: true });
      const client = { cert: clientIdentity.cert, key: clientIdentity.key };
      const peer = keep(tls.connect({ path: server.localPath, ca: ca.cert, servername: "localhost", maxVersion: version, allowHalfOpen: true, ...client }));
      const [socket] = await Promise.all([accepted, once(peer, "secureConnect")]);
      expect(socket.secureTransportInfo).toMatchObject({ protocol: version, authorized: true });
      expect(socket.peerCredentials).toMatchObject({ pid: process.pid });
      expect(peer.authorized).toBe(true);
      await exchange(socket, peer, 42, { count: 100 });
    });
  }

  unixTest("a certificate for another name, and one of another authority, are refused; the error names the path", async () => {
    const cases = [
      [{ ca: ca.cert, sni: "other.test" }, "ERR_TLS_NAME_MISMATCH"],
      [{ ca: stranger.cert, sni: "localhost" }, "ERR_TLS_UNKNOWN_ISSUER"],
    ];
    for (const [secureTransport, code] of cases) {
      const { path } = await tlsServer({});
      const socket = expendable(new UnixSocket(path, { secureTransport }));
      const log = record(socket, ["open", "error", "close"]);
      const { event } = await log.until("error");
      expectIsDOMException(event.error, "NetworkError", code);
      expect(event.error.address).toBe(path);
      expect(log.types).toEqual(["error"]);
    }
  });

  unixTest("startTls() at our client and at our accepted socket: plain text, then TLS", async () => {
    const out = await unixPair({ options: { secureTransport: "starttls" }, peer: { allowHalfOpen: true } });
    const greeting = once(out.socket, "message");
    out.peer.write("plain");
    expect(Buffer.from((await greeting).data).toString()).toBe("plain");
    const context = tls.createSecureContext({ cert: identity.chain, key: identity.key });
    const server = keep(new tls.TLSSocket(out.peer, { isServer: true, secureContext: context }));
    expect(await out.socket.startTls(trust)).toMatchObject({ authorized: true });
    await exchange(out.socket, server, 43, { count: 50 });

    const into = await acceptedUnixPair({ options: { secureTransport: "starttls" }, peer: { allowHalfOpen: true } });
    const client = keep(tls.connect({ socket: into.peer, ca: ca.cert, servername: "localhost" }));
    await Promise.all([into.socket.startTls(own), once(client, "secureConnect")]);
    await exchange(into.socket, client, 44, { count: 50 });
  });
});

/** The paths of the files that openssl wants. */
const files = () => folder({ "ca.pem": ca.cert, "cert.pem": identity.cert, "key.pem": identity.key });

describe("TLS over Unix sockets with openssl", () => {
  for (const [version, flag] of VERSIONS) {
    withOpenssl(`${version}: our client at s_server: words both ways, and a clean end`, async () => {
      const file = files();
      const where = socketPath();
      const program = launch("openssl", ["s_server", "-unix", where, "-cert", file("cert.pem"), "-key", file("key.pem"), flag]);
      await program.says(/ACCEPT/);
      const socket = unix(where, { secureTransport: trust });
      await opened(socket);
      expect(socket.secureTransportInfo).toMatchObject({ protocol: version, authorized: true });
      expect(socket.peerCredentials).toMatchObject({ pid: program.child.pid });
      const inbox = collect(socket);
      const log = record(socket, ["error", "close"]);
      socket.send("hello openssl\n");
      await program.says(/hello openssl/);
      program.write("hello addon\n");
      await inbox.until(12);
      expect(inbox.text()).toBe("hello addon\n");
      socket.close();
      await log.until("close");
      expect(log.types).toEqual(["close"]);
    });

    withOpenssl(`${version}: s_client at our server: verified, words both ways, and close_notify at the end`, async () => {
      const { server, accepted } = ourServer(own);
      const file = files();
      const words = ["-unix", server.localPath, "-CAfile", file("ca.pem"), "-servername", "localhost", "-verify_hostname", "localhost"];
      const program = launch("openssl", ["s_client", ...words, "-verify_return_error", flag]);
      await program.says(/Verify return code: 0 \(ok\)/);
      const socket = await accepted;
      socket.onmessage = ({ data }) => socket.send(data);
      const log = record(socket, ["error", "close"]);
      program.write("echo this\n");
      await program.says(/echo this/);
      socket.close();
      expect(await program.ended()).toMatchObject({ code: 0 });
      await log.until("close");
      expect(log.types).toEqual(["close"]);
    });
  }
});
