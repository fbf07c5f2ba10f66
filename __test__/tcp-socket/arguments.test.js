"use strict";

const fs = require("node:fs");
const {
  TCPSocket,
  UDPSocket,
  TCPServerSocket,
  tcp,
  tcpPair,
  listen,
  once,
  settle,
  foreign,
  badPorts,
  unconvertiblePorts,
  badAddresses,
  unconvertibleAddresses,
  badDictionaries,
  expectDOMException,
  expectTypeError,
  thrownBy,
} = require("../helpers");

const testLinux = process.platform === "linux" ? test : test.skip;

let server;

beforeEach(async () => {
  server = await listen();
});

/** Whatever a constructor call threw, it must not have connected. */
async function expectNoConnection() {
  await settle();
  expect(server.waiting).toBe(0);
}

test("fewer than two arguments throw TypeError (R-shape)", () => {
  expectTypeError(() => new TCPSocket());
  expectTypeError(() => new TCPSocket("127.0.0.1"));
});

test("a call without new throws TypeError (R-shape)", async () => {
  expectTypeError(() => TCPSocket("127.0.0.1", server.port));
  await expectNoConnection();
});

test("a subclass is a TCPSocket too (R-shape)", async () => {
  class Chatty extends TCPSocket {
    greeting = "hello";
  }
  const socket = new Chatty("127.0.0.1", server.port);
  expect(socket).toBeInstanceOf(TCPSocket);
  expect(socket).toBeInstanceOf(EventTarget);
  expect(socket.greeting).toBe("hello");
  await once(socket, "open");
  socket.reset();
});

describe("remoteAddress", () => {
  test.each(badAddresses)("%s throws InvalidAccessError (draft TCPSocket constructor, R-address)", async (_, address) => {
    expectDOMException(() => tcp(address, server.port), "InvalidAccessError");
  });

  test.each(unconvertibleAddresses)("%s throws TypeError (R-shape)", (_, address) => {
    expectTypeError(() => tcp(address, server.port));
  });

  test("the exception for a host name names connect() (R-address)", () => {
    expect(expectDOMException(() => tcp("localhost", 80), "InvalidAccessError").message).toContain("connect()");
    expect(expectDOMException(() => tcp("example.com", 80), "InvalidAccessError").message).toContain("connect()");
  });

  test("an object is converted by its toString (R-shape)", async () => {
    const socket = tcp({ toString: () => "127.0.0.1" }, server.port);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    await once(socket, "open");
  });

  test("an object of another realm is converted alike (R-shape)", async () => {
    const socket = tcp(foreign("Object('127.0.0.1')"), server.port);
    expect(socket.remoteAddress).toBe("127.0.0.1");
    await once(socket, "open");
  });
});

describe("remotePort", () => {
  test.each(badPorts)("%s throws InvalidAccessError (draft TCPSocket constructor, R-port)", (_, port) => {
    expectDOMException(() => tcp("127.0.0.1", port), "InvalidAccessError");
  });

  test.each([
    ["0", 0],
    ["-0", -0],
    ["null", null],
    ["an empty string", ""],
    ["false", false],
    ["an empty array", []],
    ["undefined", undefined],
  ])("%s names no remote port: InvalidAccessError (R-port)", (_, port) => {
    expectDOMException(() => tcp("127.0.0.1", port), "InvalidAccessError");
  });

  test.each(unconvertiblePorts)("%s throws TypeError (R-port: converted by ToNumber)", (_, port) => {
    expectTypeError(() => tcp("127.0.0.1", port));
  });

  test.each([
    ["a string", (port) => String(port)],
    ["a string with blanks", (port) => ` ${port}\n`],
    ["a hexadecimal string", (port) => `0x${port.toString(16)}`],
    ["a string with a fraction of zero", (port) => `${port}.0`],
    ["an object with valueOf", (port) => ({ valueOf: () => port })],
    ["an array of one", (port) => [port]],
  ])("%s is a port where ToNumber makes it one (R-port)", async (_, make) => {
    const socket = tcp("127.0.0.1", make(server.port));
    expect(socket.remotePort).toBe(String(server.port));
    await once(socket, "open");
  });
});

