"use strict";

const fs = require("node:fs");
const {
  UDPSocket,
  udp,
  track,
  datagrams,
  expectDOMException,
  expectTypeError,
  foreign,
  badPorts,
  badAddresses,
  badDictionaries,
  unconvertiblePorts,
  unconvertibleAddresses,
} = require("../helpers");
const { texts, isFree } = require("../helpers/udp");

const fds = () => fs.readdirSync("/proc/self/fd").length;

describe("new UDPSocket(): bad input (R-shape, R-port, R-address)", () => {
  test("without new it throws TypeError", () => {
    expectTypeError(() => UDPSocket());
    expectTypeError(() => UDPSocket({}));
    expectTypeError(() => UDPSocket.call(udp()));
  });

  test.each(badDictionaries)("options that are %s throw TypeError", (_, options) => {
    expectTypeError(() => new UDPSocket(options));
  });

  test.each(badPorts)("localPort %s throws InvalidAccessError", (_, localPort) => {
    expectDOMException(() => new UDPSocket({ localPort }), "InvalidAccessError");
  });

  test.each([...badPorts, ["0", 0], ["null", null], ["an empty string", ""], ["false", false]])(
    "remotePort %s throws InvalidAccessError",
    (_, remotePort) => {
      expectDOMException(() => new UDPSocket({ remoteAddress: "127.0.0.1", remotePort }), "InvalidAccessError");
    },
  );

  test.each(["localPort", "remotePort"])("%s that ToNumber refuses throws TypeError", (name) => {
    for (const [, port] of unconvertiblePorts) {
      expectTypeError(() => new UDPSocket({ [name]: port }));
    }
  });

  test.each(badAddresses)("localAddress %s throws InvalidAccessError", (_, localAddress) => {
    expectDOMException(() => new UDPSocket({ localAddress }), "InvalidAccessError");
  });

  test.each(badAddresses)("remoteAddress %s throws InvalidAccessError", (_, remoteAddress) => {
    expectDOMException(() => new UDPSocket({ remoteAddress, remotePort: 9 }), "InvalidAccessError");
  });

  test.each(["localAddress", "remoteAddress"])("%s that ToString refuses throws TypeError", (name) => {
    for (const [, address] of unconvertibleAddresses) {
      expectTypeError(() => new UDPSocket({ [name]: address }));
    }
  });

  test.each(["highWaterMark", "maxBufferedAmount"])("%s out of an unsigned long's range throws TypeError (R-range)", (name) => {
    for (const value of [-1, 2 ** 32, 2 ** 53, NaN, Infinity, -Infinity, "many", {}, Symbol("size"), 1n]) {
      expectTypeError(() => new UDPSocket({ [name]: value }));
    }
  });

  test.each(["highWaterMark", "maxBufferedAmount"])("%s within the range is taken, fractions truncated", (name) => {
    for (const value of [0, 1, 2 ** 32 - 1, "65536", 1.9, null, undefined, -0.5]) {
      expect(udp({ [name]: value }).readyState).toBe("open");
    }
  });

  test("all is converted before anything is checked", () => {
    expectTypeError(() => new UDPSocket({ localAddress: "nonsense", localPort: Symbol("port") }));
    expectTypeError(() => new UDPSocket({ localAddress: "nonsense", remotePort: 9n }));
    expectTypeError(() => new UDPSocket({ highWaterMark: -1, localAddress: "nonsense" }));
  });

  test.each(["addressReuse", "highWaterMark", "ipv6Only", "localAddress", "localPort", "loopback", "remoteAddress", "remotePort"])(
    "an option %s whose getter throws passes that on",
    (name) => {
      const reason = new Error("from the getter");
      const options = {
        get [name]() {
          throw reason;
        },
      };
      expect(() => new UDPSocket(options)).toThrow(reason);
    },
  );

  test("options are read from getters, prototypes, proxies and other realms alike", async () => {
    const peer = await datagrams();
    const base = { localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: peer.port };
    const shapes = [
      Object.create(base),
      new Proxy(base, {}),
      Object.assign(foreign("({})"), base),
      Object.defineProperties({}, Object.getOwnPropertyDescriptors(Object.freeze(base))),
    ];
    for (const options of shapes) {
      track(new UDPSocket(options)).send("x");
    }
    expect(await texts(peer, shapes.length)).toEqual(shapes.map(() => "x"));
  });

  test("options that nobody knows are ignored (R-unknown)", () => {
    expect(udp({ unknown: 1, [Symbol("localPort")]: "x" }).readyState).toBe("open");
  });

  (process.platform === "linux" ? test : test.skip)("a constructor that throws leaves no descriptor open", () => {
    udp();
    const before = fds();
    for (let i = 0; i < 200; i++) {
      expectDOMException(() => new UDPSocket({ localAddress: "198.51.100.77" }), "InvalidAccessError");
      expectDOMException(() => new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "::1" }), "InvalidAccessError");
    }
    expect(fds()).toBe(before);
  });
});

