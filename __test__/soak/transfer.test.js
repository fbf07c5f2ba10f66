"use strict";

const { scenario, MiB, pile } = require("./scenarios/play");

describe("1 GiB through one connection, each way at once", () => {
  test("arrives whole; both senders waited for drain, both receivers suspended, in bounded memory", async () => {
    const bytes = 1024 * MiB;
    const { ours, theirs } = await scenario("transfer", { bytes, pauseEvery: 64 * MiB }, { timeout: 600_000 });
    for (const [sender, receiver] of [[ours, theirs], [theirs, ours]]) {
      expect(sender.out.sent).toBe(bytes);
      expect(receiver.in.received).toBe(bytes);
      expect(receiver.in.digest).toBe(sender.out.digest);
      expect(sender.out.waits).toBeGreaterThan(100);
      expect(sender.out.mostBuffered).toBeLessThan(2 * MiB);
      expect(receiver.in.pauses).toBe(16);
      expect(receiver.in.whileSuspended).toBe(0);
      expect(sender.errors).toEqual([]);
      expect(sender.readyState).toBe("closed");
      expect(sender.growth).toBeLessThan(32 * MiB + pile);
    }
  });
});
