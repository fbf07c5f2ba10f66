"use strict";

const {
  TCPServerSocket,
  track,
  tcpServer,
  listen,
  dial,
  dialLater,
  once,
  settle,
  hasIPv6,
  freePort,
  foreign,
  badPorts,
  unconvertiblePorts,
  badAddresses,
  unconvertibleAddresses,
  badDictionaries,
  expectDOMException,
  expectTypeError,
} = require("../helpers");

const testIPv6 = hasIPv6 ? test : test.skip;

/** A server with exactly these options, without tcpServer()'s default address. */
function serve(...args) {
  return track(new TCPServerSocket(...args));
}

test("a new server is open, and its local address and port are the real ones at once (draft TCPServerSocket constructor)", async () => {
  const server = tcpServer();
  expect(server.readyState).toBe("open");
  expect(server.localAddress).toBe("127.0.0.1");
  expect(server.localPort).toBeGreaterThan(0);
  await dial(server.localPort);
});

test("without localPort each server has a port of its own (draft TCPServerSocket constructor)", () => {
  const ports = Array.from({ length: 20 }, () => tcpServer().localPort);
  expect(new Set(ports).size).toBe(20);
});

testIPv6("without localAddress the server is at ::, for IPv4 and IPv6 clients alike (R-srv-bind)", async () => {
  const server = serve();
  expect(server.localAddress).toBe("::");
  await dial(server.localPort, { host: "127.0.0.1" });
  await dial(server.localPort, { host: "::1" });
});

testIPv6(":: is dual-stack where it is asked for too (R-srv-bind)", async () => {
  const server = serve({ localAddress: "::" });
  await dial(server.localPort, { host: "127.0.0.1" });
});

testIPv6("ipv6Only leaves IPv4 clients out (extensions TCPServerOptions)", async () => {
  const server = serve({ ipv6Only: true });
  expect(server.localAddress).toBe("::");
  await dial(server.localPort, { host: "::1" });
  const refused = dialLater(server.localPort, { host: "127.0.0.1" });
  expect((await once(refused, "error")).code).toBe("ECONNREFUSED");
});

testIPv6.each([
  ["::1", "::1"],
  ["0:0:0:0:0:0:0:1", "::1"],
  ["0:0:0:0:0:0:0:0", "::"],
])("localAddress %s is reported as %s (R-address, RFC 5952)", (given, reported) => {
  expect(serve({ localAddress: given }).localAddress).toBe(reported);
});

test("an IPv4-mapped localAddress counts and is reported as IPv4 (R-address)", async () => {
  const server = serve({ localAddress: "::ffff:127.0.0.1" });
  expect(server.localAddress).toBe("127.0.0.1");
  await dial(server.localPort);
});

test("0.0.0.0 serves every IPv4 interface (draft TCPServerSocket constructor)", async () => {
  const server = serve({ localAddress: "0.0.0.0" });
  expect(server.localAddress).toBe("0.0.0.0");
  await dial(server.localPort);
});

test("localPort is the requested one, also as a string (draft TCPServerSocket constructor, R-port)", async () => {
  const localPort = await freePort();
  const server = tcpServer({ localPort });
  expect(server.localPort).toBe(localPort);
  server.close();
  expect(tcpServer({ localPort: String(localPort) }).localPort).toBe(localPort);
});

test("localPort 0 is any port (R-port)", () => {
  expect(tcpServer({ localPort: 0 }).localPort).toBeGreaterThan(0);
  expect(tcpServer({ localPort: "0" }).localPort).toBeGreaterThan(0);
  expect(tcpServer({ localPort: null }).localPort).toBeGreaterThan(0);
});

test("a port in use throws InvalidAccessError (EADDRINUSE), and who has it keeps it (draft, R-srv-bind)", async () => {
  const taken = await listen();
  const error = expectDOMException(() => tcpServer({ localPort: taken.port }), "InvalidAccessError", "EADDRINUSE");
  expect(error.port).toBe(taken.port);
  expect(error.address).toBe("127.0.0.1");
  await dial(taken.port);
  await taken.next();
});

test("a port that another TCPServerSocket has throws InvalidAccessError too (R-srv-bind)", () => {
  const first = tcpServer();
  expectDOMException(() => tcpServer({ localPort: first.localPort }), "InvalidAccessError", "EADDRINUSE");
  expect(first.readyState).toBe("open");
});

test("an address that this host has not throws InvalidAccessError (draft TCPServerSocket constructor)", () => {
  const error = expectDOMException(() => serve({ localAddress: "203.0.113.77" }), "InvalidAccessError", "EADDRNOTAVAIL");
  expect(error.address).toBe("203.0.113.77");
});

