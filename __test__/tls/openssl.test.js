"use strict";

// Interoperation with openssl's own client and server: both versions, client certificates, ALPN, resumption, key log.

const { readFileSync } = require("node:fs");
const { collect, dial, eventually, expendable, freePort, listen, once, record, sha256, start, tcp, tcpServer, track } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { launch, testWith } = require("../helpers/programs");
const { folder, opened, secureClient, secureServer } = require("../helpers/tls");

const all = authority();
const { ca, server: identity, client: clientIdentity, deep } = all;
const trust = { ca: ca.cert };
const withOpenssl = testWith("openssl");
const versions = [["TLSv1.2", "-tls1_2"], ["TLSv1.3", "-tls1_3"]];

/** The files that openssl wants, and their paths. */
function files() {
  return folder({
    "ca.pem": ca.cert,
    "cert.pem": identity.cert,
    "key.pem": identity.key,
    "client.pem": clientIdentity.cert,
    "client.key": clientIdentity.key,
  });
}

/** `openssl s_server` on a port of its own, ready. */
async function sServer(...args) {
  const path = files();
  const port = await freePort();
  const program = launch("openssl", ["s_server", "-accept", `127.0.0.1:${port}`, "-cert", path("cert.pem"), "-key", path("key.pem"), ...args.map((arg) => (arg.endsWith(".pem") ? path(arg) : arg))]);
  await program.says(/ACCEPT/);
  return { program, port, path };
}

/** `openssl s_client` to a port; -ign_eof so that only we end it. */
function sClient(port, ...args) {
  const path = files();
  return launch("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-CAfile", path("ca.pem"), ...args.map((arg) => (/\.(pem|key)$/.test(arg) ? path(arg) : arg))]);
}

/** A server of ours that echoes, and the sockets that it accepts. */
function echoServer(options = {}) {
  const server = secureServer({ cert: identity.cert, key: identity.key, ...options });
  const sockets = [];
  server.onconnect = ({ connectedSocket }) => {
    sockets.push(expendable(connectedSocket));
    connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
  };
  return { server, sockets };
}

