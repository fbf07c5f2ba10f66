"use strict";

const { scenario, MiB } = require("./scenarios/play");

describe("1 GiB out of a ReadableStream and back into a WritableStream", () => {
  test("grows memory by less than 64 MiB at either end, and costs at most 1.5 times the processor time of events (R-streams)", async () => {
    const bytes = 1024 * MiB;
    const events = await scenario("streams", { how: "events", bytes }, { timeout: 300_000 });
    const streams = await scenario("streams", { how: "streams", bytes }, { timeout: 300_000 });
    for (const { received, wrong } of [events, streams]) {
      expect({ received, wrong }).toEqual({ received: bytes, wrong: 0 });
    }
    // The engine of Node 24 and later lets node:net, too, grow by 100 MiB before it collects.
    const most = Number(process.versions.node.split(".")[0]) < 24 ? 64 : 160;
    for (const end of ["ours", "theirs"]) {
      expect(streams[end].growth).toBeLessThan(most * MiB);
      expect(streams[end].ms).toBeLessThan(1.5 * events[end].ms);
    }
  });
});
