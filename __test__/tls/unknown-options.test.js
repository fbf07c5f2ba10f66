"use strict";

// R-unknown: nobody gets plain text, weaker TLS or an open filter by a misspelt option.

const { connect } = require("../..");
const { tcp, tcpServer, tcpPair, acceptedPair, udp, listen, settle, expectDOMException, expectTypeError } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { secureServer } = require("../helpers/tls");
const { obstacle, socketPath, unix, unixServer } = require("../helpers/unix");

const { server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };

/** A client of a server that may let it wait: whatever becomes of it. */
function attempt(port, options) {
  const socket = tcp("127.0.0.1", port, options);
  socket.onerror = () => {};
}

/** `[name of the dictionary, call]`: everything that takes options of TLS. */
const dictionaries = [
  ["a client's secureTransport", (members) => tcp("127.0.0.1", 9, { secureTransport: members })],
  ["a server's secureTransport", (members) => tcpServer({ secureTransport: { ...own, ...members } })],
  ["a certificate in serverCertificates", (members) => tcpServer({ secureTransport: { serverCertificates: { "a.test": { ...own, ...members } } } })],
  ["setSecureContext()", (members) => secureServer(own).setSecureContext({ ...own, ...members })],
];

/** `[name, nearest]` in SecureTransportOptions. */
const misspelt = [
  ["minversion", "minVersion"],
  ["minVersoin", "minVersion"],
  ["rejectUnauthorised", "rejectUnauthorized"],
  ["requestCerts", "requestCert"],
  ["servername", "sni"],
  ["serverName", "sni"],
  ["ALPNProtocols", "alpn"],
  ["alpnProtocols", "alpn"],
  ["caCerts", "ca"],
  ["CA", "ca"],
  ["certChain", "cert"],
  ["privateKey", "key"],
  ["SNICallback", "certificateFor"],
  ["pinnedCertificate", "pinnedCertificates"],
  ["keylog", "keyLog"],
  // Known to nobody: the nearest all the same.
  ["kez", "key"],
];

describe("R-unknown: an unknown member of TLS options", () => {
  test.each(dictionaries)("%s: throws TypeError that tells it", (_, call) => {
    expect(expectTypeError(() => call({ certs: "x" })).message).toMatch(/"certs".* did you mean cert\?/);
  });

  test("connect() and startTls() reject with it", async () => {
    const { port } = await listen();
    await expect(connect("127.0.0.1", port, { secureTransport: { minversion: "TLSv1.3" } })).rejects.toThrow(/did you mean minVersion/);
    const { socket } = await tcpPair();
    await expect(socket.startTls({ servername: "a.test" })).rejects.toThrow(/did you mean sni/);
    expect(socket.readyState).toBe("open");
    const accepted = await acceptedPair();
    await expect(accepted.socket.startTls({ ...own, ciphers: "NULL" })).rejects.toThrow(TypeError);
  });

  test.each(misspelt)("%s: it names %s", (name, nearest) => {
    const { message } = expectTypeError(() => tcp("127.0.0.1", 9, { secureTransport: { [name]: true } }));
    expect(message).toMatch(new RegExp(`^options\\.secureTransport has no member "${name}": did you mean ${nearest}\\?`));
    expect(message).toMatch(/rejectUnauthorized/);
  });

  test.each([
    ["maxVersion", /"maxVersion": ciphers, curves and the newest version are not a matter of options/],
    ["ciphers", /"ciphers": ciphers, curves/],
    ["pfx", /convert it to PEM/],
    ["passphrase", /decrypt it/],
    ["session", /"session": sessions and stapled answers/],
  ])("%s, which there is not: what to do instead", (name, advice) => {
    const { message } = expectTypeError(() => tcp("127.0.0.1", 9, { secureTransport: { [name]: "x" } }));
    expect(message).toMatch(advice);
    expect(message).not.toMatch(/did you mean/);
  });

  test("is one also where it is inherited, or behind a Proxy, or an array's index", () => {
    const { prototype } = class {};
    prototype.minversion = "TLSv1.3";
    class Options {
      minversion = "TLSv1.3";
    }
    for (const secureTransport of [
      Object.create(prototype),
      new Options(),
      Object.assign(Object.create(null), { minversion: "TLSv1.3" }),
      new Proxy({ minversion: "TLSv1.3" }, {}),
      Object.assign(() => {}, { minversion: "TLSv1.3" }),
      ["TLSv1.3"],
    ]) {
      expectTypeError(() => tcp("127.0.0.1", 9, { secureTransport }));
    }
  });

  test("is none where it is undefined, not enumerable, or a Symbol", async () => {
    class Options {
      #version = "TLSv1.3";
      get minVersion() {
        return this.#version;
      }
      method() {}
    }
    const { port } = await listen();
    for (const secureTransport of [
      { minversion: undefined },
      Object.defineProperty({}, "minversion", { value: "TLSv1.3" }),
      { [Symbol("minversion")]: "TLSv1.3" },
      new Options(),
      new Proxy({ minversion: "TLSv1.3" }, { ownKeys: () => [] }),
    ]) {
      attempt(port, { secureTransport });
    }
  });

  test("whose getter throws, throws that", () => {
    const secureTransport = {
      get minversion() {
        throw new RangeError("mine");
      },
    };
    expect(() => tcp("127.0.0.1", 9, { secureTransport })).toThrow(RangeError);
  });

  test("changes nothing about what is read, and in which order: each member once", () => {
    const read = [];
    const secureTransport = new Proxy({ sni: "a.test", alpn: ["h2"], minversion: 1 }, {
      get(target, name) {
        read.push(name);
        return target[name];
      },
    });
    expectTypeError(() => tcp("127.0.0.1", 9, { secureTransport }));
    const known = ["alpn", "ca", "cert", "certificateFor", "key", "keyLog", "minVersion", "pinnedCertificates", "rejectUnauthorized", "requestCert"];
    expect(read).toEqual([...known, "serverCertificates", "sni", "minversion"]);
  });

  test("of ten million characters: a short message, soon", () => {
    const { message } = expectTypeError(() => tcp("127.0.0.1", 9, { secureTransport: { ["x".repeat(1e7)]: 1 } }));
    expect(message.length).toBeLessThan(500);
  });
});

