"use strict";

// What a message says of the commonest mistakes: what was wrong, and what would be right. One table: the call, the exception's name
// and code, and what the message must hold.

const { ROOT, TCPServerSocket, TCPSocket, UDPSocket, expendable, listen, once, tcpServer, track, udp } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { namespaceTest, inNamespace } = require("../helpers/netns");

const { connect } = require(ROOT);

const { cert, key } = authority().server;
const secure = (secureTransport) => new TCPServerSocket({ secureTransport });

const table = [
  ["a port that is a word", () => new UDPSocket({ localPort: "abc" }), "InvalidAccessError", 15, /localPort must be an integer.*no number/],
  ["a port number instead of options", () => new TCPServerSocket(8080), "TypeError", undefined, /\{ localPort: 8080 \}/],
  ["below a range that begins with 1", () => new UDPSocket({ timeToLive: -1 }), "TypeError", undefined, /from 1 to 255, not -1/],
  ["a backlog of -1", () => new TCPServerSocket({ backlog: -1 }), "TypeError", undefined, /from 1 to 4294967295/],
  ["a buffer size that is no number", () => new TCPSocket("::1", 9, { sendBufferSize: "much" }), "TypeError", undefined, /from 1 to .*"much"/],
  ["a link-local address without its zone", () => new UDPSocket({ localAddress: "fe80::1" }), "InvalidAccessError", "EINVAL", /fe80::1%eth0/],
  ["PEM with \\n as two characters", () => secure({ cert: cert.replaceAll("\n", "\\n"), key }), "InvalidAccessError", "ERR_TLS_BAD_PEM", /replaceAll/],
  ["PEM in UTF-16", () => secure({ cert: Buffer.from(`\ufeff${cert}`, "utf16le"), key }), "InvalidAccessError", "ERR_TLS_BAD_PEM", /UTF-16.*UTF-8/],
  [
    "PEM in UTF-16, the other byte order",
    () => secure({ cert: Buffer.from(`\ufeff${cert}`, "utf16le").swap16(), key }),
    "InvalidAccessError",
    "ERR_TLS_BAD_PEM",
    /UTF-16/,
  ],
  ["an international name", () => secure({ serverCertificates: { "bücher.example": { cert, key } } }), "InvalidAccessError", "ERR_TLS_BAD_OPTION", /xn--/],
  ["an address with its port", () => new TCPSocket("127.0.0.1:80", 80), "InvalidAccessError", 15, /give an IPv4 or IPv6 address/],
];

test.each(table)("%s", (_, call, name, code, text) => {
  let error;
  try {
    track(call());
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toMatchObject({ name, ...(code === undefined ? {} : { code }) });
  expect(error.message).toMatch(text);
  // None is about a system call, or shows a type of the implementation's; what was given is shown cut.
  expect(error.message).not.toMatch(/::[a-z_]+::|epoll|pthread|setsockopt|NaN/);
  expect(error.message.length).toBeLessThan(400);
});

test("a link-local destination without its zone, in an event", async () => {
  const { error } = await once(expendable(new TCPSocket("fe80::1", 9)), "error");
  expect(error.message).toMatch(/fe80::1%eth0/);
});

test("the same of connect(), which has the constructor's advice", async () => {
  const error = await connect("fe80::1", 9).catch((reason) => reason);
  expect(error).toMatchObject({ name: "NetworkError", code: "EINVAL", message: expect.stringMatching(/fe80::1%eth0/) });
});

test("a handshake that takes too long is not said to be a peer that is down", async () => {
  const { port } = await listen();
  const error = await connect("127.0.0.1", port, { secureTransport: "on", connectTimeout: 100 }).catch((reason) => reason);
  expect(error).toMatchObject({ name: "NetworkError", code: "ETIMEDOUT" });
  expect(error.message).not.toMatch(/is down|firewall/);
});

test("an address and a port in use: choose another one", () => {
  const { localPort } = tcpServer({ localAddress: "127.0.0.1" });
  expect(() => tcpServer({ localAddress: "127.0.0.1", localPort })).toThrow(/Another socket has it: choose another port/);
});

test("an interface that is named by the unspecified address and a zone is that interface", () => {
  const socket = udp({ localAddress: "::" });
  expect(() => socket.joinMulticastGroup("ff15::77", { interfaceAddress: "::%no-such" })).toThrow(expect.objectContaining({ code: "ENODEV" }));
});

namespaceTest("no port is left: what is used up is said, not that an address were wrong", async () => {
  const result = await inNamespace(
    `const messages = {};
    const server = new TCPServerSocket({ localAddress: "127.0.0.1", localPort: 9000 });
    server.onconnect = () => {};
    const first = new TCPSocket("127.0.0.1", 9000);
    await first.opened;
    await new TCPSocket("127.0.0.1", 9000).opened.catch(({ code, message }) => { messages.client = { code, message }; });
    await connect("127.0.0.1", 9000).catch(({ code, message }) => { messages.connect = { code, message }; });
    const sockets = [];
    try {
      for (let i = 0; i < 4; i++) sockets.push(new UDPSocket({ localAddress: "127.0.0.1" }));
    } catch ({ code, message }) {
      messages.udp = { code, message };
    }
    report(messages);
    process.exit(0);`,
    { setup: "ip link set lo up\necho 40000 40000 > /proc/sys/net/ipv4/ip_local_port_range" },
  );
  expect(result.client).toMatchObject({ code: "EADDRNOTAVAIL", message: expect.stringMatching(/No local port is left/) });
  expect(result.connect).toMatchObject({ code: "EADDRNOTAVAIL", message: expect.stringMatching(/No local port is left/) });
  expect(result.udp).toMatchObject({ code: "EADDRINUSE", message: expect.stringMatching(/No port is free/) });
  expect(result.udp.message).not.toMatch(/or 0 for any/);
});
