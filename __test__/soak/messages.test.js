"use strict";

const { scenario, MiB } = require("./scenarios/play");

describe("1,000,000 messages of 64 bytes through one connection", () => {
  test("arrive complete and in order, with bounded memory", async () => {
    const count = 1_000_000;
    const result = await scenario("messages", { count }, { timeout: 300_000 });
    expect(result).toMatchObject({ received: count, wrong: 0, rest: 0 });
    expect(result.waits).toBeGreaterThan(10);
    expect(result.growth).toBeLessThan(64 * MiB);
    expect(result.senderGrowth).toBeLessThan(64 * MiB);
  });
});
