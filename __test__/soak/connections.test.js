"use strict";

const { scenario } = require("./scenarios/play");

describe("10,000 simultaneous accepted connections on one server", () => {
  test.each(["net", "package"])("clients of %s, all open at once, each echoed twice, all ended cleanly", async (client) => {
    const count = 10_000;
    const result = await scenario("connections", { count, client }, { timeout: 300_000 });
    expect(result).toMatchObject({ connects: count, peak: count, open: count, echoes: 2 * count, closes: count, errors: 0, wrong: 0 });
    if (process.platform === "linux") {
      expect(result.descriptorsOpen).toBeGreaterThanOrEqual(count);
      expect(result.descriptorsLeft).toBeLessThan(20);
    }
    // What a connection costs in user space, garbage not yet collected included.
    expect(result.bytesEach).toBeLessThan(16 * 1024);
  });
});
