"use strict";

// A certificate authority made at run time. It needs no program and no file, and it never expires.
//
//   const { authority } = require("../helpers/certificates");
//   const { ca, server } = authority();
//   new TCPServerSocket({ secureTransport: { cert: server.cert, key: server.key } });
//   new TCPSocket("127.0.0.1", port, { secureTransport: { ca: ca.cert } });

const { createHash, generateKeyPairSync, randomBytes, sign } = require("node:crypto");
const { bits, boolean, explicit, implicit, integer, octets, oid, pem, sequence, set, tagged, time, utf8 } = require("./der");

/** Kinds of key: how one is made, and how it signs (AlgorithmIdentifier, digest). */
const kinds = {
  ec: { make: ["ec", { namedCurve: "P-256" }], algorithm: sequence(oid("1.2.840.10045.4.3.2")), digest: "sha256" },
  p384: { make: ["ec", { namedCurve: "P-384" }], algorithm: sequence(oid("1.2.840.10045.4.3.3")), digest: "sha384" },
  rsa: {
    make: ["rsa", { modulusLength: 2048 }],
    algorithm: sequence(oid("1.2.840.113549.1.1.11"), tagged(0x05)),
    digest: "sha256",
  },
  rsa1024: {
    make: ["rsa", { modulusLength: 1024 }],
    algorithm: sequence(oid("1.2.840.113549.1.1.11"), tagged(0x05)),
    digest: "sha256",
  },
  ed25519: { make: ["ed25519", {}], algorithm: sequence(oid("1.3.101.112")), digest: null },
};

const usages = { serverAuth: "1.3.6.1.5.5.7.3.1", clientAuth: "1.3.6.1.5.5.7.3.2", codeSigning: "1.3.6.1.5.5.7.3.3" };

const DAY = 86_400_000;
const days = (count) => new Date(Date.now() + count * DAY);

/** @typedef {keyof typeof kinds} KeyKind */

/** @param {KeyKind} [kind] */
function makeKey(kind = "ec") {
  const [type, options] = kinds[kind].make;
  return { kind, ...generateKeyPairSync(type, options) };
}

function distinguishedName(commonName) {
  const attribute = (type, value) => set(sequence(oid(type), utf8(value)));
  return sequence(attribute("2.5.4.10", "tcp-udp-sockets test"), attribute("2.5.4.3", commonName));
}

