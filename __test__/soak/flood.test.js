"use strict";

const { scenario } = require("./scenarios/play");

describe("a flood of datagrams", () => {
  test.each([64, 1200])("of %d bytes leaves timers and a quiet TCP connection responsive", async (size) => {
    const result = await scenario("flood", { seconds: 20, size }, { timeout: 120_000 });
    expect(result.wrongSize).toBe(0);
    expect(result.perSecond).toBeGreaterThan(10_000);
    expect(result.timers.count).toBeGreaterThan(500);
    expect(result.timers.p95).toBeLessThan(50);
    expect(result.timers.max).toBeLessThan(500);
    expect(result.trips.count).toBeGreaterThan(100);
    expect(result.trips.p95).toBeLessThan(100);
    expect(result.trips.max).toBeLessThan(1000);
  });
});
