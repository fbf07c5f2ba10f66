"use strict";

// SecureTransportOptions: what each member takes, and what bad input of it throws, before anything is sent.

const { collect, listen, settle, tcp, tcpServer, tcpPair, expectDOMException, expectTypeError, thrownBy, foreign } = require("../helpers");
const { authority, keyForms, makeKey, pem, pkcs12 } = require("../helpers/certificates");
const { acceptingServer, dialTLS, listenTLS, opened, secureClient, secureServer } = require("../helpers/tls");

const all = authority();
const { ca, server: identity, client, intermediate, deep } = all;
const own = { cert: identity.cert, key: identity.key };
const rsa = all.issue({ kind: "rsa", ip: ["127.0.0.1"] });

const garbage = Buffer.from("this is no certificate");
const broken = identity.cert.replace(/[A-Za-z0-9+/]{20}/, "!".repeat(20));
const cutShort = identity.cert.slice(0, 300);
const notDER = pem("CERTIFICATE", Buffer.from("not DER at all"));
const request = pem("CERTIFICATE REQUEST", identity.der);

/** `[name, members, code, words]`: what a client refuses with InvalidAccessError. */
const badForClients = [
  ["ca: an empty string", { ca: "" }, "ERR_TLS_BAD_PEM"],
  ["ca: text that is no PEM", { ca: "hello" }, "ERR_TLS_BAD_PEM"],
  ["ca: a path, which is no PEM", { ca: "/etc/ssl/cert.pem" }, "ERR_TLS_BAD_PEM"],
  ["ca: a PEM of a key", { ca: identity.key }, "ERR_TLS_BAD_PEM", /PRIVATE KEY/],
  ["ca: a certificate request", { ca: request }, "ERR_TLS_BAD_PEM", /CERTIFICATE REQUEST/],
  ["ca: a PEM with characters that are no base64", { ca: broken }, "ERR_TLS_BAD_PEM"],
  ["ca: a PEM without its end", { ca: cutShort }, "ERR_TLS_BAD_PEM"],
  ["ca: a PEM whose contents are no certificate", { ca: notDER }, "ERR_TLS_BAD_CERTIFICATE"],
  ["ca: bytes that are no DER", { ca: garbage }, "ERR_TLS_BAD_CERTIFICATE"],
  ["ca: no bytes", { ca: new Uint8Array() }, "ERR_TLS_BAD_CERTIFICATE"],
  ["ca: an empty list, which would trust nobody", { ca: [] }, "ERR_TLS_BAD_OPTION"],
  ["ca: one bad among good ones", { ca: [ca.cert, garbage] }, "ERR_TLS_BAD_CERTIFICATE"],
  ["ca: PKCS#12", { ca: pkcs12() }, "ERR_TLS_PKCS12", /openssl pkcs12/],
  ["cert: text that is no PEM", { cert: "hello", key: client.key }, "ERR_TLS_BAD_PEM"],
  ["cert: an empty list", { cert: [], key: client.key }, /^ERR_TLS_/],
  ["cert: bytes that are no DER", { cert: garbage, key: client.key }, "ERR_TLS_BAD_CERTIFICATE"],
  ["cert: PKCS#12", { cert: pkcs12(), key: client.key }, "ERR_TLS_PKCS12", /openssl pkcs12/],
  ["cert without key", { cert: client.cert }, /^ERR_TLS_/, /key/],
  ["key without cert", { key: client.key }, /^ERR_TLS_/, /cert/],
  ["key: text that is no PEM", { cert: client.cert, key: "hello" }, "ERR_TLS_BAD_PEM"],
  ["key: a PEM of a certificate", { cert: client.cert, key: client.cert }, "ERR_TLS_BAD_PEM", /CERTIFICATE/],
  ["key: a public key", { cert: client.cert, key: client.publicKey.export({ type: "spki", format: "pem" }) }, "ERR_TLS_BAD_PEM", /PUBLIC KEY/],
  ["key: bytes that are no key", { cert: client.cert, key: garbage }, "ERR_TLS_BAD_KEY"],
  ["key: PKCS#12", { cert: client.cert, key: pkcs12() }, "ERR_TLS_PKCS12", /openssl pkcs12/],
  ["key: of another certificate", { cert: client.cert, key: identity.key }, "ERR_TLS_KEY_MISMATCH"],
  ["key: of another kind", { cert: client.cert, key: rsa.key }, "ERR_TLS_KEY_MISMATCH"],
  ["key: of the chain's second certificate", { cert: deep.cert + intermediate.cert, key: intermediate.key }, "ERR_TLS_KEY_MISMATCH"],
  ["sni: an empty string", { sni: "" }, "ERR_TLS_BAD_OPTION"],
  ["sni: a blank in it", { sni: "a b" }, "ERR_TLS_BAD_OPTION"],
  ["sni: a URL", { sni: "https://a.test/" }, "ERR_TLS_BAD_OPTION"],
  ["sni: a name with a port", { sni: "a.test:443" }, "ERR_TLS_BAD_OPTION"],
  ["sni: a wildcard", { sni: "*.a.test" }, "ERR_TLS_BAD_OPTION"],
  ["sni: a NUL in it", { sni: "a.test\0b" }, "ERR_TLS_BAD_OPTION"],
  ["sni: a label of 64 characters", { sni: `${"a".repeat(64)}.test` }, "ERR_TLS_BAD_OPTION"],
  ["sni: a name of 300 characters", { sni: "abcdefghi.".repeat(30) }, "ERR_TLS_BAD_OPTION"],
  ["sni: not ASCII", { sni: "bücher.test" }, "ERR_TLS_BAD_OPTION", /xn--/],
  ["alpn: an empty name", { alpn: [""] }, "ERR_TLS_BAD_OPTION"],
  ["alpn: a name of 256 bytes", { alpn: ["x".repeat(256)] }, "ERR_TLS_BAD_OPTION"],
  ["alpn: more than the extension holds", { alpn: Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(255, "x")) }, "ERR_TLS_BAD_OPTION"],
  ["pinnedCertificates: an empty string", { pinnedCertificates: [""] }, "ERR_TLS_BAD_OPTION"],
  ["pinnedCertificates: 63 digits", { pinnedCertificates: [identity.fingerprint.slice(1)] }, "ERR_TLS_BAD_OPTION"],
  ["pinnedCertificates: 65 digits", { pinnedCertificates: [`${identity.fingerprint}0`] }, "ERR_TLS_BAD_OPTION"],
  ["pinnedCertificates: SHA-1", { pinnedCertificates: ["00".repeat(20)] }, "ERR_TLS_BAD_OPTION", /SHA-256/],
  ["pinnedCertificates: base64", { pinnedCertificates: [Buffer.from(identity.fingerprint, "hex").toString("base64")] }, "ERR_TLS_BAD_OPTION"],
  ["pinnedCertificates: one bad among good ones", { pinnedCertificates: [identity.fingerprint, "sha256"] }, "ERR_TLS_BAD_OPTION"],
];

