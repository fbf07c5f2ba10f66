"use strict";

// The examples are copied by users: each runs as its head says.

const { renameSync, writeFileSync } = require("node:fs");
const path = require("node:path");
const { ROOT, collect, eventually, listen, once, tcpServer, track } = require("../helpers");
const { authority, selfSigned } = require("../helpers/certificates");
const { launch } = require("../helpers/programs");
const { dialTLS, folder, shownFor } = require("../helpers/tls");

const { ca, server, client } = authority();

/** An example with these words behind its name. */
const example = (name, ...words) => launch(process.execPath, [path.join(ROOT, "examples", name), ...words]);

describe("examples/tls-…", () => {
  test("the echo server and its client, with a self-signed certificate (R-tls-verify)", async () => {
    const own = selfSigned();
    const file = folder({ "cert.pem": own.cert, "key.pem": own.key });
    const serving = example("tls-echo-server.js", file("cert.pem"), file("key.pem"), "0");
    const [, port] = await serving.says(/port (\d+)/, 8000);
    const asking = example("tls-echo-client.js", file("cert.pem"), "127.0.0.1", port);
    const { code, stdout } = await asking.ended(8000);
    expect([code, stdout]).toEqual([0, "Connected over TLSv1.3\nHello, in private\n"]);
    await serving.says(/Connection from 127\.0\.0\.1, port \d+: TLSv1\.3/);
    // A name that the certificate is not for.
    const wrong = await example("tls-echo-client.js", file("cert.pem"), "127.0.0.1", port, "wrong.test").ended(8000);
    expect([wrong.code, wrong.stderr.split(":")[0]]).toEqual([1, "ERR_TLS_NAME_MISMATCH"]);
  });

  test("mutual TLS serves who shows a certificate, and nobody else (R-srv-secure)", async () => {
    const file = folder({
      "ca.pem": ca.cert, "server.pem": server.cert, "server.key": server.key, "client.pem": client.cert, "client.key": client.key,
    });
    const names = ["ca.pem", "server.pem", "server.key", "client.pem", "client.key"];
    const { code, stdout, stderr } = await example("tls-mutual.js", ...names.map(file)).ended(8000);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^with a certificate: Welcome, client\nwithout one: .*certificate_required/);
    expect(stderr).toBe("Refused: ERR_TLS_CLIENT_CERT_REQUIRED\n");
  });

  test("STARTTLS speaks to a mail server (R-tls-start)", async () => {
    const file = folder({ "ca.pem": ca.cert });
    const mail = tcpServer();
    mail.onconnect = ({ connectedSocket: socket }) => {
      track(socket).send("220 mail.test\r\n");
      socket.onmessage = async ({ data }) => {
        const said = Buffer.from(data).toString();
        const secure = socket.secureTransport === "on";
        if (said.startsWith("EHLO")) {
          socket.send(secure ? "250-mail.test\r\n250 AUTH PLAIN\r\n" : "250-mail.test\r\n250 STARTTLS\r\n");
        } else if (said.startsWith("STARTTLS")) {
          socket.send("220 go ahead\r\n");
          await socket.startTls({ cert: server.cert, key: server.key });
        } else {
          socket.send("221 bye\r\n");
        }
      };
    };
    const { code, stdout } = await example("tls-starttls.js", "127.0.0.1", String(mail.localPort), "localhost", file("ca.pem")).ended(8000);
    expect([code, stdout.split("\n")[0]]).toEqual([0, expect.stringMatching(/^TLSv1\.3, TLS_/)]);
    expect(stdout).toContain("AUTH PLAIN");
  });

  test("STARTTLS gives up where it is not offered, and sends nothing in the clear", async () => {
    const mail = await listen();
    const asking = example("tls-starttls.js", "127.0.0.1", String(mail.port), "localhost");
    const peer = await mail.next(8000);
    const inbox = collect(peer);
    peer.write("220 mail.test\r\n");
    await inbox.until(6);
    peer.write("250 HELP\r\n");
    await asking.says(/no STARTTLS/);
    expect(inbox.text()).toBe("EHLO client.example\r\n");
  });

  test("certificate rotation: new handshakes get the new certificate, a bad file changes nothing (R-srv-secure)", async () => {
    const [first, second] = [selfSigned(), selfSigned()];
    const file = folder({ "cert.pem": first.cert, "key.pem": first.key });
    const serving = example("tls-certificate-rotation.js", file("cert.pem"), file("key.pem"), "0");
    const [, port] = await serving.says(/port (\d+)/, 8000);
    const shown = async () => {
      const socket = await dialTLS(Number(port));
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.end();
      return fingerprint256.replaceAll(":", "").toLowerCase();
    };
    const stays = await dialTLS(Number(port));
    expect(await shown()).toBe(first.fingerprint);
    // One of the two files first: they do not fit.
    writeFileSync(file("cert.new"), second.cert);
    renameSync(file("cert.new"), file("cert.pem"));
    await serving.says(/The old certificate stays: .*ERR_TLS_KEY_MISMATCH/, 8000);
    expect(await shown()).toBe(first.fingerprint);
    writeFileSync(file("key.new"), second.key);
    renameSync(file("key.new"), file("key.pem"));
    await serving.says(/From now on with/, 8000);
    await eventually(async () => (await shown()) === second.fingerprint);
    const inbox = collect(stays);
    stays.write("still connected");
    await inbox.until(15);
    stays.end();
    await once(stays, "close");
  });

  test("certificates on demand: each is loaded when it is asked for, and again when its time is over (R-srv-secure)", async () => {
    const { issue } = authority();
    const [one, renewed, other] = ["one.test", "one.test", "other.test"].map((name) => issue({ dns: [name] }));
    const file = folder({ "one.test.pem": one.cert, "one.test.key": one.key, "bad.test.pem": one.cert, "bad.test.key": other.key });
    const serving = example("tls-certificate-for.js", path.dirname(file("one.test.pem")), "0", "0.3");
    const [, port] = await serving.says(/port (\d+)/, 8000);
    const server = { localPort: Number(port) };
    const peer = await dialTLS(server.localPort, { servername: "one.test" });
    const inbox = collect(peer);
    peer.write("and an echo");
    await inbox.until(31);
    expect(inbox.text()).toBe("Welcome to one.test\nand an echo");
    expect(await shownFor(server, "one.test")).toBe(one.fingerprint);
    // Nobody has told the server of these.
    writeFileSync(file("one.test.pem"), renewed.cert);
    writeFileSync(file("one.test.key"), renewed.key);
    writeFileSync(file("other.test.key"), other.key);
    writeFileSync(file("other.test.pem"), other.cert);
    expect(await shownFor(server, "other.test")).toBe(other.fingerprint);
    await eventually(async () => (await shownFor(server, "one.test")) === renewed.fingerprint);
    expect(await shownFor(server, "none.test")).toMatch(/ERR_SSL/);
    await serving.says(/127\.0\.0\.1: .*certificateFor gave null/, 8000);
    expect(await shownFor(server, "bad.test")).toMatch(/ERR_SSL/);
    await serving.says(/127\.0\.0\.1: .*the key does not belong to the certificate/, 8000);
  });
});
