"use strict";

// R-tls-verify: certificates that webpki cannot even read. Where verification is off they must not matter, but for the key with
// which the handshake is signed; where it is on, nothing gets weaker.

const tls = require("node:tls");
const { once, runJSON } = require("../helpers");
const { authority, certificate, days, extension, selfSigned } = require("../helpers/certificates");
const { octets, oid, sequence } = require("../helpers/der");
const { acceptingServer, dialTLS, failure, folder, listenTLS, opened, secureClient } = require("../helpers/tls");

const all = authority();
const trust = { ca: all.ca.cert };
const here = { ip: ["127.0.0.1"] };

/** An extension of somebody's own. */
const own = (critical) => extension("1.3.6.1.4.1.99999.1", octets(Buffer.from("own")), critical);

const odd = {
  "X.509 v1": all.issue({ ...here, old: true }),
  "an unknown critical extension": all.issue({ ...here, extra: [own(true)] }),
};

/** What the client meets at a node:tls server with this certificate. */
async function meet(identity, secureTransport, options = {}) {
  const server = await listenTLS({ cert: identity.chain, key: identity.key, ...options });
  return secureClient(server.port, secureTransport);
}

describe.each(["TLSv1.2", "TLSv1.3"])("R-tls-verify: verification off, %s", (version) => {
  const options = { minVersion: version, maxVersion: version };

  test.each(Object.entries(odd))("a certificate with %s opens, and counts as not authorized", async (_, identity) => {
    const socket = await meet(identity, { rejectUnauthorized: false }, options);
    await opened(socket);
    const info = socket.secureTransportInfo;
    expect(info).toMatchObject({ protocol: version, authorized: false });
    expect(info.authorizationError).toMatch(/^ERR_TLS_/);
    expect(info.peerCertificates).toHaveLength(1);
  });

  test.each(Object.entries(odd))("with verification on it is refused: %s", async (name, identity) => {
    const error = await failure(await meet(identity, trust, options));
    expect(error.code).toBe(name === "X.509 v1" ? "ERR_TLS_NO_SAN" : "ERR_TLS_CERT_INVALID");
    // The right reason: nobody's authority would help.
    expect(error.message).not.toMatch(/give that authority/);
  });

  test("a server takes such clients' certificates where verification is off, and refuses them where it is on", async () => {
    const identity = certificate({ name: "client", issuer: all.ca, usage: ["clientAuth"], extra: [own(true)] });
    for (const rejectUnauthorized of [false, true]) {
      const server = acceptingServer({ cert: all.server.cert, key: all.server.key, requestCert: true, ca: all.ca.cert, rejectUnauthorized });
      const outcome = Promise.race([
        once(server, "connect").then(({ connectedSocket }) => {
          connectedSocket.onerror = () => {};
          return connectedSocket.secureTransportInfo;
        }),
        once(server, "error").then(({ error }) => error),
      ]);
      const client = tls.connect({ port: server.localPort, cert: identity.cert, key: identity.key, rejectUnauthorized: false, ...options });
      client.on("error", () => {});
      const result = await outcome;
      client.destroy();
      expect(result).toMatchObject(rejectUnauthorized ? { code: "ERR_TLS_CERT_INVALID" } : { authorized: false });
    }
  });
});

test("R-tls-verify: a doubled extension (OpenSSL serves no such certificate) is taken where verification is off alone", async () => {
  const { cert, key } = all.issue({ ...here, extra: [extension("2.5.29.37", sequence(oid("1.3.6.1.5.5.7.3.1")))] });
  const server = acceptingServer({ cert, key });
  const socket = secureClient(server.localPort, { rejectUnauthorized: false });
  await opened(socket);
  expect(socket.secureTransportInfo).toMatchObject({ authorized: false, authorizationError: "ERR_TLS_CERT_INVALID" });
  server.onerror = () => {};
  expect((await failure(secureClient(server.localPort, trust))).code).toBe("ERR_TLS_CERT_INVALID");
});

describe("R-tls-verify: short RSA keys", () => {
  const short = all.issue({ ...here, kind: "rsa1024" });
  const weak = { ciphers: "DEFAULT@SECLEVEL=0" };

  test("TLS 1.3: refused whether verification is on or off, and the message names the key's size", async () => {
    for (const secureTransport of [trust, { rejectUnauthorized: false }]) {
      const error = await failure(await meet(short, secureTransport, { ...weak, minVersion: "TLSv1.3" }));
      expect(error.code).toBe("ERR_TLS_CERT_INVALID");
      expect(error.message).toMatch(secureTransport === trust ? /./ : /1024 bits/);
    }
  });

  test("TLS 1.2, signed as such keys can be verified: taken where verification is off alone", async () => {
    const options = { ...weak, maxVersion: "TLSv1.2", sigalgs: "RSA+SHA256" };
    const socket = await meet(short, { rejectUnauthorized: false }, options);
    await opened(socket);
    expect(socket.secureTransportInfo).toMatchObject({ protocol: "TLSv1.2", authorized: false });
    expect((await failure(await meet(short, trust, options))).code).toBe("ERR_TLS_CERT_INVALID");
  });
});