/** Names of TLS among the options of a socket: ours, node:tls', Bun's, Deno's, undici's. */
const ofTLS = (
  "cert key ca sni servername serverName alpn alpnProtocols ALPNProtocols ALPNCallback SNICallback rejectUnauthorized requestCert pfx " +
  "passphrase ciphers ecdhCurve crl dhparam sigalgs honorCipherOrder minVersion maxVersion secureProtocol secureOptions session ticketKeys " +
  "checkServerIdentity tls ssl secure secureContext https caCerts certFile keyFile caFile certChain privateKey serverCertificates " +
  "pinnedCertificates keyLog minDHSize sessionIdContext sessionTimeout pskCallback pskIdentityHint requestOCSP enableTrace isServer " +
  "clientCertEngine privateKeyEngine privateKeyIdentifier allowPartialTrustChain dhParamsFile lowMemoryMode maxCachedSessions requestTls " +
  "proxyTls unsafelyIgnoreCertificateErrors strictSSL starttls startTls"
).split(" ");

/** `[kind, call]`: a constructor, or connect(), with options. */
const constructors = [
  ["TCPSocket", (options) => tcp("127.0.0.1", 9, options)],
  ["TCPServerSocket", (options) => tcpServer(options)],
  ["UDPSocket", (options) => udp(options)],
  ...(obstacle ? [] : [["UnixSocket", (options) => unix(socketPath(), options)], ["UnixServerSocket", (options) => unixServer(options)]]),
];

const rejection = (options) => connect("127.0.0.1", 9, options).then(() => undefined, (error) => error);

