"use strict";

// bytesRead, bytesWritten and getStats() of connections (R-stats).

const {
  acceptedPair, both, collect, expendable, families, once, pattern, record, settle, sleep, tcp, tcpPair, text,
} = { ...require("../helpers"), ...require("../helpers/sockets") };
const { authority } = require("../helpers/certificates");
const { secureAccepted, secureBoth } = require("../helpers/tls");
const { relay } = require("../..");

const { ca, server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };
const MIB = 1024 * 1024;

const figures = ({ bytesRead, bytesWritten }) => [bytesRead, bytesWritten];

/** Waits until the figures are these. */
async function expectFigures(socket, expected) {
  for (let tries = 0; tries < 200 && String(figures(socket)) !== String(expected); tries += 1) await sleep(10);
  expect(figures(socket)).toEqual(expected);
}

describe.each(families)("bytesRead and bytesWritten of a $name (R-stats)", (family) => {
  test("count what the program got and what the system took, and keep their last values after close()", async () => {
    const { socket, peer } = await family.pair();
    expect(figures(socket)).toEqual([0, 0]);
    const inbox = collect(socket);
    socket.send("four");
    socket.send(new Uint8Array(0));
    peer.write("seven b");
    await inbox.until(7);
    await expectFigures(socket, [7, 4]);
    peer.end();
    socket.close();
    peer.resume();
    await once(socket, "close");
    expect(figures(socket)).toEqual([7, 4]);
  });

  test("what a listener has not got does not count, nor what waits for the peer", async () => {
    const { socket, peer } = await family.pair();
    peer.pause();
    peer.write("unread");
    socket.send(pattern(32 * MIB));
    await settle(20);
    const { bytesRead, bytesWritten } = socket;
    expect(bytesRead).toBe(0);
    expect(bytesWritten).toBeGreaterThan(0);
    expect(bytesWritten).toBeLessThan(32 * MIB);
    expect(bytesWritten + socket.bufferedAmount).toBe(32 * MIB);
    socket.reset();
    await once(socket, "close");
    expect(figures(socket)).toEqual([0, bytesWritten]);
    peer.on("error", () => {});
  });

  test("of both ends agree after a transfer both ways, by events and by streams", async () => {
    const { client, accepted } = await both(family);
    const [writer, other] = [client.writable.getWriter(), accepted.writable.getWriter()];
    const [inbox, reading] = [client.readable.getReader(), accepted.readable.getReader()];
    const drain = async (reader) => {
      let bytes = 0;
      for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) bytes += value.byteLength;
      return bytes;
    };
    const sums = [drain(inbox), drain(reading)];
    await Promise.all([writer.write(pattern(3 * MIB)), other.write(pattern(5 * MIB))]);
    await Promise.all([writer.close(), other.close()]);
    expect(await Promise.all(sums)).toEqual([5 * MIB, 3 * MIB]);
    await Promise.all([client.closed, accepted.closed]);
    expect(figures(client)).toEqual([5 * MIB, 3 * MIB]);
    expect(figures(accepted)).toEqual([3 * MIB, 5 * MIB]);
  });

  test("a Blob counts; an attempt that fails has moved nothing; they are on the prototype", async () => {
    const { socket, peer } = await family.pair();
    const inbox = collect(peer);
    socket.send(new Blob(["a Blob"]));
    await inbox.until(6);
    await expectFigures(socket, [0, 6]);
    const failed = expendable(family.connectTo(await family.refusing()));
    await once(failed, "error");
    expect(figures(failed)).toEqual([0, 0]);
    for (const name of ["bytesRead", "bytesWritten"]) {
      const { get, set, enumerable } = Object.getOwnPropertyDescriptor(family.Socket.prototype, name);
      expect({ set, enumerable }).toEqual({ set: undefined, enumerable: true });
      expect(() => get.call({})).toThrow(TypeError);
    }
  });
});