describe("options", () => {
  test.each(badDictionaries)("%s throws TypeError (R-shape)", async (_, options) => {
    expectTypeError(() => new TCPSocket("127.0.0.1", server.port, options));
    await expectNoConnection();
  });

  test.each([
    ["undefined", undefined],
    ["null", null],
    ["an empty object", {}],
    ["an object without prototype", Object.create(null)],
    ["a foreign realm's object", foreign("({})")],
    ["a function", () => {}],
    ["unknown members", { colour: "red", [Symbol("x")]: 1 }],
    ["absent members", { localAddress: undefined, localPort: undefined, useSecureTransport: undefined }],
  ])("%s is taken as no options (R-shape)", async (_, options) => {
    const socket = tcp("127.0.0.1", server.port, options);
    await once(socket, "open");
  });

  test("members are read from the prototype chain too (R-shape)", async () => {
    const socket = tcp("127.0.0.1", server.port, Object.create({ highWaterMark: 1 }));
    await once(socket, "open");
    expect(socket.send("ab")).toBe(false);
  });

  test.each(badAddresses)("localAddress: %s throws InvalidAccessError (R-tcp-create, R-address)", (_, localAddress) => {
    expectDOMException(() => tcp("127.0.0.1", server.port, { localAddress }), "InvalidAccessError");
  });

  test.each(unconvertibleAddresses)("localAddress: %s throws TypeError (R-shape)", (_, localAddress) => {
    expectTypeError(() => tcp("127.0.0.1", server.port, { localAddress }));
  });

  test.each(badPorts)("localPort: %s throws InvalidAccessError (R-tcp-create, R-port)", (_, localPort) => {
    expectDOMException(() => tcp("127.0.0.1", server.port, { localPort }), "InvalidAccessError");
  });

  test.each(unconvertiblePorts)("localPort: %s throws TypeError (R-port)", (_, localPort) => {
    expectTypeError(() => tcp("127.0.0.1", server.port, { localPort }));
  });

  const sizes = ["highWaterMark", "maxBufferedAmount"];
  const outOfRange = [
    ["-1", -1],
    ["2 ** 32", 2 ** 32],
    ["NaN", NaN],
    ["Infinity", Infinity],
    ["a word", "many"],
    ["an object", {}],
    // What ToNumber refuses is refused here too.
    ...unconvertiblePorts,
  ];
  test.each(sizes.flatMap((size) => outOfRange.map(([name, value]) => [size, name, value])))(
    "%s: %s throws TypeError (R-range)",
    (size, _, value) => {
      expectTypeError(() => tcp("127.0.0.1", server.port, { [size]: value }));
    },
  );

  test.each(sizes.flatMap((size) => [0, -0.5, 1.5, 2 ** 32 - 1, "16", null].map((value) => [size, value])))(
    "%s: %p is in range (R-range, [EnforceRange])",
    async (size, value) => {
      await once(tcp("127.0.0.1", server.port, { [size]: value }), "open");
    },
  );

  test.each([
    [{ useSecureTransport: false, secureTransport: "on" }],
    [{ useSecureTransport: false, secureTransport: {} }],
    [{ useSecureTransport: true, secureTransport: "off" }],
    [{ useSecureTransport: true, secureTransport: "starttls" }],
  ])("%p contradicts itself and throws InvalidAccessError (R-tls-asked)", async (options) => {
    expectDOMException(() => tcp("127.0.0.1", server.port, options), "InvalidAccessError");
    await expectNoConnection();
  });

  test("useSecureTransport: false is a plain connection (draft TCPOptions)", async () => {
    await once(tcp("127.0.0.1", server.port, { useSecureTransport: false }), "open");
  });

  test("members are read once each, in lexicographical order (R-shape, Web IDL dictionaries)", async () => {
    const read = [];
    const options = new Proxy(
      {},
      {
        get(_, member) {
          read.push(member);
        },
      },
    );
    await once(tcp("127.0.0.1", server.port, options), "open");
    expect(read).toEqual([...new Set(read)].sort());
    const draft = ["localAddress", "localPort", "useSecureTransport"];
    const ours = ["allowHalfOpen", "closeTimeout", "highWaterMark", "ipv6Only", "maxBufferedAmount", "noDelay"];
    expect(read).toEqual(expect.arrayContaining([...draft, ...ours]));
  });
});

