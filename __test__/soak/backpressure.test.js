"use strict";

const { scenario, MiB } = require("./scenarios/play");

describe("a receiver that takes nothing (R-tcp-suspend, R-listen)", () => {
  test.each(["suspend", "nobody"])("(%s) holds the sender back, memory stays bounded, and nothing is lost in the end", async (how) => {
    const result = await scenario("stalled", { how, stallMs: 5000 }, { timeout: 300_000 });
    expect(result.receivedMeanwhile).toBe(0);
    // The kernel's two buffers and the sender's high-water mark; no more.
    expect(result.stalled.sent).toBeLessThan(32 * MiB);
    expect(result.stalled.bufferedAmount).toBeGreaterThan(0);
    expect(result.stalled.bufferedAmount).toBeLessThan(MiB);
    expect(result.growth).toBeLessThan(64 * MiB);
    expect(result.stalled.growth).toBeLessThan(64 * MiB);
    expect(result.received).toBe(result.sent);
    expect(result.same).toBe(true);
  });
});

describe("a sender that ignores false (R-tcp-full)", () => {
  test.each([
    ["in one loop", { chunk: 64 * 1024, pace: "loop" }],
    ["over many turns", { chunk: 64 * 1024, pace: "turns" }],
    ["with small messages", { chunk: 1000, pace: "turns" }],
  ])("%s is stopped by the error at maxBufferedAmount's default of 256 MiB, not by the system", async (_, parameters) => {
    const result = await scenario("ignorer", parameters, { timeout: 300_000 });
    expect(result.last).toBe(false);
    expect(result.falses).toBeGreaterThan(100);
    expect(result.stateAtOnce).toBe("closed");
    expect(result.eventsAtOnce).toBe(0);
    expect(result.thrown).toBe("InvalidStateError");
    expect(result.events.filter(({ type }) => type !== "drain")).toEqual([
      { type: "error", readyState: "closed", code: "ENOBUFS", name: "NetworkError" },
      { type: "close", readyState: "closed" },
    ]);
    expect(result.bufferedAtOnce).toBeGreaterThan(255 * MiB);
    expect(result.bufferedAtOnce).toBeLessThanOrEqual(256 * MiB);
    expect(result.bufferedAtEnd).toBe(result.bufferedAtOnce);
    expect(result.growth).toBeLessThan(400 * MiB);
    expect(result.lost.code).toBe("ECONNRESET");
    expect(result.lost.received).toBeLessThan(64 * MiB);
  });
});