function extension(id, value, critical = false) {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

/** The 4 or 16 bytes of an address literal. */
function addressBytes(address) {
  if (!address.includes(":")) {
    return Buffer.from(address.split(".").map(Number));
  }
  const [before, after] = address.split("::").map((part) => part.split(":").filter(Boolean));
  const groups = after === undefined ? before : [...before, ...Array(8 - before.length - after.length).fill("0"), ...after];
  return Buffer.concat(groups.map((group) => Buffer.from(group.padStart(4, "0"), "hex")));
}

/** A key identifier. A certificate states its own and its issuer's. By custom it is the SHA-1 of the public key. */
function keyIdentifier(publicKey) {
  return createHash("sha1").update(publicKey.export({ type: "spki", format: "der" })).digest();
}

/**
 * A certificate and its key.
 *
 * @typedef {object} Certificate
 * @property {string} name its common name
 * @property {string} cert PEM
 * @property {Buffer} der
 * @property {string} chain PEM: this certificate and those of its issuers, without the root
 * @property {string} key PEM, PKCS#8
 * @property {import("node:crypto").KeyObject} privateKey
 * @property {import("node:crypto").KeyObject} publicKey
 * @property {KeyKind} kind
 * @property {string} fingerprint hex SHA-256 of the DER
 * @property {Certificate | null} issuer null if it signed itself
 */

/**
 * @param {object} how
 * @param {string} how.name the common name
 * @param {Certificate} [how.issuer] the issuer that signs it; absent: it signs itself
 * @param {{ kind: KeyKind } & import("node:crypto").KeyPairKeyObjectResult} [how.pair] its key; absent: a new one
 * @param {KeyKind} [how.kind] of the new key
 * @param {boolean} [how.isCA]
 * @param {string[]} [how.dns] subject alternative names
 * @param {string[]} [how.ip]
 * @param {(keyof typeof usages)[]} [how.usage] extended key usages
 * @param {boolean} [how.keyUsage] true: its key usage is signing certificates, or data
 * @param {Date} [how.from]
 * @param {Date} [how.to]
 * @param {boolean} [how.broken] true: the signature is of other data
 * @param {boolean} [how.old] true: X.509 v1, without extensions
 * @param {Buffer[]} [how.extra] further extensions: `extension()`
 * @returns {Certificate}
 */
function certificate({ name, issuer, kind, pair, isCA = false, dns = [], ip = [], usage = [], keyUsage = true, from, to, broken = false, old = false, extra = [] }) {
  const { privateKey, publicKey, kind: ownKind } = pair ?? makeKey(kind);
  const signer = issuer ?? { privateKey, publicKey, kind: ownKind };
  const { algorithm, digest } = kinds[signer.kind];
  const alternatives = [
    ...dns.map((one) => implicit(2, Buffer.from(one))),
    ...ip.map((one) => implicit(7, addressBytes(one))),
  ];
  const extensions = [
    extension("2.5.29.19", isCA ? sequence(boolean(true)) : sequence(), true),
    // keyCertSign and cRLSign, or digitalSignature.
    ...(keyUsage ? [extension("2.5.29.15", isCA ? bits(Buffer.from([0x06]), 1) : bits(Buffer.from([0x80]), 7), true)] : []),
    extension("2.5.29.14", octets(keyIdentifier(publicKey))),
    extension("2.5.29.35", sequence(implicit(0, keyIdentifier(signer.publicKey)))),
    ...(usage.length > 0 ? [extension("2.5.29.37", sequence(...usage.map((one) => oid(usages[one]))))] : []),
    ...(alternatives.length > 0 ? [extension("2.5.29.17", sequence(...alternatives))] : []),
    ...extra,
  ];
  const serial = randomBytes(16);
  serial[0] |= 1;
  const statement = sequence(
    ...(old ? [] : [explicit(0, integer(2))]),
    integer(serial),
    algorithm,
    distinguishedName(issuer?.name ?? name),
    sequence(time(from ?? days(-1)), time(to ?? days(30))),
    distinguishedName(name),
    publicKey.export({ type: "spki", format: "der" }),
    ...(old ? [] : [explicit(3, sequence(...extensions))]),
  );
  const signature = sign(digest, broken ? Buffer.from("something else") : statement, signer.privateKey);
  const der = sequence(statement, algorithm, bits(signature));
  const cert = pem("CERTIFICATE", der);
  return {
    name,
    cert,
    der,
    // The root is not sent.
    chain: cert + (issuer?.issuer ? issuer.chain : ""),
    key: privateKey.export({ type: "pkcs8", format: "pem" }),
    privateKey,
    publicKey,
    kind: ownKind,
    fingerprint: createHash("sha256").update(der).digest("hex"),
    issuer: issuer ?? null,
  };
}

/** The usual first certificate: `openssl req -x509 -newkey … -nodes -subj /CN=localhost`, which is its own authority. */
function selfSigned({ name = "localhost", dns = ["localhost"], ip = ["127.0.0.1", "::1"], ...rest } = {}) {
  return certificate({ name, dns, ip, isCA: true, keyUsage: false, ...rest });
}

/** The names in the usual server certificate. */
const LOCAL = { dns: ["localhost"], ip: ["127.0.0.1", "::1"] };

/**
 * A root, an intermediate and the certificates that they have signed. Each is made when it is first read.
 *
 * - `ca`, `intermediate`; `stranger`: a root that is not trusted
 * - `server`: for localhost, 127.0.0.1 and ::1, signed by the root; `deep`: the same, signed by the intermediate (`chain`)
 * - `client`, `otherClient`: client certificates
 */
function authority() {
  const made = new Map();
  const makers = {
    ca: () => certificate({ name: "Test Root", isCA: true }),
    stranger: () => certificate({ name: "Stranger Root", isCA: true }),
    intermediate: () => certificate({ name: "Test Intermediate", isCA: true, issuer: all.ca }),
    server: () => certificate({ name: "localhost", issuer: all.ca, ...LOCAL, usage: ["serverAuth"] }),
    deep: () => certificate({ name: "localhost", issuer: all.intermediate, ...LOCAL, usage: ["serverAuth"] }),
    client: () => certificate({ name: "client", issuer: all.ca, usage: ["clientAuth"] }),
    otherClient: () => certificate({ name: "stranger's client", issuer: all.stranger, usage: ["clientAuth"] }),
  };
  const all = {
    /** A server certificate of the root: `{ dns, ip, from, to, kind, usage, … }`. */
    issue: (how) => certificate({ name: how.dns?.[0] ?? "issued", issuer: all.ca, usage: ["serverAuth"], ...how }),
  };
  for (const [name, make] of Object.entries(makers)) {
    Object.defineProperty(all, name, {
      get() {
        if (!made.has(name)) {
          made.set(name, make());
        }
        return made.get(name);
      },
    });
  }
  return all;
}

/** A key in all its formats. PKCS#1 is for RSA, SEC1 for EC. */
const keyForms = {
  pkcs8: (key) => key.export({ type: "pkcs8", format: "pem" }),
  pkcs1: (key) => key.export({ type: "pkcs1", format: "pem" }),
  sec1: (key) => key.export({ type: "sec1", format: "pem" }),
  "pkcs8 der": (key) => key.export({ type: "pkcs8", format: "der" }),
  "pkcs1 der": (key) => key.export({ type: "pkcs1", format: "der" }),
  "sec1 der": (key) => key.export({ type: "sec1", format: "der" }),
  "encrypted pkcs8": (key) => key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }),
  "encrypted pkcs8 der": (key) => key.export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase: "secret" }),
  // openssl's own old format: Proc-Type and DEK-Info headers.
  "encrypted pkcs1": (key) => key.export({ type: "pkcs1", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }),
  "encrypted sec1": (key) => key.export({ type: "sec1", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }),
};

/** The beginning of a .p12 or .pfx file: PFX { version 3, authSafe { data, … } }. */
function pkcs12() {
  const authSafe = sequence(oid("1.2.840.113549.1.7.1"), explicit(0, octets(sequence())));
  return sequence(integer(3), authSafe);
}

module.exports = { authority, certificate, days, extension, keyForms, makeKey, pem, pkcs12, selfSigned };
