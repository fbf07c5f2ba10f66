"use strict";

// R-tls-verify: what a client verifies, always.

const { X509Certificate } = require("node:crypto");
const { hasIPv6, tcp, once, runJSON, settle } = require("../helpers");
const { authority, certificate, days, selfSigned } = require("../helpers/certificates");
const { failure, folder, listenTLS, opened, secureClient } = require("../helpers/tls");

const all = authority();
const { ca, intermediate, stranger, server: good, deep } = all;
const trust = { ca: ca.cert };

/** A node:tls server with this certificate. */
function serve(identity, options) {
  return listenTLS({ cert: identity.chain, key: identity.key, ...options });
}

/** A client with these options reaches `open` at a server with this certificate. */
async function accepts(identity, secureTransport) {
  const server = await serve(identity);
  const socket = secureClient(server.port, secureTransport);
  await opened(socket);
  return socket;
}

/** It fails there, with this code; no application data ever arrives, and no `open` fires. */
async function refuses(identity, secureTransport, code) {
  const server = await serve(identity);
  const error = await failure(secureClient(server.port, secureTransport));
  expect(error.name).toBe("NetworkError");
  expect(error.code).toBe(code);
  expect(error.address).toBe("127.0.0.1");
  expect(error.port).toBe(server.port);
  return error;
}

describe("R-tls-verify: the chain", () => {
  test("a certificate that a root in `ca` has issued is accepted", async () => {
    const socket = await accepts(good, trust);
    expect(socket.secureTransportInfo).toMatchObject({ authorized: true, authorizationError: null });
  });

  test("a chain over an intermediate that the server sends is accepted", async () => {
    const socket = await accepts(deep, trust);
    expect(socket.secureTransportInfo.peerCertificates).toHaveLength(2);
  });

  test("an intermediate in `ca` is a trust anchor too", async () => {
    await accepts({ ...deep, chain: deep.cert }, { ca: intermediate.cert });
  });

  test("a chain that lacks its intermediate is refused, and the message says who has to send it", async () => {
    const error = await refuses({ ...deep, chain: deep.cert }, trust, "ERR_TLS_UNKNOWN_ISSUER");
    expect(error.message).toMatch(/intermediate/);
  });

  test("an unknown issuer is refused, and the message names `ca`", async () => {
    const error = await refuses(good, { ca: stranger.cert }, "ERR_TLS_UNKNOWN_ISSUER");
    expect(error.message).toMatch(/`ca`/);
  });

  test("`ca` replaces the system's roots: it trusts these and no others", async () => {
    const path = folder({ "roots.pem": ca.cert });
    const server = await serve(good);
    const script = `
      const socket = new TCPSocket("127.0.0.1", ${server.port}, { secureTransport: { ca: process.argv.at(-1) } });
      socket.onopen = () => { report("open"); process.exit(); };
      socket.onerror = ({ error }) => report(error.code);`;
    const env = { SSL_CERT_FILE: path("roots.pem"), NODE_EXTRA_CA_CERTS: path("roots.pem") };
    expect(await runJSON(script, { env, args: [stranger.cert] })).toBe("ERR_TLS_UNKNOWN_ISSUER");
    expect(await runJSON(script, { env, args: [ca.cert] })).toBe("open");
  });

  test("any of several roots in `ca` will do", async () => {
    await accepts(good, { ca: [stranger.cert, ca.der] });
    await accepts(good, { ca: stranger.cert + ca.cert });
  });

  test("an expired certificate is refused, and the message tells its last day", async () => {
    const to = days(-2);
    const error = await refuses(all.issue({ ip: ["127.0.0.1"], from: days(-9), to }), trust, "ERR_TLS_CERT_EXPIRED");
    expect(error.message).toContain(to.toISOString().slice(0, 10));
  });

  test("one that is not yet valid is refused, and the message tells its first day", async () => {
    const from = days(2);
    const error = await refuses(all.issue({ ip: ["127.0.0.1"], from }), trust, "ERR_TLS_CERT_NOT_YET_VALID");
    expect(error.message).toContain(from.toISOString().slice(0, 10));
  });

  test("an expired intermediate is refused", async () => {
    const old = certificate({ name: "Old", isCA: true, issuer: ca, from: days(-9), to: days(-1) });
    await refuses(all.issue({ ip: ["127.0.0.1"], issuer: old }), trust, "ERR_TLS_CERT_EXPIRED");
  });

  test("a certificate for clients only is refused", async () => {
    await refuses(all.issue({ ip: ["127.0.0.1"], usage: ["clientAuth"] }), trust, "ERR_TLS_CERT_PURPOSE");
  });

  test("a forged signature is refused", async () => {
    const forged = all.issue({ ip: ["127.0.0.1"], broken: true });
    expect(["ERR_TLS_CERT_INVALID", "ERR_TLS_UNKNOWN_ISSUER"]).toContain(
      (await failure(secureClient((await serve(forged)).port, trust))).code,
    );
  });

  test("a certificate signed by one that is no authority is refused", async () => {
    const notCA = all.issue({ dns: ["issuer.test"], usage: [] });
    const leaf = all.issue({ ip: ["127.0.0.1"], issuer: notCA });
    const error = await failure(secureClient((await serve(leaf)).port, trust));
    expect(["ERR_TLS_CERT_INVALID", "ERR_TLS_UNKNOWN_ISSUER"]).toContain(error.code);
  });

  test.each(["ec", "p384", "rsa", "ed25519"])("certificates with %s keys are accepted", async (kind) => {
    const socket = await accepts(all.issue({ kind, ip: ["127.0.0.1"] }), trust);
    const [leaf] = socket.secureTransportInfo.peerCertificates;
    expect(new X509Certificate(Buffer.from(leaf)).publicKey.asymmetricKeyType).toBe({ p384: "ec" }[kind] ?? kind);
  });
});

