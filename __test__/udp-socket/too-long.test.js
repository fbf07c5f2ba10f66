"use strict";

const { udp, datagrams, expendable, pattern, sha256, turn, hasIPv6, expectDOMException, expectIsDOMException } = require("../helpers");
const { udpTo, texts, isFree, recordAll, fence } = require("../helpers/udp");

const ipv6Test = hasIPv6 ? test : test.skip;

describe("UDPSocket.send() of a datagram that is too long (draft, send step 4; R-udp-toolong)", () => {
  test("65,508 bytes over IPv4: false, closed at once, then one error event with code EMSGSIZE", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const log = recordAll(socket);
    expect(socket.send(new Uint8Array(65508))).toBe(false);
    expect(socket.readyState).toBe("closed");
    expect(log.types).toEqual([]);
    const { event, readyState } = await log.until("error");
    expect(readyState).toBe("closed");
    expectIsDOMException(event.error, "NetworkError", "EMSGSIZE");
    expect(event.error.message).toMatch(/65,?508/);
    await fence();
    expect(log.types).toEqual(["error"]);
    expect(peer.waiting).toBe(0);
  });

  test("the error event is an ErrorEvent with the address and port of the destination (R-error)", async () => {
    const socket = udp();
    const log = recordAll(socket);
    socket.send(new Uint8Array(70000), "127.0.0.1", 9);
    const { event } = await log.until("error");
    expect(Object.prototype.toString.call(event)).toBe("[object ErrorEvent]");
    expect([event.bubbles, event.cancelable]).toEqual([false, false]);
    expect(event.error).toMatchObject({ address: "127.0.0.1", port: 9 });
  });

  test("65,507 bytes over IPv4 are not too long", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    socket.send(pattern(65507));
    expect(socket.readyState).toBe("open");
    expect(sha256((await peer.next()).data)).toBe(sha256(pattern(65507)));
  });

  ipv6Test("65,527 bytes over IPv6 are not too long", async () => {
    const peer = await datagrams({ type: "udp6" });
    const socket = udpTo(peer, { localAddress: "::1" });
    socket.send(pattern(65527));
    expect(socket.readyState).toBe("open");
    expect(sha256((await peer.next()).data)).toBe(sha256(pattern(65527)));
  });

  ipv6Test("65,528 bytes over IPv6 are", async () => {
    const peer = await datagrams({ type: "udp6" });
    const socket = udpTo(peer, { localAddress: "::1" });
    const log = recordAll(socket);
    expect(socket.send(new Uint8Array(65528))).toBe(false);
    expect(socket.readyState).toBe("closed");
    expectIsDOMException((await log.until("error")).event.error, "NetworkError", "EMSGSIZE");
  });

  ipv6Test("on a dual-stack socket the destination's family decides", async () => {
    const socket = udp({ localAddress: "::" });
    const [four, six] = [await datagrams(), await datagrams({ type: "udp6" })];
    socket.send(pattern(65520), "::1", six.port);
    expect(socket.readyState).toBe("open");
    expect((await six.next()).data.length).toBe(65520);
    expect(socket.send(pattern(65520), "127.0.0.1", four.port)).toBe(false);
    expect(socket.readyState).toBe("closed");
  });

  test("of a string the bytes count, not the characters", async () => {
    const peer = await datagrams();
    const fits = udpTo(peer);
    fits.send("€".repeat(21835)); // 65,505 bytes
    expect(fits.readyState).toBe("open");
    expect((await peer.next()).data.length).toBe(65505);
    const tooLong = expendable(udpTo(peer));
    expect(tooLong.send("€".repeat(21836))).toBe(false);
    expect(tooLong.readyState).toBe("closed");
  });

  test.each([
    ["a Blob", () => new Blob([new Uint8Array(65508)])],
    ["a string", () => "x".repeat(65508)],
    ["an ArrayBuffer", () => new ArrayBuffer(65508)],
    ["a view of much more", () => new Uint8Array(200000).subarray(100, 100 + 65508)],
    ["a string of 16 million characters", () => "y".repeat(16_000_000)],
  ])("the length of %s is known at the call", async (_, make) => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort });
    const log = recordAll(socket);
    expect(socket.send(make())).toBe(false);
    expect(socket.readyState).toBe("closed");
    await log.until("error");
    await fence();
    expect(log.types).toEqual(["error"]);
  });

  test("what was sent before still goes out", async () => {
    const peer = await datagrams();
    const socket = expendable(udpTo(peer));
    const expected = Array.from({ length: 40 }, (_, i) => `before ${i}`);
    for (const data of expected) {
      socket.send(data);
    }
    socket.send(new Uint8Array(65508));
    expect(await texts(peer, 40)).toEqual(expected);
    await fence();
    expect(peer.waiting).toBe(0);
  });

  test("a Blob that was sent before still goes out, and only one error fires", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const log = recordAll(socket);
    socket.send(new Blob(["blob before"]));
    socket.send(new Uint8Array(65508));
    expect(await texts(peer, 1)).toEqual(["blob before"]);
    await log.until("error");
    await fence();
    expect(log.count("error")).toBe(1);
  });

  test("afterwards send() throws InvalidStateError, and nothing else fires", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    const log = recordAll(socket);
    socket.send(new Uint8Array(65508));
    expectDOMException(() => socket.send("x"), "InvalidStateError");
    await log.until("error");
    expectDOMException(() => socket.send("x"), "InvalidStateError");
    await peer.send("in", socket.localPort);
    await fence();
    expect(log.count("error")).toBe(1);
    expect(log.types.filter((type) => type !== "drain")).toEqual(["error"]);
  });

  test("the port is free once the error has fired", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    const { localPort } = socket;
    const log = recordAll(socket);
    socket.send(new Uint8Array(65508));
    await log.until("error");
    await turn();
    expect(await isFree(localPort)).toBe(true);
  });

  test("datagrams that had come and were not delivered are gone with it: closed is closed", async () => {
    const socket = udp();
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
    const log = recordAll(socket);
    socket.suspend();
    sender.send("x");
    await fence();
    socket.send(new Uint8Array(65508), "127.0.0.1", 9);
    socket.resume();
    await log.until("error");
    await fence();
    expect(log.types).toEqual(["error"]);
  });

  test("a bad destination is told before the length is looked at (draft, send step 3 before 4)", () => {
    const socket = udp();
    expectDOMException(() => socket.send(new Uint8Array(70000)), "InvalidAccessError");
    expectDOMException(() => socket.send(new Uint8Array(70000), "::1", 9), "InvalidAccessError");
    expect(socket.readyState).toBe("open");
  });
});
