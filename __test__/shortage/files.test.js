"use strict";

// Few descriptors: each number from none to enough, in a process that has opened sockets before, and in one that has not. What opens a socket
// works or fails with a system's code. Nothing hangs, and all works again once there are descriptors.

const { runJSON } = require("../helpers");

/** Attempts of few-files.js. */
const ATTEMPTS = 9;
/** With so many descriptors everything works, also in a process that has opened nothing. */
const ENOUGH = 10;

const limited = process.platform === "linux" ? test : test.skip;

/** @param {{ few: Record<string, string>, healed: Record<string, string> }} result @param {number} numbers */
function check({ few, healed }, numbers) {
  expect(Object.keys(few).length).toBe(ATTEMPTS * numbers);
  expect(Object.entries(few).filter(([, outcome]) => outcome !== "works" && outcome !== "NetworkError EMFILE")).toEqual([]);
  expect(Object.entries(healed).filter(([, outcome]) => outcome !== "works")).toEqual([]);
}

limited("R-error: with few descriptors, everything that opens a socket works or fails with EMFILE, and works again later", async () => {
  const result = await runJSON("few-files.js", { args: ["sweep", String(ENOUGH)], openFiles: 200, timeout: 60_000 });
  check(result, ENOUGH + 1);
  const outcomes = Object.entries(result.few);
  expect(outcomes.filter(([name]) => name.endsWith(", 0")).every(([, outcome]) => outcome === "NetworkError EMFILE")).toBe(true);
  expect(outcomes.filter(([name]) => name.endsWith(`, ${ENOUGH}`)).every(([, outcome]) => outcome === "works")).toBe(true);
}, 65_000);

limited("so does a process that has opened nothing before", async () => {
  for (const left of [0, 3, 5, 7]) {
    check(await runJSON("few-files.js", { args: ["first", String(left)], openFiles: 200, timeout: 60_000 }), 1);
  }
}, 120_000);
