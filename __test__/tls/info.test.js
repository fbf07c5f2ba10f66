"use strict";

// secureTransportInfo and secureTransport: what the connection tells of itself.

const { X509Certificate } = require("node:crypto");
const { TCPSocket, expendable, once, sha256, tcpPair, track } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { secureAccepted, secureBoth, secureClient, securePair, secureServer } = require("../helpers/tls");

const { ca, server: identity, deep, intermediate, client: clientIdentity } = authority();
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };
const members = ["alpn", "authorizationError", "authorized", "cipher", "group", "peerCertificates", "protocol", "resumed", "sni"];

describe("secureTransportInfo (R-tls-verify, R-tls-asked)", () => {
  test("has exactly the members of its dictionary, frozen, and is the same object at each read", async () => {
    const { socket } = await securePair({ identity, secureTransport: trust });
    const info = socket.secureTransportInfo;
    expect(Object.keys(info).sort()).toEqual(members);
    expect(socket.secureTransportInfo).toBe(info);
    expect([Object.isFrozen(info), Object.isFrozen(info.peerCertificates)]).toEqual([true, true]);
    // An ordinary object, of whichever realm.
    expect(Object.getPrototypeOf(Object.getPrototypeOf(info))).toBeNull();
  });

  test.each(["TLSv1.2", "TLSv1.3"])("tells the protocol and the cipher as node:tls names them, over %s", async (version) => {
    const { socket, peer } = await securePair({ identity, secureTransport: trust, peer: { minVersion: version, maxVersion: version } });
    const { protocol, cipher, resumed } = socket.secureTransportInfo;
    expect([protocol, peer.getProtocol(), resumed]).toEqual([version, version, false]);
    expect(cipher).toBe(peer.getCipher().standardName);
  });

  // In TLS 1.2 a client's curves are also those of the certificates that it takes. An RSA certificate has none.
  const rsa = authority().issue({ ip: ["127.0.0.1"], kind: "rsa" });

  /** The key exchanges: as node:tls asks for them, as it tells them, and as IANA names them. */
  const groups = [["X25519", "X25519", "X25519"], ["P-256", "prime256v1", "secp256r1"], ["P-384", "secp384r1", "secp384r1"]];

  describe.each(["TLSv1.2", "TLSv1.3"])("over %s", (version) => {
    test.each(groups)("a client tells the key exchange %s by IANA's name", async (ecdhCurve, _, name) => {
      const { socket, peer } = await securePair({ identity, secureTransport: trust, peer: { minVersion: version, maxVersion: version, ecdhCurve } });
      expect([socket.secureTransportInfo.group, peer.getProtocol()]).toEqual([name, version]);
    });

    test.each(groups)("a server tells the key exchange %s by IANA's name", async (ecdhCurve, named, name) => {
      const { socket, peer } = await secureAccepted({ secureTransport: { cert: rsa.cert, key: rsa.key }, peer: { minVersion: version, maxVersion: version, ecdhCurve } });
      expect([socket.secureTransportInfo.group, peer.getEphemeralKeyInfo().name]).toEqual([name, named]);
    });
  });

  // AES-128-GCM, or ChaCha20 where the processor does not know AES.
  const preferred = ["TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256"];

  test("a client offers the cheapest good cipher first", async () => {
    const { socket } = await securePair({ identity, secureTransport: trust, peer: { honorCipherOrder: false } });
    expect(preferred).toContain(socket.secureTransportInfo.cipher);
  });

  test("a server takes it whatever the client likes best, and another where the client has only that", async () => {
    const secureTransport = { cert: identity.cert, key: identity.key };
    const names = ["TLS_AES_256_GCM_SHA384", ...preferred];
    const all = await secureAccepted({ secureTransport, peer: { ciphers: names.join(":") } });
    expect(preferred).toContain(all.socket.secureTransportInfo.cipher);
    const one = await secureAccepted({ secureTransport, peer: { ciphers: names[0] } });
    expect(one.socket.secureTransportInfo.cipher).toBe(names[0]);
  });

  test("tells the peer's certificates as DER, leaf first", async () => {
    const { socket } = await securePair({ identity: deep, secureTransport: trust });
    const { peerCertificates } = socket.secureTransportInfo;
    expect(peerCertificates.map((der) => sha256(der))).toEqual([deep.fingerprint, intermediate.fingerprint]);
    expect(peerCertificates.every((der) => Object.prototype.toString.call(der) === "[object ArrayBuffer]")).toBe(true);
    expect(new X509Certificate(Buffer.from(peerCertificates[0])).subjectAltName).toContain("IP Address:127.0.0.1");
  });

  test("tells the name that was asked for, at both ends; null where none was", async () => {
    const server = secureServer(own);
    for (const [sni, told] of [["localhost", "localhost"], ["127.0.0.1", null], [undefined, null]]) {
      const connect = once(server, "connect");
      const client = secureClient(server.localPort, { ...trust, sni });
      const [{ connectedSocket }] = await Promise.all([connect, once(client, "open")]);
      expect(client.secureTransportInfo.sni ?? null).toBe(told);
      expect(track(connectedSocket).secureTransportInfo.sni).toBe(told);
    }
  });

  test("a server without requestCert: no certificates, not authorized, and no error to tell", async () => {
    const { socket } = await secureAccepted({ secureTransport: own });
    expect(socket.secureTransportInfo).toMatchObject({ peerCertificates: [], authorized: false, authorizationError: null });
  });

  test("both ends of this package agree", async () => {
    const { client, accepted } = await secureBoth({
      server: { ...own, alpn: ["x/1"], requestCert: true, ca: ca.cert },
      client: { ...trust, alpn: ["x/1"], sni: "localhost", cert: clientIdentity.cert, key: clientIdentity.key },
    });
    const [ours, theirs] = [client.secureTransportInfo, accepted.secureTransportInfo];
    for (const name of ["protocol", "cipher", "group", "alpn", "sni", "resumed", "authorized"]) {
      expect([name, ours[name]]).toEqual([name, theirs[name]]);
    }
    expect(sha256(theirs.peerCertificates[0])).toBe(clientIdentity.fingerprint);
  });

  test("is null, and secureTransport not on, until the handshake is done; both stay once closed", async () => {
    const server = secureServer(own);
    server.onconnect = ({ connectedSocket }) => expendable(connectedSocket);
    const socket = secureClient(server.localPort, trust);
    expect([socket.secureTransport, socket.secureTransportInfo]).toEqual(["off", null]);
    await once(socket, "open");
    const info = socket.secureTransportInfo;
    const closed = once(socket, "close");
    socket.reset();
    await closed;
    expect([socket.secureTransport, socket.secureTransportInfo]).toEqual(["on", info]);
  });

  test("a plain socket: null and off", async () => {
    const { socket } = await tcpPair();
    expect([socket.secureTransport, socket.secureTransportInfo]).toEqual(["off", null]);
  });

  test("both are read-only accessors of the prototype (R-shape)", () => {
    for (const name of ["secureTransport", "secureTransportInfo"]) {
      const { get, set, enumerable } = Object.getOwnPropertyDescriptor(TCPSocket.prototype, name);
      expect([get.name, set, enumerable]).toEqual([`get ${name}`, undefined, true]);
      expect(() => get.call({})).toThrow(expect.objectContaining({ name: "TypeError" }));
    }
  });
});
