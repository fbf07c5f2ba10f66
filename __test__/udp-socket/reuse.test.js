"use strict";

const { UDPSocket, udp, track, datagrams, expectDOMException } = require("../helpers");
const { freeUdpPort, isFree } = require("../helpers/udp");

describe("UDPSocket addressReuse (draft, UDPSocket constructor steps 2 and 3; R-udp-reuse)", () => {
  test("by default a port that is in use by a reusing socket can be bound again", async () => {
    const port = await freeUdpPort();
    const first = udp({ localPort: port });
    const second = udp({ localPort: port });
    expect([first.localPort, second.localPort]).toEqual([port, port]);
  });

  test("addressReuse: true is the same as the default", async () => {
    const port = await freeUdpPort();
    udp({ localPort: port, addressReuse: true });
    expect(udp({ localPort: port, addressReuse: true }).readyState).toBe("open");
  });

  test("addressReuse: false on a port in use throws InvalidAccessError with code EADDRINUSE", async () => {
    const port = await freeUdpPort();
    udp({ localPort: port });
    const error = expectDOMException(
      () => new UDPSocket({ localAddress: "127.0.0.1", localPort: port, addressReuse: false }),
      "InvalidAccessError",
      "EADDRINUSE",
    );
    expect(error).toMatchObject({ syscall: "bind", address: "127.0.0.1", port });
    expect(error.message).toContain(String(port));
  });

  test("a port taken with addressReuse: false can be had by nobody else", async () => {
    const port = await freeUdpPort();
    udp({ localPort: port, addressReuse: false });
    expectDOMException(() => new UDPSocket({ localAddress: "127.0.0.1", localPort: port }), "InvalidAccessError", "EADDRINUSE");
  });

  test("it is the system's address reuse: a node:dgram socket with reuseAddr shares the port, one without does not", async () => {
    const port = await freeUdpPort();
    udp({ localPort: port });
    expect(await isFree(port, { reuseAddr: true })).toBe(true);
    expect(await isFree(port)).toBe(false);
  });

  test("a node:dgram socket without reuseAddr is not robbed of its port", async () => {
    const peer = await datagrams();
    expectDOMException(() => new UDPSocket({ localAddress: "127.0.0.1", localPort: peer.port }), "InvalidAccessError", "EADDRINUSE");
  });

  test.each([["absent", {}], ["0", { localPort: 0 }]])(
    "with localPort %s, SO_REUSEADDR is not set: the port that the system chose is nobody else's",
    (_, options) => {
      const socket = udp({ addressReuse: true, ...options });
      expect(socket.addressReuse).toBe(true);
      expectDOMException(
        () => new UDPSocket({ localAddress: "127.0.0.1", localPort: socket.localPort, addressReuse: true }),
        "InvalidAccessError",
        "EADDRINUSE",
      );
    },
  );

  test("800 sockets on port 0 get 800 different ports", () => {
    const ports = new Set();
    for (let i = 0; i < 800; i++) {
      ports.add(track(new UDPSocket({ addressReuse: true, localPort: 0 })).localPort);
    }
    expect(ports.size).toBe(800);
  });

  test("a constructor that throws leaves no socket behind: the port stays free for the next", async () => {
    const port = await freeUdpPort();
    const holder = udp({ localPort: port, addressReuse: false });
    for (let i = 0; i < 10; i++) {
      expectDOMException(() => new UDPSocket({ localAddress: "127.0.0.1", localPort: port }), "InvalidAccessError");
    }
    holder.close();
    expect(await isFree(port)).toBe(true);
  });
});
