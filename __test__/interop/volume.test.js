"use strict";

// The soak scenarios with smaller numbers; `npm run test:soak` has them in full.

const { scenario, MiB, pile } = require("../soak/scenarios/play");

describe("volume, quickly (the full numbers: npm run test:soak)", () => {
  test.each(["net", "package"])("1,000 simultaneous accepted connections, clients of %s", async (client) => {
    const count = 1000;
    const result = await scenario("connections", { count, client }, { timeout: 25_000 });
    expect(result).toMatchObject({ connects: count, peak: count, open: count, echoes: 2 * count, closes: count, errors: 0, wrong: 0 });
    if (process.platform === "linux") {
      expect(result.descriptorsOpen).toBeGreaterThanOrEqual(count);
      expect(result.descriptorsLeft).toBeLessThan(20);
    }
  });

  test("64 MiB each way at once, with back-pressure on both sides, in bounded memory", async () => {
    const bytes = 64 * MiB;
    const { ours, theirs } = await scenario("transfer", { bytes, pauseEvery: 8 * MiB }, { timeout: 25_000 });
    for (const [sender, receiver] of [[ours, theirs], [theirs, ours]]) {
      expect(sender.out.sent).toBe(bytes);
      expect(receiver.in.received).toBe(bytes);
      expect(receiver.in.digest).toBe(sender.out.digest);
      expect(sender.out.waits).toBeGreaterThan(10);
      expect(sender.out.mostBuffered).toBeLessThan(2 * MiB);
      expect(receiver.in.pauses).toBe(8);
      expect(receiver.in.whileSuspended).toBe(0);
      expect(sender.errors).toEqual([]);
      expect(sender.readyState).toBe("closed");
      expect(sender.growth).toBeLessThan(32 * MiB + pile);
    }
  });

  test("100,000 messages of 64 bytes, in order", async () => {
    const count = 100_000;
    const result = await scenario("messages", { count }, { timeout: 25_000 });
    expect(result).toMatchObject({ received: count, wrong: 0, rest: 0 });
    expect(result.waits).toBeGreaterThan(1);
    expect(result.growth).toBeLessThan(64 * MiB);
    expect(result.senderGrowth).toBeLessThan(64 * MiB);
  });

  test.each(["suspend", "nobody"])("a receiver that takes nothing (%s) holds the sender back; nothing is lost", async (how) => {
    const result = await scenario("stalled", { how, stallMs: 500 }, { timeout: 25_000 });
    expect(result.receivedMeanwhile).toBe(0);
    expect(result.stalled.sent).toBeLessThan(32 * MiB);
    expect(result.stalled.bufferedAmount).toBeGreaterThan(0);
    expect(result.stalled.bufferedAmount).toBeLessThan(MiB);
    expect(result.growth).toBeLessThan(64 * MiB);
    expect(result.stalled.growth).toBeLessThan(64 * MiB);
    expect(result.received).toBe(result.sent);
    expect(result.same).toBe(true);
  });

  test.each([
    ["in one loop", { chunk: 16 * 1024, pace: "loop" }],
    ["over many turns", { chunk: 1000, pace: "turns" }],
  ])("a sender that ignores false %s gets the error at maxBufferedAmount (R-tcp-full)", async (_, parameters) => {
    const maxBufferedAmount = 8 * MiB;
    const result = await scenario("ignorer", { ...parameters, maxBufferedAmount }, { timeout: 25_000 });
    expect(result.last).toBe(false);
    expect(result.falses).toBeGreaterThan(100);
    expect(result.stateAtOnce).toBe("closed");
    expect(result.eventsAtOnce).toBe(0);
    expect(result.thrown).toBe("InvalidStateError");
    expect(result.events.filter(({ type }) => type !== "drain")).toEqual([
      { type: "error", readyState: "closed", code: "ENOBUFS", name: "NetworkError" },
      { type: "close", readyState: "closed" },
    ]);
    expect(result.bufferedAtOnce).toBeGreaterThan(maxBufferedAmount - parameters.chunk - 1);
    expect(result.bufferedAtOnce).toBeLessThanOrEqual(maxBufferedAmount);
    expect(result.bufferedAtEnd).toBe(result.bufferedAtOnce);
    expect(result.growth).toBeLessThan(64 * MiB);
    expect(result.lost.code).toBe("ECONNRESET");
  });

  test("a flood of datagrams leaves timers and a quiet TCP connection responsive", async () => {
    const result = await scenario("flood", { seconds: 2, size: 200 }, { timeout: 25_000 });
    expect(result.wrongSize).toBe(0);
    expect(result.perSecond).toBeGreaterThan(5000);
    expect(result.timers.count).toBeGreaterThan(30);
    expect(result.timers.p95).toBeLessThan(100);
    expect(result.trips.count).toBeGreaterThan(5);
    expect(result.trips.p95).toBeLessThan(250);
    expect(result.trips.max).toBeLessThan(1500);
  });

  test.each([
    ["eight connections of 64 KiB writes", { connections: 8, size: 64 * 1024 }],
    ["two hundred connections of small writes", { connections: 200, size: 100 }],
  ])("%s at full speed leave timers, the event loop and a quiet connection responsive", async (_, load) => {
    const result = await scenario("flood", { seconds: 2, ...load }, { timeout: 25_000 });
    expect(result.perSecond).toBeGreaterThan(1000);
    expect(result.timers.p95).toBeLessThan(200);
    expect(result.loopDelay.p99).toBeLessThan(400);
    expect(result.trips.count).toBeGreaterThan(5);
    expect(result.trips.p99).toBeLessThan(1000);
  });
});