describe("R-tls-verify: old certificates of one's own", () => {
  test("an X.509 v1 certificate serves as an authority in `ca`", async () => {
    const root = certificate({ name: "Old Root", isCA: true, old: true });
    const socket = await meet(all.issue({ ...here, issuer: root }), { ca: root.cert });
    await opened(socket);
    expect(socket.secureTransportInfo).toMatchObject({ authorized: true });
  });

  test("an X.509 v1 certificate serves as `cert`", async () => {
    const { cert, key } = odd["X.509 v1"];
    const server = acceptingServer({ cert, key });
    const client = await dialTLS(server.localPort);
    expect(client.getPeerX509Certificate().subject).toMatch(/CN=issued/);
  });
});

describe("R-tls-verify: authorities have dates, too", () => {
  const to = days(-1);
  const expired = certificate({ name: "Expired Root", isCA: true, from: days(-9), to });
  const early = certificate({ name: "Early Root", isCA: true, from: days(2) });

  test("an expired authority in `ca` is refused, and the message tells its last day", async () => {
    const error = await failure(await meet(all.issue({ ...here, issuer: expired }), { ca: expired.cert }));
    expect(error.code).toBe("ERR_TLS_CERT_EXPIRED");
    expect(error.message).toMatch(/authority/);
    expect(error.message).toContain(to.toISOString().slice(0, 10));
  });

  test("so is one that is not yet valid, and an expired one beside a good one harms nobody", async () => {
    const error = await failure(await meet(all.issue({ ...here, issuer: early }), { ca: early.cert }));
    expect(error.code).toBe("ERR_TLS_CERT_NOT_YET_VALID");
    await opened(await meet(all.server, { ca: [expired.cert, all.ca.cert] }));
  });

  test("a client's certificate from an expired authority is refused", async () => {
    const identity = certificate({ name: "client", issuer: expired, usage: ["clientAuth"] });
    const server = acceptingServer({ cert: all.server.cert, key: all.server.key, requestCert: true, ca: expired.cert });
    const failed = once(server, "error");
    const client = tls.connect({ port: server.localPort, cert: identity.cert, key: identity.key, rejectUnauthorized: false });
    client.on("error", () => {});
    expect((await failed).error.code).toBe("ERR_TLS_CERT_EXPIRED");
    client.destroy();
  });
});

describe("R-tls-verify: self-signed certificates that the environment names", () => {
  const mine = selfSigned();

  test.each(["SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"])("%s: such a leaf is trusted byte for byte, and no other", async (variable) => {
    const server = await listenTLS({ cert: mine.cert, key: mine.key });
    const script = `
      const socket = new TCPSocket("127.0.0.1", ${server.port}, { useSecureTransport: true });
      socket.onopen = () => { report("open"); socket.reset(); };
      socket.onerror = ({ error }) => report(error.code);`;
    const path = folder({ "mine.pem": mine.cert, "other.pem": selfSigned().cert });
    expect(await runJSON(script, { env: { [variable]: path("mine.pem") } })).toBe("open");
    expect(await runJSON(script, { env: { [variable]: path("other.pem") } })).toMatch(/^ERR_TLS_/);
  });
});

describe("R-srv-secure: more authorities than a request for a certificate can name", () => {
  test("the list is only a hint and left out: clients of all of them are served", async () => {
    const organisation = "x".repeat(60);
    // Each name takes some 130 bytes: 65,535 hold about 500.
    const many = Array.from({ length: 700 }, (_, i) => certificate({ name: `${organisation} ${i}`, isCA: true }).cert);
    const { ca, client, server: identity } = all;
    const server = acceptingServer({ cert: identity.cert, key: identity.key, requestCert: true, ca: [...many, ca.cert] });
    const connected = once(server, "connect");
    const peer = tls.connect({ port: server.localPort, cert: client.cert, key: client.key, rejectUnauthorized: false });
    peer.on("error", () => {});
    expect((await connected).connectedSocket.secureTransportInfo).toMatchObject({ authorized: true });
    peer.destroy();
  });
});