describe("R-tls-verify: the name", () => {
  test("an address verifies against the IP names of the certificate", async () => {
    await accepts(all.issue({ ip: ["127.0.0.1"] }), trust);
    const error = await refuses(all.issue({ ip: ["127.0.0.2"] }), trust, "ERR_TLS_NAME_MISMATCH");
    expect(error.message).toContain("127.0.0.1");
    expect(error.message).toContain("127.0.0.2");
  });

  (hasIPv6 ? test : test.skip)("an IPv6 address too", async () => {
    const server = await serve(all.issue({ ip: ["::1"] }), { host: "::1" });
    await opened(tcp("::1", server.port, { secureTransport: trust }));
    const other = await serve(all.issue({ ip: ["::2"] }), { host: "::1" });
    expect((await failure(tcp("::1", other.port, { secureTransport: trust }))).code).toBe("ERR_TLS_NAME_MISMATCH");
  });

  test("an address is no DNS name: a certificate for the text of it is refused", async () => {
    await refuses(all.issue({ dns: ["127.0.0.1"] }), trust, "ERR_TLS_NAME_MISMATCH");
  });

  test("`sni` is the name that is verified; the address no longer counts", async () => {
    await accepts(all.issue({ dns: ["a.test"] }), { ...trust, sni: "a.test" });
    const error = await refuses(good, { ...trust, sni: "a.test" }, "ERR_TLS_NAME_MISMATCH");
    expect(error.message).toContain("a.test");
    expect(error.message).toContain("localhost");
  });

  test("`sni` may be an address: verified, never asked for", async () => {
    const identity = all.issue({ ip: ["192.0.2.7"] });
    const server = await serve(identity);
    const socket = secureClient(server.port, { ...trust, sni: "192.0.2.7" });
    const [peer] = await Promise.all([server.next(), opened(socket)]);
    expect(peer.servername).toBeFalsy();
  });

  test("names compare without regard to case", async () => {
    await accepts(all.issue({ dns: ["MiXed.test"] }), { ...trust, sni: "mixed.TEST" });
  });

  test("a wildcard stands for one label", async () => {
    const wild = all.issue({ dns: ["*.a.test"] });
    await accepts(wild, { ...trust, sni: "x.a.test" });
    for (const sni of ["a.test", "y.x.a.test", "xa.test", "x.b.test"]) {
      await refuses(wild, { ...trust, sni }, "ERR_TLS_NAME_MISMATCH");
    }
  });

  test("any of several names will do", async () => {
    await accepts(all.issue({ dns: ["a.test", "b.test"], ip: ["127.0.0.1"] }), { ...trust, sni: "b.test" });
  });

  test("a common name alone is no name: the message tells how to make a certificate with one", async () => {
    const error = await refuses(all.issue({ name: "127.0.0.1" }), trust, "ERR_TLS_NO_SAN");
    expect(error.message).toMatch(/openssl .*subjectAltName=IP:127\.0\.0\.1/);
    const byName = await refuses(all.issue({ name: "a.test" }), { ...trust, sni: "a.test" }, "ERR_TLS_NO_SAN");
    expect(byName.message).toContain("subjectAltName=DNS:a.test");
  });
});