test("with TLS both count plain bytes (R-stats)", async () => {
  const { client, accepted } = await secureBoth({ server: own, client: { ca: ca.cert } });
  const inbox = collect(accepted);
  client.send(pattern(MIB));
  client.send("tail");
  await inbox.until(MIB + 4);
  expect(text(inbox.bytes().subarray(-4))).toBe("tail");
  await expectFigures(client, [0, MIB + 4]);
  expect(figures(accepted)).toEqual([MIB + 4, 0]);
});

describe("in a relay (R-stats, R-relay)", () => {
  test.each([["in a task", false], ["in turns, with TLS", true]])("%s: what it moves counts as it moves, and stays at the end", async (_, isSecure) => {
    const first = isSecure ? await secureAccepted({ secureTransport: own, peer: { ca: ca.cert } }) : await acceptedPair();
    const second = await tcpPair();
    const [a, b] = [first.socket, second.socket];
    // Before the relay.
    const inbox = collect(second.peer);
    b.send("before");
    await inbox.until(6);
    const result = relay(a, b);
    first.peer.write(pattern(MIB));
    await inbox.until(MIB + 6);
    await expectFigures(a, [MIB, 0]);
    await expectFigures(b, [0, MIB + 6]);
    const back = collect(first.peer);
    second.peer.write("an answer");
    await back.until(9);
    await expectFigures(a, [MIB, 9]);
    await expectFigures(b, [9, MIB + 6]);
    const closed = [once(a, "close"), once(b, "close")];
    first.peer.end();
    second.peer.end();
    expect(await result).toEqual({ bytesToA: 9, bytesToB: MIB });
    await Promise.all(closed);
    expect(figures(a)).toEqual([MIB, 9]);
    expect(figures(b)).toEqual([9, MIB + 6]);
  });
});

describe("getStats() (operations TCPStats)", () => {
  const NAMES = ["smoothedRtt", "rttVariation", "minRtt", "estimatedSendRate", "congestionWindow", "retransmits"];

  test("has its members, numbers or null; on a closed socket all are null", async () => {
    const { socket, peer } = await tcpPair();
    const inbox = collect(peer);
    socket.send(pattern(MIB));
    await inbox.until(MIB);
    const stats = socket.getStats();
    expect(Object.keys(stats)).toEqual(NAMES);
    if (process.platform === "linux") {
      expect(stats.smoothedRtt).toBeGreaterThan(0);
      expect(stats.smoothedRtt).toBeLessThan(1000);
      expect(stats.rttVariation).toBeGreaterThanOrEqual(0);
      expect(stats.minRtt).toBeGreaterThan(0);
      expect(stats.minRtt).toBeLessThanOrEqual(stats.smoothedRtt + stats.rttVariation * 4);
      expect(stats.congestionWindow).toBeGreaterThan(1000);
      expect(stats.estimatedSendRate).toBeCloseTo((stats.congestionWindow * 8000) / stats.smoothedRtt, -3);
      expect(Number.isInteger(stats.retransmits)).toBe(true);
    }
    socket.reset();
    await once(socket, "close");
    expect(Object.values(socket.getStats())).toEqual(NAMES.map(() => null));
  });

  test("works with TLS and in a relay, and before `open`", async () => {
    const { client, accepted } = await secureBoth({ server: own, client: { ca: ca.cert } });
    const [one, other] = [await acceptedPair(), await tcpPair()];
    relay(one.socket, other.socket).catch(() => {});
    await settle();
    const connecting = expendable(tcp("127.0.0.1", 9));
    for (const socket of [client, accepted, one.socket, other.socket, connecting]) expect(Object.keys(socket.getStats())).toEqual(NAMES);
    if (process.platform === "linux") {
      for (const socket of [client, one.socket]) expect(socket.getStats().congestionWindow).toBeGreaterThan(0);
    }
    record(connecting, ["error"]);
  });
});