/** `[name, members]`: what Web IDL itself refuses. */
const badTypes = [
  ["sni: a Symbol", { sni: Symbol("a.test") }],
  ["alpn: a string, which is no object", { alpn: "h2" }],
  ["alpn: a number", { alpn: 2 }],
  ["alpn: an object that cannot be iterated", { alpn: {} }],
  ["alpn: a Symbol in it", { alpn: [Symbol("h2")] }],
  ["alpn: null", { alpn: null }],
  ["pinnedCertificates: a string", { pinnedCertificates: identity.fingerprint }],
  ["minVersion: another word", { minVersion: "TLSv1.1" }],
  ["minVersion: another case", { minVersion: "tlsv1.3" }],
  ["minVersion: a number", { minVersion: 1.3 }],
  ["serverCertificates: a string", { serverCertificates: "a.test" }],
  ["serverCertificates: an entry that is no object", { serverCertificates: { "a.test": 7 } }],
  ["serverCertificates: an entry without key", { serverCertificates: { "a.test": { cert: identity.cert } } }],
  ["serverCertificates: an entry without cert", { serverCertificates: { "a.test": { key: identity.key } } }],
];

describe("R-tls-asked, R-error: bad options of a client", () => {
  let port;
  beforeEach(async () => {
    port = (await listen()).port;
  });

  test.each(badForClients)("%s: InvalidAccessError", (_, secureTransport, code, words = /./) => {
    const error = expectDOMException(() => secureClient(port, secureTransport), "InvalidAccessError");
    expect(error.code).toMatch(code);
    expect(error.message).toMatch(words);
    // The message names the member.
    expect(error.message).toMatch(new RegExp(Object.keys(secureTransport).join("|")));
  });

  test.each(badTypes)("%s: TypeError", (_, secureTransport) => {
    expectTypeError(() => secureClient(port, secureTransport));
  });

  test("an option that throws when it is read: what it throws, and nobody connects", async () => {
    const server = await listen();
    const options = { get sni() { throw new RangeError("mine"); } };
    expect(thrownBy(() => secureClient(server.port, options))).toMatchObject({ name: "RangeError", message: "mine" });
    await settle();
    expect(server.waiting).toBe(0);
  });

  test("a message never shows a key", () => {
    for (const [, secureTransport] of badForClients.filter(([name]) => name.startsWith("key"))) {
      const { message } = thrownBy(() => secureClient(port, secureTransport));
      expect(message).not.toMatch(/[A-Za-z0-9+/]{60}/);
    }
  });
});

