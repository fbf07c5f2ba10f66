"use strict";

// The model of `npm run torture` reports each kind of fault that is planted between it and the sockets, and the shrinker leaves few operations.
// Without a planted fault it reports nothing.

const { runJSON } = require("../helpers");
const { FAULTS } = require("../../torture/plant");

jest.setTimeout(300_000);

/** A rule that the model must name for each fault. */
const RULES = {
  drop: "R-tcp-order",
  flip: "R-tcp-order",
  swap: "R-tcp-order",
  repeat: "R-tcp-order",
  late: "R-task",
  undrained: "R-tcp-drain",
  closes: "R-tcp-lost",
  unclosed: "hang",
  buffered: "R-tcp-close",
  willing: "R-tcp-send",
  unsuspended: "R-tcp-suspend",
  early: "R-task",
  counts: "R-stats",
  pending: "hang",
  short: "R-tcp-send",
};

/** The most operations that may be left. A planted fault needs one or two; a race may keep the shrinker from dropping others. */
const MOST = 6;

test("each planted fault is reported under its ruling and cut down to few operations; without one nothing is reported", async () => {
  expect(Object.keys(RULES).sort()).toEqual([...FAULTS].sort());
  const results = await runJSON("torture-faults.js", { args: ["none", ...FAULTS], timeout: 280_000 });
  expect(results.none).toEqual({ rules: [] });
  for (const [fault, rule] of Object.entries(RULES)) {
    expect({ fault, rules: results[fault].rules }).toEqual({ fault, rules: expect.arrayContaining([rule]) });
    expect(results[fault].after).toBeLessThanOrEqual(MOST);
  }
});
