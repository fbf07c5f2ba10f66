"use strict";

const { connect } = require("../..");
const {
  TCPSocket,
  badDictionaries,
  badPorts,
  expectIsDOMException,
  hasIPv6,
  listen,
  run,
  settle,
  track,
  unconvertibleAddresses,
  unconvertiblePorts,
} = require("../helpers");

/** What a promise rejects with; a call that throws fails the test. */
const rejection = (promise) => promise.then((value) => Promise.reject(new Error(`fulfilled with ${String(value)}`)), (reason) => reason);

let server;

beforeEach(async () => {
  server = await listen();
});

/** Whatever a call was refused for, it must not have connected. */
async function expectNoConnection() {
  await settle();
  expect(server.waiting).toBe(0);
}

describe("connect() has the shape of a Web IDL operation (R-shape, R-connect)", () => {
  test("its name and length, and that it is no constructor", () => {
    expect([connect.name, connect.length]).toEqual(["connect", 2]);
    expect(() => new connect("127.0.0.1", server.port)).toThrow(TypeError);
    expect(Object.keys(require("../..")).sort()).toEqual(expect.arrayContaining(["connect"]));
  });

  test("it returns a promise of a TCPSocket that is open", async () => {
    const promise = connect("127.0.0.1", server.port);
    expect(Object.prototype.toString.call(promise)).toBe("[object Promise]");
    const socket = track(await promise);
    expect(socket).toBeInstanceOf(TCPSocket);
    expect(socket.readyState).toBe("open");
    expect([socket.remoteAddress, socket.remotePort]).toEqual(["127.0.0.1", String(server.port)]);
    const peer = await server.next();
    expect([socket.localAddress, socket.localPort]).toEqual([peer.remoteAddress, peer.remotePort]);
  });

  test("missing arguments reject with TypeError", async () => {
    for (const args of [[], ["127.0.0.1"]]) {
      expect((await rejection(connect(...args))).name).toBe("TypeError");
    }
  });

  test("arguments are converted from left to right, and options before anything is checked", async () => {
    const order = [];
    const step = (name, value) => ({
      [Symbol.toPrimitive]() {
        order.push(name);
        return value;
      },
    });
    const members = ["localAddress", "noDelay", "allowAddress", "attemptDelay", "connectTimeout", "dnsQueryType", "lookup"];
    const options = {};
    for (const name of members) {
      Object.defineProperty(options, name, { get: () => void order.push(name) });
    }
    expectIsDOMException(await rejection(connect(step("host", ""), step("port", 0), options)), "InvalidAccessError");
    // The inherited dictionary's members first.
    const of = (...names) => order.filter((name) => names.includes(name));
    expect(order.slice(0, 2)).toEqual(["host", "port"]);
    expect(of("localAddress", "noDelay", "allowAddress", "dnsQueryType", "lookup")).toEqual([
      "localAddress",
      "noDelay",
      "allowAddress",
      "dnsQueryType",
      "lookup",
    ]);
    expect(of(...members).length).toBeGreaterThanOrEqual(members.length);
  });

  test("what a conversion throws is what it rejects with", async () => {
    const thrown = new Error("thrown");
    const throws = {
      toString() {
        throw thrown;
      },
      valueOf() {
        throw thrown;
      },
    };
    expect(await rejection(connect(throws, server.port))).toBe(thrown);
    expect(await rejection(connect("127.0.0.1", throws))).toBe(thrown);
    expect(await rejection(connect("127.0.0.1", server.port, { localAddress: throws }))).toBe(thrown);
    await expectNoConnection();
  });
});

describe("port (R-port)", () => {
  test.each([["0", 0], ["an empty string", ""], ["null", null], ["undefined", undefined], ...badPorts])("%s rejects with InvalidAccessError", async (_name, port) => {
    expectIsDOMException(await rejection(connect("127.0.0.1", port)), "InvalidAccessError");
  });

  test.each(unconvertiblePorts)("%s rejects with TypeError", async (_name, port) => {
    expect((await rejection(connect("127.0.0.1", port))).name).toBe("TypeError");
  });

  test("its decimal text is a port", async () => {
    expect(track(await connect("127.0.0.1", String(server.port))).readyState).toBe("open");
  });
});

