"use strict";

// What the program supplies is quoted in messages, but cut to a sensible length and without control characters (R-error): an argument of
// ten million characters makes no message of ten million, and takes no seconds.

const { tcp, tcpServer, tcpPair, udp, listen, thrownBy } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { connect, relay } = require("../..");

const LENGTH = 10_000_000;
const MILLION = 1_000_000;
/** Of a message. */
const LONGEST = 500;
/** ms; all of them take a few tens, a search that begins again at each character takes hours. */
const PATIENCE = 3_000;

const { server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };
const secure = (secureTransport) => tcp("127.0.0.1", 9, { secureTransport });
const secureServer = (secureTransport) => tcpServer({ secureTransport });
const joined = (...request) => udp().joinMulticastGroup(...request);

/** `[name, call]`: every argument that is a string, or is shown in a message. */
const places = [
  ["TCPSocket's remoteAddress", (text) => tcp(text, 80)],
  ["TCPSocket's remotePort", (text) => tcp("127.0.0.1", text)],
  ["a zone", (text) => tcp(`fe80::1%${text}`, 80)],
  ["TCPSocket's localAddress", (text) => tcp("127.0.0.1", 9, { localAddress: text })],
  ["TCPSocket's options", (text) => tcp("127.0.0.1", 9, text)],
  ["TCPSocket's signal", (text) => tcp("127.0.0.1", 9, { signal: text })],
  ["TCPSocket's highWaterMark", (text) => tcp("127.0.0.1", 9, { highWaterMark: `x${text}` })],
  ["TCPServerSocket's localAddress", (text) => tcpServer({ localAddress: text })],
  ["TCPServerSocket's localPort", (text) => tcpServer({ localPort: text })],
  ["UDPSocket's localAddress", (text) => udp({ localAddress: text })],
  ["UDPSocket's remoteAddress", (text) => udp({ remoteAddress: text })],
  ["UDPSocket's multicastInterface", (text) => udp({ multicastInterface: text })],
  ["an IPv6 UDPSocket's multicastInterface", (text) => udp({ localAddress: "::1", multicastInterface: text })],
  ["UDPSocket.send()'s remoteAddress", (text) => udp().send("x", text, 9)],
  ["UDPSocket.send()'s remotePort", (text) => udp().send("x", "127.0.0.1", text)],
  ["joinMulticastGroup()'s group", (text) => joined(text)],
  ["joinMulticastGroup()'s interfaceAddress", (text) => joined("239.7.7.7", { interfaceAddress: text })],
  ["an IPv6 group's interfaceAddress", (text) => udp({ localAddress: "::1" }).joinMulticastGroup("ff02::7", { interfaceAddress: text })],
  ["joinMulticastGroup()'s sourceAddress", (text) => joined("239.7.7.7", { sourceAddress: text })],
  ["leaveMulticastGroup()'s group", (text) => udp().leaveMulticastGroup(text)],
  ["secureTransport", (text) => secure(text)],
  ["sni", (text) => secure({ sni: text })],
  ["alpn", (text) => secure({ alpn: [text.padEnd(256, "x")] })],
  ["ca", (text) => secure({ ca: text })],
  ["ca, in bytes", (text) => secure({ ca: Buffer.from(text) })],
  ["ca: a PEM with that label", (text) => secure({ ca: `-----BEGIN ${text}-----\nAAAA\n-----END ${text}-----` })],
  ["ca: a PEM with that label and no end", (text) => secure({ ca: `-----BEGIN ${text}-----\nAAAA` })],
  ["ca: a PEM with that label and damage", (text) => secure({ ca: `-----BEGIN ${text}-----\n*\n-----END ${text}-----` })],
  ["cert", (text) => secure({ ...own, cert: text })],
  ["key", (text) => secure({ ...own, key: text })],
  ["key: a PEM with that label", (text) => secure({ ...own, key: `-----BEGIN ${text} PRIVATE KEY-----\nAAAA\n-----END ${text} PRIVATE KEY-----` })],
  ["minVersion", (text) => secure({ minVersion: text })],
  ["pinnedCertificates", (text) => secure({ pinnedCertificates: [text] })],
  ["a name in serverCertificates", (text) => secureServer({ serverCertificates: { [text]: own } })],
  ["a name in serverCertificates, of what is no certificate", (text) => secureServer({ serverCertificates: { [text]: 1 } })],
  ["a name in serverCertificates, without its key", (text) => secureServer({ serverCertificates: { [text]: { cert: own.cert } } })],
  ["a certificate in serverCertificates", (text) => secureServer({ serverCertificates: { "a.test": { ...own, cert: text } } })],
  ["an unknown member of secureTransport", (text) => secure({ [text]: 1 })],
  ["relay()'s argument", (text) => relay(text, text)],
  ["connect()'s host", (text) => connect(text, 80)],
  ["connect()'s port", (text) => connect("a.test", text)],
  ["connect()'s localAddress", (text) => connect("127.0.0.1", 9, { localAddress: text })],
  ["connect()'s dnsQueryType", (text) => connect("127.0.0.1", 9, { dnsQueryType: text })],
  ["connect()'s lookup", (text) => connect("127.0.0.1", 9, { lookup: text })],
  ["what lookup gives", (text) => connect("a.test", 80, { lookup: () => [text] })],
  ["what lookup rejects with", (text) => connect("a.test", 80, { lookup: () => Promise.reject(new Error(text)) })],
  ["a text that lookup rejects with", (text) => connect("a.test", 80, { lookup: () => Promise.reject(text) })],
];

