"use strict";

const { UDPSocket, udp, track, datagrams, once, text, hasIPv6, expectDOMException } = require("../helpers");
const { freeUdpPort, isFree } = require("../helpers/udp");

const ipv6Test = hasIPv6 ? test : test.skip;

describe("UDPSocket constructor: binding (draft, UDPSocket constructor steps 1–3; R-udp-bind)", () => {
  test("without options it is bound to 0.0.0.0 and a random port, told at once", () => {
    const socket = track(new UDPSocket());
    expect(socket.localAddress).toBe("0.0.0.0");
    expect(Number.isInteger(socket.localPort)).toBe(true);
    expect(socket.localPort).toBeGreaterThan(0);
    expect(socket.localPort).toBeLessThan(65536);
  });

  test("the port that it tells is the one that datagrams reach", async () => {
    const socket = track(new UDPSocket());
    const message = once(socket, "message");
    const peer = await datagrams();
    await peer.send("hello", socket.localPort);
    expect(text((await message).data)).toBe("hello");
  });

  test.each([[undefined], [null], [{}], [{ localAddress: undefined, localPort: undefined }], [() => {}]])(
    "options %p are the same as none",
    (options) => {
      const socket = track(new UDPSocket(options));
      expect(socket.localAddress).toBe("0.0.0.0");
      expect(socket.localPort).toBeGreaterThan(0);
    },
  );

  test("localAddress is the address it is bound to, and its datagrams leave from", async () => {
    const peer = await datagrams();
    const socket = udp({ localAddress: "127.0.0.2", remoteAddress: peer.host, remotePort: peer.port });
    expect(socket.localAddress).toBe("127.0.0.2");
    socket.send("x");
    expect((await peer.next()).rinfo).toMatchObject({ address: "127.0.0.2", port: socket.localPort });
  });

  test("a socket on one address does not get what is sent to another", async () => {
    const socket = udp({ localAddress: "127.0.0.2" });
    const seen = [];
    socket.onmessage = ({ data }) => seen.push(text(data));
    const peer = await datagrams();
    await peer.send("to .1", socket.localPort, "127.0.0.1");
    const message = once(socket, "message");
    await peer.send("to .2", socket.localPort, "127.0.0.2");
    await message;
    expect(seen).toEqual(["to .2"]);
  });

  test("localPort is the port it is bound to", async () => {
    const port = await freeUdpPort();
    const socket = udp({ localPort: port });
    expect(socket.localPort).toBe(port);
    expect(await isFree(port)).toBe(false);
  });

  test("localPort 0 asks for a random one, as when it is absent", () => {
    expect(udp({ localPort: 0 }).localPort).toBeGreaterThan(0);
  });

  test("without localAddress, an IPv4 remoteAddress chooses 0.0.0.0", () => {
    expect(track(new UDPSocket({ remoteAddress: "127.0.0.1", remotePort: 9 })).localAddress).toBe("0.0.0.0");
  });

  ipv6Test("without localAddress, an IPv6 remoteAddress chooses ::", () => {
    expect(track(new UDPSocket({ remoteAddress: "::1", remotePort: 9 })).localAddress).toBe("::");
  });

  test("without localAddress, an IPv4-mapped remoteAddress counts as IPv4 (R-address)", () => {
    const socket = track(new UDPSocket({ remoteAddress: "::ffff:127.0.0.1", remotePort: 9 }));
    expect(socket.localAddress).toBe("0.0.0.0");
    expect(socket.remoteAddress).toBe("127.0.0.1");
  });

  test("an IPv4-mapped localAddress is bound, and told, as IPv4 (R-address)", () => {
    expect(udp({ localAddress: "::ffff:127.0.0.1" }).localAddress).toBe("127.0.0.1");
  });

  ipv6Test.each([
    ["0:0:0:0:0:0:0:1", "::1"],
    ["::0001", "::1"],
    ["0000::0", "::"],
    ["::", "::"],
  ])("localAddress %s is told in RFC 5952 form, %s (R-address)", (localAddress, told) => {
    expect(udp({ localAddress }).localAddress).toBe(told);
  });

  test.each([
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"],
    ["::FFFF:C633:6401", "198.51.100.1"],
  ])("remoteAddress %s reads %s (R-address)", (remoteAddress, told) => {
    if (!hasIPv6 && told.includes(":")) {
      return;
    }
    expect(track(new UDPSocket({ remoteAddress, remotePort: 9 })).remoteAddress).toBe(told);
  });

  test("an address that is not this host's throws InvalidAccessError that says so (step 2; R-error)", () => {
    const error = expectDOMException(
      () => new UDPSocket({ localAddress: "198.51.100.77", localPort: 4567 }),
      "InvalidAccessError",
      "EADDRNOTAVAIL",
    );
    expect(error.syscall).toBe("bind");
    expect(error.address).toBe("198.51.100.77");
    expect(error.port).toBe(4567);
    expect(error.message).toContain("198.51.100.77");
  });

  test("a host name throws InvalidAccessError, and the message names connect() (R-address)", () => {
    const error = expectDOMException(() => new UDPSocket({ localAddress: "localhost" }), "InvalidAccessError");
    expect(error.message).toContain("connect()");
    expect(
      expectDOMException(() => new UDPSocket({ remoteAddress: "example.com", remotePort: 9 }), "InvalidAccessError").message,
    ).toContain("connect()");
  });
});