describe("host (R-connect)", () => {
  test.each(unconvertibleAddresses)("%s rejects with TypeError", async (_name, host) => {
    expect((await rejection(connect(host, 9))).name).toBe("TypeError");
  });

  test.each([
    ["", "empty"],
    [" ", "characters"],
    [" localhost", "characters"],
    ["localhost ", "characters"],
    ["local host", "characters"],
    ["localhost\0.test", "characters"],
    ["local%host", "characters"],
    ["http://localhost/", "hostname"],
    ["localhost/path", "hostname"],
    ["user@localhost", "hostname"],
    ["localhost:80", "port"],
    ["127.0.0.1:80", "port"],
    ["[::1]:80", "port"],
    ["[localhost]", "characters"],
    ["[127.0.0.1]", "characters"],
    ["::1::", "IPv6"],
    ["1:2:3", "IPv6"],
    ["[::g]", ""],
    ["fe80::1%", "IPv6"],
    ["fe80::1%no-such-interface", "interface"],
    ["x".repeat(254), "too long"],
    ["x".repeat(1_000_000), "too long"],
    ["\ud800.test", "IDNA"],
    ["xn--\u00fc.test", "IDNA"],
  ])("%j rejects with InvalidAccessError that says why", async (host, why) => {
    const lookup = () => Promise.reject(new Error("must not be asked"));
    const error = await rejection(connect(host, 9, { lookup }));
    expectIsDOMException(error, "InvalidAccessError");
    expect(error.message).toContain(why);
    expect(error.message.length).toBeLessThan(400);
  });

  test("an IPv4 literal in any form that is one", async () => {
    for (const host of ["127.0.0.1", "::ffff:127.0.0.1", "[::ffff:127.0.0.1]", "::ffff:7f00:1"]) {
      expect(track(await connect(host, server.port)).remoteAddress).toBe("127.0.0.1");
    }
  });

  (hasIPv6 ? test : test.skip)("an IPv6 literal, in brackets as in URL.hostname too", async () => {
    const six = await listen({ host: "::1" });
    const { hostname } = new URL(`http://[0:0:0:0:0:0:0:1]:${six.port}/`);
    for (const host of ["::1", "0:0:0:0:0:0:0:1", hostname]) {
      expect(track(await connect(host, six.port)).remoteAddress).toBe("::1");
    }
  });
});

describe("options (R-range, R-connect)", () => {
  test.each(badDictionaries)("%s as options rejects with TypeError (R-shape)", async (_name, options) => {
    expect((await rejection(connect("127.0.0.1", server.port, options))).name).toBe("TypeError");
    await expectNoConnection();
  });

  test("undefined and null are no options", async () => {
    for (const options of [undefined, null, {}]) {
      expect(track(await connect("127.0.0.1", server.port, options)).readyState).toBe("open");
    }
  });

  test.each([
    ["attemptDelay", -1],
    ["attemptDelay", 2 ** 32],
    ["attemptDelay", NaN],
    ["attemptDelay", "soon"],
    ["connectTimeout", -1],
    ["connectTimeout", 2 ** 32],
    ["connectTimeout", Infinity],
    ["dnsQueryType", "ipv5"],
    ["dnsQueryType", ""],
    ["dnsQueryType", 4],
    ["dnsQueryType", null],
    ["lookup", null],
    ["lookup", "function"],
    ["lookup", {}],
    ["allowAddress", null],
    ["allowAddress", true],
    ["highWaterMark", -1],
    ["keepAliveDelay", -1],
    ["closeTimeout", -1],
    ["closeTimeout", 2 ** 32],
  ])("%s: %p rejects with TypeError", async (name, value) => {
    expect((await rejection(connect("127.0.0.1", server.port, { [name]: value }))).name).toBe("TypeError");
    await expectNoConnection();
  });

  test.each([
    ["localPort", -1],
    ["localPort", 65536],
    ["localPort", "http"],
    ["localAddress", ""],
    ["localAddress", "localhost"],
    ["localAddress", "127.0.0.1:80"],
    ["localAddress", null],
    ["sendBufferSize", 0],
    ["receiveBufferSize", 0],
  ])("%s: %p rejects with InvalidAccessError", async (name, value) => {
    const error = await rejection(connect("127.0.0.1", server.port, { [name]: value }));
    expectIsDOMException(error, "InvalidAccessError");
    expect(error.message).toContain(name);
    await expectNoConnection();
  });

  test("the longest delays are delays", async () => {
    const options = { attemptDelay: 2 ** 32 - 1, connectTimeout: 2 ** 32 - 1 };
    expect(track(await connect("127.0.0.1", server.port, options)).readyState).toBe("open");
  });

  test("those of the socket are the socket's", async () => {
    const socket = track(await connect("127.0.0.1", server.port, { highWaterMark: 10, allowHalfOpen: true }));
    expect(socket.send("12345")).toBe(true);
    expect(socket.send("1234567")).toBe(false);
  });
});

test("where Node's permission model denies network access connect() rejects with SecurityError (R-trust)", async () => {
  if (!process.allowedNodeEnvironmentFlags.has("--allow-net")) {
    // This Node's model does not cover the network: nothing is denied.
    return;
  }
  const script = `connect("127.0.0.1", 9).catch((error) => process.stdout.write(error.name));`;
  const { stdout } = await run(script, { nodeArgs: ["--permission", "--allow-fs-read=*", "--allow-addons"] });
  expect(stdout).toBe("SecurityError");
});
