"use strict";

const { scenario } = require("./scenarios/play");

describe("R-srv-error: TLS handshakes that never finish", () => {
  test("10,000 at once: honest clients are served, memory is bounded, all are reset with the server", async () => {
    const count = 10_000;
    const result = await scenario("handshakes", { count }, { timeout: 300_000 });
    expect(result).toMatchObject({ connects: 40, served: 40, errors: 0, reset: count });
    // A third of them have sent 4,000 bytes of a record that is still to come.
    expect(result.bytesEach).toBeLessThan(32 * 1024);
    expect(result.eachServedIn).toBeLessThan(1000);
  });
});