describe("UDPSocket constructor: attributes (draft, UDPSocket constructor steps 4–9)", () => {
  test("the defaults: addressReuse true, loopback false, no remote, nothing buffered, open, no handlers", () => {
    const socket = track(new UDPSocket());
    expect(socket.addressReuse).toBe(true);
    expect(socket.loopback).toBe(false);
    expect(socket.remoteAddress).toBe(null);
    expect(socket.remotePort).toBe(null);
    expect(socket.bufferedAmount).toBe(0);
    expect(socket.readyState).toBe("open");
    expect(socket.onmessage).toBe(null);
    expect(socket.ondrain).toBe(null);
    expect(socket.onerror).toBe(null);
  });

  test("remoteAddress and remotePort are set to the values of the options (steps 4 and 5)", () => {
    const socket = udp({ remoteAddress: "127.0.0.9", remotePort: 1234 });
    expect(socket.remoteAddress).toBe("127.0.0.9");
    expect(socket.remotePort).toBe(1234);
  });

  test("one of remoteAddress and remotePort alone is no error: the other reads null", () => {
    const address = udp({ remoteAddress: "127.0.0.1" });
    expect([address.remoteAddress, address.remotePort]).toEqual(["127.0.0.1", null]);
    const port = udp({ remotePort: 65535 });
    expect([port.remoteAddress, port.remotePort]).toEqual([null, 65535]);
  });

  test.each([
    ["addressReuse", false],
    ["addressReuse", true],
    ["loopback", false],
    ["loopback", true],
  ])("%s: %p reads as requested (step 6)", (name, value) => {
    expect(udp({ [name]: value })[name]).toBe(value);
  });

  test.each([
    [0, false],
    ["", false],
    [null, false],
    [NaN, false],
    ["false", true],
    [{}, true],
    [1, true],
  ])("addressReuse and loopback are converted to boolean: %p is %p", (value, expected) => {
    const socket = udp({ addressReuse: value, loopback: value });
    expect([socket.addressReuse, socket.loopback]).toEqual([expected, expected]);
  });

  test("no event fires for the constructor, neither in it nor after it (R-task)", async () => {
    const { recordAll, fence } = require("../helpers/udp");
    const socket = udp();
    const log = recordAll(socket);
    await fence();
    expect(log.types).toEqual([]);
  });

  test("the attributes are read-only", () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    for (const name of [
      "localAddress",
      "localPort",
      "remoteAddress",
      "remotePort",
      "addressReuse",
      "loopback",
      "bufferedAmount",
      "readyState",
    ]) {
      const before = socket[name];
      expect(() => {
        socket[name] = "other";
      }).toThrow(TypeError);
      expect(socket[name]).toBe(before);
    }
  });
});