test("a port in TIME_WAIT is free (R-srv-bind)", async () => {
  const server = tcpServer();
  const { localPort } = server;
  const connect = once(server, "connect");
  const peer = await dial(localPort);
  const { connectedSocket } = await connect;
  peer.resume();
  // The end that closes first is the one left in TIME_WAIT: ours.
  connectedSocket.close();
  await once(connectedSocket, "close");
  server.close();
  expect(tcpServer({ localPort }).localPort).toBe(localPort);
});

test("a call without new throws TypeError (R-shape)", () => {
  expectTypeError(() => TCPServerSocket());
});

describe("options", () => {
  test.each(badDictionaries)("%s throws TypeError (R-shape)", (_, options) => {
    expectTypeError(() => serve(options));
  });

  test.each([
    ["undefined", undefined],
    ["null", null],
    ["an empty object", {}],
    ["a foreign realm's object", foreign("({})")],
    ["absent members", { localAddress: undefined, localPort: undefined, backlog: undefined }],
  ])("%s is taken as no options (R-shape)", (_, options) => {
    expect(serve(options).readyState).toBe("open");
  });

  test.each(badAddresses)("localAddress: %s throws InvalidAccessError (draft, R-address)", (_, localAddress) => {
    expectDOMException(() => serve({ localAddress }), "InvalidAccessError");
  });

  test.each(unconvertibleAddresses)("localAddress: %s throws TypeError (R-shape)", (_, localAddress) => {
    expectTypeError(() => serve({ localAddress }));
  });

  test.each(badPorts)("localPort: %s throws InvalidAccessError (draft, R-port)", (_, localPort) => {
    expectDOMException(() => tcpServer({ localPort }), "InvalidAccessError");
  });

  test.each(unconvertiblePorts)("localPort: %s throws TypeError (R-port)", (_, localPort) => {
    expectTypeError(() => tcpServer({ localPort }));
  });

  const numbers = ["backlog", "highWaterMark", "maxBufferedAmount"];
  const outOfRange = [-1, 2 ** 32, NaN, Infinity, "many", {}, Symbol("size"), 1n];
  test.each(numbers.flatMap((name) => outOfRange.map((value) => [name, value])))("%s: %p throws TypeError (R-range)", (name, value) => {
    expectTypeError(() => tcpServer({ [name]: value }));
  });

  test.each([0, -0, 0.5, null, "0"])("backlog: %p throws InvalidAccessError (R-range)", (backlog) => {
    expectDOMException(() => tcpServer({ backlog }), "InvalidAccessError");
  });

  test.each([1, "7", 4096, 2 ** 31, 2 ** 32 - 1])("backlog: %p is taken (R-range)", async (backlog) => {
    const server = tcpServer({ backlog });
    const connect = once(server, "connect");
    await dial(server.localPort);
    track((await connect).connectedSocket);
  });

  test("useSecureTransport: true without a certificate throws InvalidAccessError, and leaves the port free (R-srv-secure)", async () => {
    const localPort = await freePort();
    expectDOMException(() => tcpServer({ localPort, useSecureTransport: true }), "InvalidAccessError");
    expect(tcpServer({ localPort, useSecureTransport: false }).localPort).toBe(localPort);
  });

  test("members are read once each, in lexicographical order (R-shape, Web IDL dictionaries)", () => {
    const read = [];
    const options = new Proxy(
      {},
      {
        get(_, member) {
          read.push(member);
        },
      },
    );
    serve(options);
    expect(read).toEqual([...new Set(read)].sort());
    expect(read).toEqual(expect.arrayContaining(["backlog", "localAddress", "localPort", "useSecureTransport"]));
  });

  test("a throwing getter is passed on, and nothing is bound (R-shape)", async () => {
    const localPort = await freePort();
    const reason = new RangeError("from the getter");
    expect(() =>
      tcpServer({
        localPort,
        get useSecureTransport() {
          throw reason;
        },
      }),
    ).toThrow(reason);
    expect(tcpServer({ localPort }).localPort).toBe(localPort);
  });
});

test("backlog bounds the connections that wait for a listener (extensions TCPServerOptions, R-listen)", async () => {
  const server = tcpServer({ backlog: 1 });
  const clients = Array.from({ length: 10 }, () => dialLater(server.localPort));
  let connected = 0;
  clients.forEach((client) => client.once("connect", () => (connected += 1)));
  await settle(200);
  expect(connected).toBeGreaterThan(0);
  expect(connected).toBeLessThan(10);
});