describe("R-tls-verify: our client at openssl s_server", () => {
  for (const [version, flag] of versions) {
    withOpenssl(`${version}: words both ways, and a clean end`, async () => {
      const { program, port } = await sServer(flag);
      const socket = secureClient(port, trust);
      await opened(socket);
      expect(socket.secureTransportInfo).toMatchObject({ protocol: version, authorized: true });
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

    withOpenssl(`${version}: a client certificate is presented and verified`, async () => {
      const { program, port } = await sServer(flag, "-Verify", "1", "-verify_return_error", "-CAfile", "ca.pem");
      const socket = secureClient(port, { ...trust, cert: clientIdentity.cert, key: clientIdentity.key });
      await opened(socket);
      await program.says(/subject=.*CN ?= ?client/);
    });

    withOpenssl(`${version}: ALPN`, async () => {
      const { port } = await sServer(flag, "-alpn", "beta,alpha");
      const socket = secureClient(port, { ...trust, alpn: ["alpha", "beta"] });
      await opened(socket);
      expect(socket.secureTransportInfo.alpn).toBe("beta");
    });

    withOpenssl(`${version}: the session is resumed`, async () => {
      // With -www it answers an HTTP request and ends: the ticket has come by then.
      const { port } = await sServer(flag, "-www");
      const resumed = [];
      for (let visit = 0; visit < 2; visit++) {
        const socket = secureClient(port, trust);
        await opened(socket);
        resumed.push(socket.secureTransportInfo.resumed);
        const closed = once(socket, "close");
        socket.addEventListener("error", () => {});
        collect(socket);
        socket.send("GET / HTTP/1.0\r\n\r\n");
        await closed;
      }
      expect(resumed).toEqual([false, true]);
    });
  }

  withOpenssl("a cipher suite of TLS 1.2 by its standard name", async () => {
    const { port } = await sServer("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305");
    const socket = secureClient(port, trust);
    await opened(socket);
    expect(socket.secureTransportInfo.cipher).toBe("TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256");
  });

  for (const [version, flag] of versions) {
    withOpenssl(`${version}: the key exchange by its standard name`, async () => {
      const { port } = await sServer(flag, "-groups", "P-384");
      const socket = secureClient(port, trust);
      await opened(socket);
      expect(socket.secureTransportInfo).toMatchObject({ protocol: version, group: "secp384r1" });
    });
  }

  withOpenssl("TLS 1.1 is refused", async () => {
    const { port } = await sServer("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0");
    const { error } = await once(secureClient(port, trust), "error");
    expect(["ERR_TLS_ALERT", "ERR_TLS_NO_COMMON_PROTOCOL"]).toContain(error.code);
  });

  withOpenssl("a megabyte from a file, by checksum", async () => {
    const { program, port } = await sServer();
    const socket = secureClient(port, trust);
    await opened(socket);
    const inbox = collect(socket);
    const bytes = "0123456789abcde\n".repeat(65_536);
    program.write(bytes);
    await inbox.until(bytes.length);
    expect(inbox.sha256()).toBe(sha256(Buffer.from(bytes)));
  });
});

describe("R-srv-secure: openssl s_client at our server", () => {
  for (const [version, flag] of versions) {
    withOpenssl(`${version}: verified, words both ways, and close_notify at the end (R-tls-end)`, async () => {
      const { server, sockets } = echoServer();
      const program = sClient(server.localPort, flag, "-verify_return_error", "-verify_ip", "127.0.0.1");
      await program.says(/Verify return code: 0 \(ok\)/);
      program.write("echo this\n");
      await program.says(/echo this/);
      const log = record(sockets[0], ["error", "close"]);
      sockets[0].close();
      const { code } = await program.ended();
      expect(code).toBe(0);
      expect(program.said).not.toMatch(/unexpected eof/i);
      await log.until("close");
      expect(log.types).toEqual(["close"]);
    });

    withOpenssl(`${version}: its own end is a clean one`, async () => {
      const { server, sockets } = echoServer();
      const program = sClient(server.localPort, flag);
      await program.says(/Verify return code/);
      await eventually(() => sockets.length === 1);
      const log = record(sockets[0], ["error", "close"]);
      // Q at the beginning of a line ends s_client, with close_notify.
      program.write("Q\n");
      await log.until("close");
      expect(log.types).toEqual(["close"]);
    });

    withOpenssl(`${version}: the key exchange is told, and is the one that openssl tells`, async () => {
      const { server, sockets } = echoServer();
      const program = sClient(server.localPort, flag, "-groups", "P-256");
      await program.says(/prime256v1/);
      await eventually(() => sockets.length === 1);
      expect(sockets[0].secureTransportInfo).toMatchObject({ protocol: version, group: "secp256r1" });
    });

    withOpenssl(`${version}: a client certificate is asked for, verified and told`, async () => {
      const { server, sockets } = echoServer({ requestCert: true, ca: ca.cert });
      const program = sClient(server.localPort, flag, "-cert", "client.pem", "-key", "client.key");
      await program.says(/Verify return code/);
      await eventually(() => sockets.length === 1);
      expect(sha256(sockets[0].secureTransportInfo.peerCertificates[0])).toBe(clientIdentity.fingerprint);
    });

    withOpenssl(`${version}: the session is resumed from a file`, async () => {
      const { server, sockets } = echoServer();
      const path = folder();
      const first = launch("openssl", ["s_client", "-connect", `127.0.0.1:${server.localPort}`, flag, "-sess_out", path("session")]);
      await first.says(/Verify return code/);
      first.write("word\n");
      await first.says(/\nword/);
      first.write("Q\n");
      await first.ended();
      const second = launch("openssl", ["s_client", "-connect", `127.0.0.1:${server.localPort}`, flag, "-sess_in", path("session")]);
      await second.says(/Reused, /);
      await eventually(() => sockets.length === 2);
      expect(sockets.map((socket) => socket.secureTransportInfo.resumed)).toEqual([false, true]);
    });
  }

  withOpenssl("the name decides the certificate; the chain comes whole", async () => {
    const { server } = echoServer({ serverCertificates: { "localhost": { cert: deep.chain, key: deep.key } } });
    const program = sClient(server.localPort, "-servername", "localhost", "-showcerts", "-verify_return_error");
    await program.says(/Verify return code: 0 \(ok\)/);
    expect(program.said).toMatch(/CN ?= ?Test Intermediate/);
  });

  withOpenssl("ALPN: the server's preference; none in common is refused", async () => {
    const { server } = echoServer({ alpn: ["beta", "alpha"] });
    await sClient(server.localPort, "-alpn", "alpha,beta").says(/ALPN protocol: beta/);
    const error = once(server, "error");
    const refused = sClient(server.localPort, "-alpn", "gamma");
    await refused.says(/no application protocol|alert number 120/i);
    expect((await error).error.code).toBe("ERR_TLS_NO_COMMON_ALPN");
  });

  withOpenssl("an old client (TLS 1.1) is refused, and the server tells", async () => {
    const { server } = echoServer();
    const error = once(server, "error");
    const program = sClient(server.localPort, "-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0");
    expect((await error).error.code).toBe("ERR_TLS_NO_COMMON_PROTOCOL");
    await program.says(/alert|error/i);
  });

  withOpenssl("renegotiation, asked for by R, is refused without a crash or a hang", async () => {
    const { server, sockets } = echoServer();
    const connected = once(server, "connect");
    const program = sClient(server.localPort, "-tls1_2");
    await program.says(/Verify return code/);
    // openssl may be done with the handshake a moment before the server's event.
    await connected;
    program.write("R\n");
    await program.says(/RENEGOTIATING/);
    await Promise.race([program.ended(), program.says(/no renegotiation|alert|error/i)]);
    expect(sockets).toHaveLength(1);
    const other = sClient(server.localPort);
    await other.says(/Verify return code/);
  });

  withOpenssl("a key update, asked for by K, goes unseen (TLS 1.3)", async () => {
    const { server } = echoServer();
    const program = sClient(server.localPort, "-tls1_3");
    await program.says(/Verify return code/);
    program.write("K\n");
    await program.says(/KEYUPDATE/);
    program.write("after the update\n");
    await program.says(/after the update/);
    program.write("k\n");
    await program.says(/KEYUPDATE[^]*KEYUPDATE/);
    program.write("and another\n");
    await program.says(/and another/);
  });
});

describe("keyLog: what openssl logs, we log too", () => {
  withOpenssl("the secrets of both ends are the same lines", async () => {
    const path = folder();
    const script = `
      const { cert, key } = ${JSON.stringify({ cert: identity.cert, key: identity.key })};
      const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key, keyLog: true } });
      server.onconnect = ({ connectedSocket }) => connectedSocket.send("hello\\n");
      report(server.localPort);`;
    const child = start(script, { env: { SSLKEYLOGFILE: path("ours.log") } });
    const port = await child.next();
    const program = launch("openssl", ["s_client", "-connect", `127.0.0.1:${port}`, "-tls1_3", "-keylogfile", path("theirs.log")]);
    await program.says(/\nhello/);
    const [ours, theirs] = ["ours.log", "theirs.log"].map((name) => readFileSync(path(name), "utf8").split("\n").filter((line) => /^[A-Z]/.test(line)));
    expect(theirs).toEqual(expect.arrayContaining(ours));
    expect(ours.map((line) => line.split(" ")[0])).toContain("SERVER_TRAFFIC_SECRET_0");
  });
});

describe("R-tls-start: STARTTLS as openssl speaks it", () => {
  withOpenssl("s_client -starttls smtp at a server of ours", async () => {
    const server = tcpServer({ secureTransport: "starttls" });
    server.onconnect = ({ connectedSocket: socket }) => {
      track(socket).send("220 mail.test ESMTP\r\n");
      const inbox = [];
      socket.onmessage = async ({ data }) => {
        inbox.push(Buffer.from(data).toString());
        const said = inbox.join("");
        if (/^EHLO .*\r\n$/.test(said)) {
          inbox.length = 0;
          socket.send("250-mail.test\r\n250 STARTTLS\r\n");
        } else if (said === "STARTTLS\r\n") {
          inbox.length = 0;
          socket.send("220 go ahead\r\n");
          await socket.startTls({ cert: identity.cert, key: identity.key });
          socket.onmessage = (event) => socket.send(event.data);
        }
      };
    };
    const program = sClient(server.localPort, "-starttls", "smtp", "-verify_return_error");
    await program.says(/Verify return code: 0 \(ok\)/);
    program.write("NOOP\n");
    await program.says(/NOOP/);
  });

  withOpenssl("our startTls() at an s_server behind plain words", async () => {
    // s_server has no STARTTLS of its own: a plain relay says the plain words before it.
    const { port } = await sServer();
    const front = await listen();
    const socket = tcp("127.0.0.1", front.port);
    const near = await front.next();
    near.write("220 ready\r\n");
    await once(socket, "message");
    const far = await dial(port);
    near.on("data", (data) => far.write(data));
    far.on("data", (data) => near.write(data));
    const info = await socket.startTls(trust);
    expect(info).toMatchObject({ authorized: true, protocol: "TLSv1.3" });
  });
});