describe("R-srv-secure: bad options of a server", () => {
  const bad = badForClients.filter(([, members]) => "cert" in members || "key" in members || "alpn" in members);

  test.each(bad)("%s: InvalidAccessError, and no port is taken", (_, members, code) => {
    const secureTransport = "cert" in members || "key" in members ? members : { ...own, ...members };
    const error = expectDOMException(() => secureServer(secureTransport), "InvalidAccessError");
    expect(error.code).toMatch(code);
  });

  test.each([
    ["neither cert nor key", {}],
    ["no certificate under any name", { serverCertificates: {} }],
    ["trust alone", { ca: ca.cert }],
  ])("%s: InvalidAccessError", (_, secureTransport) => {
    const error = expectDOMException(() => secureServer(secureTransport), "InvalidAccessError");
    expect(error.message).toMatch(/cert/);
  });

  test.each([
    ["an empty name", ""],
    ["a bare asterisk", "*"],
    ["an asterisk within a label", "a*.test"],
    ["an asterisk behind", "a.*"],
    ["two asterisks", "*.*.test"],
    ["a blank", "a b.test"],
  ])("serverCertificates: %s: InvalidAccessError", (_, name) => {
    const error = expectDOMException(() => secureServer({ serverCertificates: { [name]: own } }), "InvalidAccessError");
    expect(error.message).toMatch(/serverCertificates/);
  });

  test("serverCertificates: a bad entry is told by its name", () => {
    const serverCertificates = { "good.test": own, "bad.test": { cert: client.cert, key: identity.key } };
    const error = expectDOMException(() => secureServer({ serverCertificates }), "InvalidAccessError", "ERR_TLS_KEY_MISMATCH");
    expect(error.message).toContain("bad.test");
  });

  test("requestCert without ca: InvalidAccessError, unless rejectUnauthorized is false", () => {
    const error = expectDOMException(() => secureServer({ ...own, requestCert: true }), "InvalidAccessError");
    expect(error.message).toMatch(/requestCert/);
    expect(error.message).toMatch(/`?ca`?/);
    secureServer({ ...own, requestCert: true, rejectUnauthorized: false });
    secureServer({ ...own, requestCert: true, ca: ca.cert });
  });

  test.each(badTypes)("%s: TypeError", (_, members) => {
    expectTypeError(() => secureServer({ ...own, ...members }));
  });

  test.each([-1, 2 ** 32, NaN, Infinity, "soon"])("handshakeTimeout: %p throws TypeError (R-range)", (handshakeTimeout) => {
    expectTypeError(() => secureServer(own, { handshakeTimeout }));
    expectTypeError(() => tcpServer({ handshakeTimeout }));
  });

  test.each([-1, 2 ** 32, NaN, Infinity, "soon"])("connectTimeout: %p throws TypeError (R-range)", (connectTimeout) => {
    expectTypeError(() => tcp("127.0.0.1", 9, { connectTimeout }));
  });
});

describe("R-tls-start: bad options of startTls()", () => {
  test.each(badForClients)("%s: a rejection with InvalidAccessError, and the socket stays as it is", async (_, options, code) => {
    const { socket } = await tcpPair();
    const error = await socket.startTls(options).catch((reason) => reason);
    expect(error).toMatchObject({ name: "InvalidAccessError" });
    expect(error.code).toMatch(code);
    expect(socket.readyState).toBe("open");
  });

  test.each(badTypes)("%s: a rejection with TypeError, and the socket goes on in plain text", async (_, options) => {
    const { socket, peer } = await tcpPair();
    await expect(socket.startTls(options)).rejects.toMatchObject({ name: "TypeError" });
    socket.send("plain");
    const inbox = collect(peer);
    await inbox.until(5);
    expect(inbox.text()).toBe("plain");
  });
});