describe("R-tls-verify: a certificate that is itself in `ca`", () => {
  test("openssl's self-signed certificate, which is a CA of itself, is trusted byte for byte", async () => {
    const own = selfSigned();
    const socket = await accepts(own, { ca: own.cert });
    expect(socket.secureTransportInfo.authorized).toBe(true);
  });

  test("so is a self-signed one that is no CA, and a leaf whose issuer nobody trusts", async () => {
    const own = selfSigned({ isCA: false });
    await accepts(own, { ca: own.cert });
    await accepts(good, { ca: [good.der] });
  });

  test("another certificate of the same name and key is not", async () => {
    const own = selfSigned();
    const twin = selfSigned({ pair: own });
    expect(twin.fingerprint).not.toBe(own.fingerprint);
    const error = await failure(secureClient((await serve(twin)).port, { ca: own.cert }));
    expect(error.code).toMatch(/^ERR_TLS_(CERT_INVALID|UNKNOWN_ISSUER)$/);
  });

  test("its name and dates are checked all the same", async () => {
    const named = selfSigned({ dns: ["a.test"], ip: [] });
    await refuses(named, { ca: named.cert }, "ERR_TLS_NAME_MISMATCH");
    const old = selfSigned({ from: days(-9), to: days(-1) });
    await refuses(old, { ca: old.cert }, "ERR_TLS_CERT_EXPIRED");
    const early = selfSigned({ from: days(1) });
    await refuses(early, { ca: early.cert }, "ERR_TLS_CERT_NOT_YET_VALID");
    const nameless = selfSigned({ name: "127.0.0.1", dns: [], ip: [] });
    await refuses(nameless, { ca: nameless.cert }, "ERR_TLS_NO_SAN");
  });
});

describe("R-tls-verify: pins", () => {
  const colons = (hex) => hex.toUpperCase().match(/../g).join(":");

  test("the leaf's hash lets the connection through, in any case and with colons", async () => {
    await accepts(good, { ...trust, pinnedCertificates: [good.fingerprint] });
    await accepts(good, { ...trust, pinnedCertificates: [colons(good.fingerprint)] });
    await accepts(good, { ...trust, pinnedCertificates: [stranger.fingerprint, good.fingerprint] });
  });

  test("any other is refused, the issuer's too: it is the leaf that is pinned", async () => {
    await refuses(good, { ...trust, pinnedCertificates: [ca.fingerprint] }, "ERR_TLS_PIN_MISMATCH");
    await refuses(deep, { ...trust, pinnedCertificates: [intermediate.fingerprint] }, "ERR_TLS_PIN_MISMATCH");
  });

  test("they stand beyond the usual checks, and replace none", async () => {
    await refuses(good, { ca: stranger.cert, pinnedCertificates: [good.fingerprint] }, "ERR_TLS_UNKNOWN_ISSUER");
  });

  test("they hold also where verification is off", async () => {
    const loose = { rejectUnauthorized: false };
    await accepts(good, { ...loose, pinnedCertificates: [good.fingerprint] });
    await refuses(good, { ...loose, pinnedCertificates: [stranger.fingerprint] }, "ERR_TLS_PIN_MISMATCH");
  });
});