describe("R-unknown: a name of TLS among the options", () => {
  describe.each(constructors)("of %s", (_, make) => {
    test.each(ofTLS)("%s: throws InvalidAccessError that says where it belongs", (name) => {
      const { message } = expectDOMException(() => make({ [name]: "x" }), "InvalidAccessError", 15);
      expect(message).toMatch(new RegExp(`options\\.${name} belongs to TLS.*(secureTransport|datagrams)`));
    });
  });

  test.each(ofTLS)("of connect(): %s rejects with it", async (name) => {
    const error = await rejection({ [name]: "x" });
    expect(error.name).toBe("InvalidAccessError");
    expect(error.message).toMatch(new RegExp(`^connect\\(\\): options\\.${name} belongs to TLS.*secureTransport`));
  });

  test.each([
    ["new TCPServerSocket({ cert, key })", () => tcpServer(own)],
    ["another case", () => tcp("127.0.0.1", 9, { CA: "x" })],
    ["British", () => tcp("127.0.0.1", 9, { rejectUnauthorised: false })],
    ["null", () => tcp("127.0.0.1", 9, { ca: null })],
    ["inherited", () => tcp("127.0.0.1", 9, Object.create({ ca: "x" }))],
    ["beside TLS that is asked for", () => tcp("127.0.0.1", 9, { useSecureTransport: true, rejectUnauthorized: true })],
    ["useSecureTransport of a UDPSocket", () => udp({ useSecureTransport: true })],
    ["secureTransport of a UDPSocket", () => udp({ secureTransport: "on" })],
    ["one mistake more, of a UDPSocket", () => udp({ securTransport: "on" })],
  ])("%s: InvalidAccessError", (_, call) => {
    expectDOMException(call, "InvalidAccessError", 15);
  });

  test.each(["tls", "ssl", "secure"])("%s: false, which is what there is, counts as absent, undefined too", async (name) => {
    const { port } = await listen();
    for (const value of [false, undefined]) {
      attempt(port, { [name]: value });
      tcpServer({ [name]: value });
      udp({ [name]: value });
    }
    expectDOMException(() => attempt(port, { [name]: 0 }), "InvalidAccessError");
  });

  test("undefined, not enumerable, or read by nobody: absent", async () => {
    const { port } = await listen();
    attempt(port, { ca: undefined });
    attempt(port, Object.defineProperty({}, "ca", { value: "x" }));
    attempt(port, {
      get unheardOf() {
        throw new Error("an unknown member is not read");
      },
    });
  });

  test("connects to nobody and opens nothing", async () => {
    const server = await listen();
    expectDOMException(() => tcp("127.0.0.1", server.port, own), "InvalidAccessError");
    await rejection({ rejectUnauthorized: true });
    await settle();
    expect(server.waiting).toBe(0);
  });
});

describe("R-unknown: secureTransport, useSecureTransport and allowAddress but for case or one edit", () => {
  test.each([
    ["SecureTransport", "secureTransport"],
    ["securetransport", "secureTransport"],
    ["secureTransports", "secureTransport"],
    ["secureTranport", "secureTransport"],
    ["secureTransprot", "secureTransport"],
    ["SecureTransporT", "secureTransport"],
    ["useSecuretransport", "useSecureTransport"],
    ["usesSecureTransport", "useSecureTransport"],
    ["UseSecureTranspart", "useSecureTransport"],
  ])("%s: InvalidAccessError that names %s", async (name, ours) => {
    for (const [, make] of constructors.filter(([kind]) => kind !== "UDPSocket")) {
      const { message } = expectDOMException(() => make({ [name]: true }), "InvalidAccessError", 15);
      expect(message).toMatch(`options.${name} is unknown: did you mean ${ours}?`);
    }
    expect((await rejection({ [name]: true })).message).toMatch(`did you mean ${ours}?`);
  });

  test.each(["allowaddress", "allowAdress", "allowAddres", "alowAddress", "allowAddrses"])("%s of connect()", async (name) => {
    const error = await rejection({ [name]: () => false });
    expect(error.name).toBe("InvalidAccessError");
    expect(error.message).toMatch("did you mean allowAddress?");
  });

  describe.each(constructors)("%s", (_, make) => {
    test.each(["allowAddress", "allowAdress"])("%s is connect()'s: InvalidAccessError", (name) => {
      const { message } = expectDOMException(() => make({ [name]: () => false }), "InvalidAccessError", 15);
      expect(message).toMatch(/allowAddress is an option of connect\(\)/);
    });
  });

  test("two edits are another word, and ignored", async () => {
    const { port } = await listen();
    attempt(port, { secureTranspor_s: true, allowAddr: true });
  });
});
