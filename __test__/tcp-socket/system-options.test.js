"use strict";

const { tcp, tcpPair, acceptedPair, listen, once, expectDOMException, expectTypeError } = require("../helpers");
const { ssTest, tcpState } = require("../helpers/ss");

/** Seconds until the probe, from what ss prints: "59sec", "1min59sec", "119min". */
function seconds(text) {
  const [, hours = 0, minutes = 0, rest = 0] = /^(?:(\d+)hr)?(?:(\d+)min)?(?:([\d.]+)(?:sec|ms))?$/.exec(text);
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(rest);
}

describe("keepAliveDelay (extensions TCPOptions, R-range)", () => {
  ssTest("a probe is due after that long; the socket has no keep-alive without it, nor with 0", async () => {
    const { socket, peer } = await tcpPair({ options: { keepAliveDelay: 90_500 } });
    const { keepAlive } = tcpState(socket.localPort, peer.localPort);
    expect(seconds(keepAlive)).toBeGreaterThan(60);
    expect(seconds(keepAlive)).toBeLessThanOrEqual(91);
    for (const options of [{}, { keepAliveDelay: 0 }]) {
      const plain = await tcpPair({ options });
      expect(tcpState(plain.socket.localPort, plain.peer.localPort).keepAlive).toBe(undefined);
    }
  });

  ssTest("it is rounded up to whole seconds", async () => {
    const { socket, peer } = await tcpPair({ options: { keepAliveDelay: 600_001 } });
    expect(seconds(tcpState(socket.localPort, peer.localPort).keepAlive)).toBeGreaterThan(540);
  });

  ssTest("a server's is every accepted socket's", async () => {
    const { socket, peer } = await acceptedPair({ options: { keepAliveDelay: 90_000 } });
    expect(seconds(tcpState(socket.localPort, peer.localPort).keepAlive)).toBeGreaterThan(60);
  });
});

describe("sendBufferSize and receiveBufferSize (extensions TCPOptions, R-range)", () => {
  ssTest("they are the kernel's, which doubles what it is asked for", async () => {
    const { socket, peer } = await tcpPair({ options: { sendBufferSize: 20_000, receiveBufferSize: 30_000 } });
    expect(tcpState(socket.localPort, peer.localPort)).toMatchObject({ send: 40_000, receive: 60_000 });
  });

  test.each(["sendBufferSize", "receiveBufferSize"])("%s: 0 throws InvalidAccessError, which names it", (name) => {
    expect(expectDOMException(() => tcp("127.0.0.1", 1, { [name]: 0 }), "InvalidAccessError").message).toContain(name);
    expectDOMException(() => tcp("127.0.0.1", 1, { [name]: 0.9 }), "InvalidAccessError");
  });

  test.each(["sendBufferSize", "receiveBufferSize"])("%s: 1 and 2 ** 32 - 1 are taken: the system has bounds of its own", async (name) => {
    const server = await listen();
    for (const value of [1, 2 ** 32 - 1]) {
      await once(tcp("127.0.0.1", server.port, { [name]: value }), "open");
    }
  });
});

test.each(["keepAliveDelay", "sendBufferSize", "receiveBufferSize"])("%s out of range throws TypeError (R-range)", (name) => {
  for (const value of [-1, 2 ** 32, NaN, Infinity, "many", {}, Symbol("size"), 1n]) {
    expectTypeError(() => tcp("127.0.0.1", 1, { [name]: value }));
  }
});