describe("R-tls-verify: turning it off", () => {
  const wrong = [
    ["an unknown issuer", good, { ca: stranger.cert }, "ERR_TLS_UNKNOWN_ISSUER"],
    ["a wrong name", good, { ...trust, sni: "a.test" }, "ERR_TLS_NAME_MISMATCH"],
    ["an expired one", all.issue({ ip: ["127.0.0.1"], from: days(-9), to: days(-1) }), trust, "ERR_TLS_CERT_EXPIRED"],
    ["no name at all", all.issue({ name: "localhost" }), trust, "ERR_TLS_NO_SAN"],
  ];

  test.each(wrong)("with rejectUnauthorized: false it opens, and the info says what was wrong: %s", async (_, identity, options, code) => {
    const socket = await accepts(identity, { ...options, rejectUnauthorized: false });
    expect(socket.secureTransportInfo).toMatchObject({ authorized: false, authorizationError: code });
  });

  test("with rejectUnauthorized: false a good certificate is told as authorized", async () => {
    const socket = await accepts(good, { ...trust, rejectUnauthorized: false });
    expect(socket.secureTransportInfo).toMatchObject({ authorized: true, authorizationError: null });
  });

  test("no environment variable does: NODE_TLS_REJECT_UNAUTHORIZED=0 changes nothing", async () => {
    const server = await serve(good);
    const script = `
      const socket = new TCPSocket("127.0.0.1", ${server.port}, { secureTransport: { ca: process.argv.at(-1) } });
      socket.onopen = () => { report("open"); process.exit(); };
      socket.onerror = ({ error }) => report(error.code);`;
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };
    expect(await runJSON(script, { env, args: [stranger.cert] })).toBe("ERR_TLS_UNKNOWN_ISSUER");
  });
});

describe("R-tls-verify: the system's roots", () => {
  /** What a client without `ca`, in a process of its own with this environment, meets. */
  async function ask(env) {
    const server = await serve(good);
    const script = `
      const socket = new TCPSocket("127.0.0.1", ${server.port}, { useSecureTransport: true });
      socket.onopen = () => { report("open"); socket.reset(); };
      socket.onerror = ({ error }) => report(error.code);`;
    return runJSON(script, { env });
  }

  test("NODE_EXTRA_CA_CERTS adds to them", async () => {
    const path = folder({ "extra.pem": ca.cert });
    expect(await ask({ NODE_EXTRA_CA_CERTS: path("extra.pem") })).toBe("open");
    expect(await ask({ NODE_EXTRA_CA_CERTS: "" })).toMatch(/^ERR_TLS_(UNKNOWN_ISSUER|NO_ROOTS)$/);
  });

  test("SSL_CERT_FILE is honoured", async () => {
    const path = folder({ "roots.pem": ca.cert, "other.pem": stranger.cert });
    expect(await ask({ SSL_CERT_FILE: path("roots.pem") })).toBe("open");
    expect(await ask({ SSL_CERT_FILE: path("other.pem") })).toBe("ERR_TLS_UNKNOWN_ISSUER");
  });
});

describe("R-tcp-secure-open: a failed handshake is a failed connection attempt", () => {
  test("error fires once, open and close never, and what was refused keeps its state", async () => {
    const server = await serve(good);
    const socket = secureClient(server.port, { ca: stranger.cert });
    const seen = [];
    for (const type of ["open", "message", "drain", "halfclose", "close"]) {
      socket.addEventListener(type, () => seen.push(type));
    }
    expect(socket.readyState).toBe("connecting");
    await once(socket, "error");
    expect(socket.readyState).toBe("closed");
    await settle();
    expect(seen).toEqual([]);
    expect(socket.secureTransport).toBe("off");
    expect(() => socket.send("too late")).toThrow(expect.objectContaining({ name: "InvalidStateError" }));
    socket.close();
  });
});