describe("R-tls-verify, R-srv-secure: forms of certificates and keys", () => {
  const rows = [
    ["ec", "pkcs8"], ["ec", "sec1"], ["ec", "pkcs8 der"], ["ec", "sec1 der"],
    ["rsa", "pkcs8"], ["rsa", "pkcs1"], ["rsa", "pkcs8 der"], ["rsa", "pkcs1 der"],
    ["ed25519", "pkcs8"], ["ed25519", "pkcs8 der"],
    ["p384", "pkcs8"], ["p384", "sec1"],
  ];
  const pairs = Object.fromEntries(["ec", "rsa", "ed25519", "p384"].map((kind) => [kind, makeKey(kind)]));

  test.each(rows)("a server's %s key as %s", async (kind, form) => {
    const issued = all.issue({ pair: pairs[kind], ip: ["127.0.0.1"] });
    const server = acceptingServer({ cert: issued.cert, key: keyForms[form](issued.privateKey) });
    const peer = await dialTLS(server.localPort, { ca: ca.cert, rejectUnauthorized: true });
    expect(peer.getPeerCertificate().fingerprint256.replaceAll(":", "").toLowerCase()).toBe(issued.fingerprint);
  });

  test.each([
    ["ec", "encrypted pkcs8"], ["rsa", "encrypted pkcs8"], ["rsa", "encrypted pkcs1"], ["ec", "encrypted sec1"], ["ec", "encrypted pkcs8 der"],
  ])("an %s key as %s is refused with the command that helps", (kind, form) => {
    const issued = all.issue({ pair: pairs[kind], ip: ["127.0.0.1"] });
    const key = keyForms[form](issued.privateKey);
    const error = expectDOMException(() => secureServer({ cert: issued.cert, key }), "InvalidAccessError", "ERR_TLS_ENCRYPTED_KEY");
    expect(error.message).toMatch(/openssl pkey/);
  });

  test.each([
    ["one PEM with the chain in it", (one) => one.chain],
    ["PEMs one by one", (one) => [one.cert, intermediate.cert]],
    ["DER one by one", (one) => [one.der, intermediate.der]],
    ["DER in an ArrayBuffer", (one) => [new Uint8Array(one.der).buffer, intermediate.cert]],
    ["a DataView, PEM as bytes", (one) => [new DataView(new Uint8Array(Buffer.from(one.cert)).buffer), Buffer.from(intermediate.cert)]],
    ["any iterable", (one) => new Set([one.cert, intermediate.cert])],
    ["a buffer of another realm", (one) => [foreign(`new Uint8Array([${[...one.der]}])`), intermediate.cert]],
    ["text around the PEM, CRLF", (one) => `subject=…\r\n${one.chain.replaceAll("\n", "\r\n")}\r\nthe end\r\n`],
    ["certificate and key in one PEM", (one) => one.key + one.chain],
  ])("a chain as %s", async (_, form) => {
    const server = acceptingServer({ cert: form(deep), key: deep.key });
    const peer = await dialTLS(server.localPort, { ca: ca.cert, rejectUnauthorized: true });
    expect(peer.authorized).toBe(true);
  });

  test("a client trusts `ca` in each form", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    for (const form of [ca.cert, ca.der, [ca.cert], [ca.der], Buffer.from(ca.cert), new Set([ca.der])]) {
      await opened(secureClient(server.port, { ca: form }));
    }
  });

  test("R-copy: buffers are taken as they are at the call", async () => {
    const [cert, root] = [Buffer.from(identity.der), Buffer.from(ca.der)];
    const key = Buffer.from(keyForms["pkcs8 der"](identity.privateKey));
    const server = acceptingServer({ cert, key });
    const socket = secureClient(server.localPort, { ca: root });
    for (const bytes of [cert, root, key]) {
      bytes.fill(0);
    }
    await opened(socket);
  });

  test("undefined members are absent", async () => {
    const nothing = Object.fromEntries(["sni", "alpn", "cert", "key", "serverCertificates", "minVersion"].map((name) => [name, undefined]));
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    await opened(secureClient(server.port, { ...nothing, ca: ca.cert, passphrase: undefined }));
  });
});