describe("UDPSocket.send(): bad destinations (R-port, R-address)", () => {
  test.each(badAddresses.filter(([, address]) => address !== null))("remoteAddress %s throws InvalidAccessError", (_, address) => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    expectDOMException(() => socket.send("x", address, 9), "InvalidAccessError");
    expect(socket.bufferedAmount).toBe(0);
    expect(socket.readyState).toBe("open");
  });

  test.each([...badPorts, ["0", 0], ["an empty string", ""], ["false", false]])(
    "remotePort %s throws InvalidAccessError",
    (_, port) => {
      const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
      expectDOMException(() => socket.send("x", "127.0.0.1", port), "InvalidAccessError");
      expect(socket.bufferedAmount).toBe(0);
      expect(socket.readyState).toBe("open");
    },
  );

  test("what ToString or ToNumber refuses throws TypeError", () => {
    const socket = udp();
    for (const [, address] of unconvertibleAddresses) {
      expectTypeError(() => socket.send("x", address, 9));
    }
    for (const [, port] of unconvertiblePorts) {
      expectTypeError(() => socket.send("x", "127.0.0.1", port));
    }
    expect(socket.bufferedAmount).toBe(0);
  });

  test("what a conversion throws is passed on, and nothing is sent", async () => {
    const peer = await datagrams();
    const socket = udp();
    const reason = new Error("from toString");
    const address = {
      toString() {
        throw reason;
      },
    };
    expect(() => socket.send("x", address, peer.port)).toThrow(reason);
    socket.send("next", peer.host, peer.port);
    expect(await texts(peer, 1)).toEqual(["next"]);
  });

  test("the attributes do not change by any of it", () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    for (const [, port] of badPorts) {
      expectDOMException(() => socket.send("x", null, port), "InvalidAccessError");
    }
    expect([socket.remoteAddress, socket.remotePort, socket.readyState]).toEqual(["127.0.0.1", 9, "open"]);
  });
});

describe("UDPSocket: brand checks (R-shape)", () => {
  const receivers = [undefined, null, 1, {}, new EventTarget(), UDPSocket.prototype, Object.create(UDPSocket.prototype)];

  test.each(["close", "suspend", "resume", "send", "joinMulticastGroup", "leaveMulticastGroup", "ref", "unref", "hasRef"])(
    "%s() on anything but a UDPSocket throws TypeError",
    (name) => {
      for (const receiver of receivers) {
        expectTypeError(() => UDPSocket.prototype[name].call(receiver, "239.1.2.3", "127.0.0.1", 9));
      }
    },
  );

  test.each(["localAddress", "localPort", "remoteAddress", "remotePort", "addressReuse", "loopback", "bufferedAmount", "readyState"])(
    "the getter of %s on anything but a UDPSocket throws TypeError",
    (name) => {
      const { get } = Object.getOwnPropertyDescriptor(UDPSocket.prototype, name);
      for (const receiver of receivers) {
        expectTypeError(() => get.call(receiver));
      }
    },
  );

  test("a subclass is a UDPSocket", async () => {
    class Named extends UDPSocket {
      name = "named";
    }
    const socket = track(new Named({ localAddress: "127.0.0.1" }));
    expect([socket.name, socket.readyState, socket instanceof UDPSocket]).toEqual(["named", "open", true]);
    socket.close();
    expect(await isFree(socket.localPort)).toBe(true);
  });

  test("suspend, resume and close take no notice of arguments", () => {
    const socket = udp();
    expect(socket.suspend("x", 1)).toBe(undefined);
    expect(socket.resume({})).toBe(undefined);
    expect(socket.close(Symbol("why"))).toBe(undefined);
  });
});