describe("order", () => {
  function throwing(message) {
    return () => {
      throw new RangeError(message);
    };
  }

  test("arguments are converted left to right (R-shape)", () => {
    const address = { toString: throwing("address") };
    const port = { valueOf: throwing("port") };
    const options = { get localAddress() { return throwing("options")(); } };
    expect(thrownBy(() => tcp(address, port, options)).message).toBe("address");
    expect(thrownBy(() => tcp("127.0.0.1", port, options)).message).toBe("port");
    expect(thrownBy(() => tcp("127.0.0.1", 80, options)).message).toBe("options");
  });

  test("all is converted before anything is checked (R-shape)", () => {
    const options = { get localAddress() { return throwing("options")(); } };
    expect(thrownBy(() => tcp("not an address", -1, options)).message).toBe("options");
    expect(thrownBy(() => tcp("not an address", { valueOf: throwing("port") })).message).toBe("port");
  });

  test("what a conversion throws is passed on as it is (R-shape)", () => {
    const reason = Symbol("thrown");
    expect(
      thrownBy(() =>
        tcp("127.0.0.1", {
          valueOf() {
            throw reason;
          },
        }),
      ),
    ).toBe(reason);
  });
});

testLinux("constructors that throw leave no descriptor open (R-tcp-create)", () => {
  const options = { localAddress: "127.0.0.1", localPort: server.port };
  const attempt = () => expectDOMException(() => tcp("127.0.0.1", server.port, options), "InvalidAccessError");
  attempt();
  const before = fs.readdirSync("/proc/self/fd").length;
  for (let i = 0; i < 50; i++) {
    attempt();
  }
  expect(fs.readdirSync("/proc/self/fd").length).toBeLessThanOrEqual(before);
});

const PROMISES = ["opened", "closed"];

describe("brand", () => {
  test("members refuse any object that is no TCPSocket, other sockets included (R-shape)", async () => {
    const { socket } = await tcpPair();
    const members = Object.getOwnPropertyDescriptors(TCPSocket.prototype);
    const strangers = [{}, new EventTarget(), Object.create(socket), new Proxy(socket, {}), UDPSocket.prototype, TCPServerSocket.prototype];
    for (const [name, { get, set, value }] of Object.entries(members)) {
      const calls = name === "constructor" ? [] : [get, set, value].filter((call) => typeof call === "function");
      for (const call of calls) {
        for (const stranger of strangers) {
          // A member of Promise type rejects where others throw.
          const error = [...PROMISES, "startTls"].includes(name)
            ? await call.call(stranger).catch((reason) => reason)
            : thrownBy(() => call.call(stranger, "x"));
          expect([name, error.name]).toEqual([name, "TypeError"]);
        }
      }
    }
    expect(socket.readyState).toBe("open");
  });

  test("surplus arguments are ignored (Web IDL)", async () => {
    const { socket, peer } = await tcpPair();
    peer.setEncoding("utf8");
    socket.send("a", { colour: "red" }, Symbol("b"));
    expect(await once(peer, "data")).toBe("a");
    expect(socket.suspend(1)).toBe(undefined);
    expect(socket.resume(1)).toBe(undefined);
    expect(socket.halfclose(1)).toBe(undefined);
    expect(socket.close(1)).toBe(undefined);
  });

  test("attributes without a setter cannot be written (R-shape)", async () => {
    const { socket } = await tcpPair();
    const names = ["remoteAddress", "remotePort", "localAddress", "localPort", "bufferedAmount", "readyState"];
    for (const name of [...names, ...PROMISES, "readable", "writable", "secureTransport", "secureTransportInfo"]) {
      const before = socket[name];
      expectTypeError(() => {
        socket[name] = "x";
      });
      expect(socket[name]).toBe(before);
    }
  });
});