/** What a call throws or rejects with. */
async function failureOf(call) {
  const result = await Promise.resolve().then(call).then(
    () => undefined,
    (error) => error,
  );
  return result ?? thrownBy(() => "nothing");
}

/** Control characters and marks of direction. */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u;

describe.each(places)("%s (R-error)", (_, call) => {
  test.each([
    ["ten million letters", "x".repeat(LENGTH)],
    ["a million letters beyond ASCII", "\u00fc".repeat(MILLION)],
    ["a million colons", ":".repeat(MILLION)],
    ["a bracket and a million colons", `[${":".repeat(MILLION)}`],
    ["a million dots", ".".repeat(MILLION)],
  ])("%s: a short message, soon", async (__, text) => {
    const start = performance.now();
    const { message } = await failureOf(() => call(text));
    expect(performance.now() - start).toBeLessThan(PATIENCE);
    expect(message.length).toBeLessThan(LONGEST);
    expect(message.length).toBeGreaterThan(0);
  });

  test("control characters and marks of direction are escaped", async () => {
    const { message } = await failureOf(() => call("a\u001b[31m\u202e\r\n\u0085b"));
    expect(message).not.toMatch(UNPRINTABLE);
  });
});

test("a BigInt of a million digits is not printed, which takes long (R-error)", () => {
  const signal = 1n << 3_000_000n;
  const start = performance.now();
  expect(thrownBy(() => tcp("127.0.0.1", 9, { signal })).message).toBe("options.signal must be an AbortSignal, not a BigInt");
  expect(performance.now() - start).toBeLessThan(PATIENCE);
  expect(thrownBy(() => tcp("127.0.0.1", 9, { signal: 80n })).message).toMatch(/not 80$/);
});

test("data that cannot be sent is not quoted in full (R-error)", async () => {
  const { socket } = await tcpPair();
  const { message } = thrownBy(() => socket.send(1n << 3_000_000n));
  expect(message.length).toBeLessThan(LONGEST);
});

test("what is short is quoted in full, as it is (R-error)", async () => {
  const text = "b\u00fccher.example";
  expect(thrownBy(() => tcp(text, 80)).message).toContain(`"${text}"`);
  const { port } = await listen();
  const host = `${"a".repeat(60)}.`.repeat(4) + "test";
  const error = await connect(host, port, { lookup: () => [] }).catch((reason) => reason);
  expect(error.message).toContain(host);
});
