"use strict";

const { runJSON } = require("../helpers");

test("no random sequence of calls loses a byte, an end or a rejection (R-streams, R-promises, R-abort)", async () => {
  const first = Math.floor(Math.random() * 1_000_000);
  const problems = await runJSON("streams-random.js", { args: [String(first), "100"], timeout: 28_000 });
  expect(problems).toEqual([]);
}, 30_000);
