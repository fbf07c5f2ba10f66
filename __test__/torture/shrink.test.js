"use strict";

// The shrinker and the check of growth, without sockets. (They are ES modules, which jest cannot load: a child runs them.)

const path = require("node:path");
const { pathToFileURL } = require("node:url");
const { runJSON } = require("../helpers");

const FOLDER = path.join(__dirname, "..", "..", "torture");
const url = (name) => JSON.stringify(pathToFileURL(path.join(FOLDER, name)).href);

test("the shrinker finds the two operations of sixty that fail together, and makes their arguments simple", async () => {
  const result = await runJSON(`import(${url("shrink.mjs")}).then(async ({ shrink }) => {
    const operations = Array.from({ length: 60 }, (_, number) => ({ do: "op " + number, when: "message", then: "ms", size: 70_000 }));
    let plays = 0;
    const play = async (plan) => {
      plays += 1;
      const [one, other] = ["op 17", "op 44"].map((name) => plan.operations.find((operation) => operation.do === name));
      return { problems: one && other && other.size > 100 ? [{ rule: "this rule" }] : [{ rule: "another rule" }] };
    };
    report({ least: await shrink({ operations, early: 2 }, play, "this rule", 10_000), plays });
  });`);
  expect(result.least).toEqual({
    early: 0,
    operations: [
      { do: "op 17", when: "now", then: "none", size: 1 },
      { do: "op 44", when: "now", then: "none", size: 1000 },
    ],
  });
  expect(result.plays).toBeLessThan(80);
});

test("what does not fail again is not cut down", async () => {
  const result = await runJSON(`import(${url("shrink.mjs")}).then(async ({ shrink }) => {
    const least = await shrink({ operations: [1, 2] }, async () => ({ problems: [] }), "this rule", 1000);
    report(least === undefined);
  });`);
  expect(result).toBe(true);
});

test("growth is what passes the slack: of memory 24 MiB or a tenth, of descriptors one", async () => {
  const result = await runJSON(`import(${url("growth.mjs")}).then(({ growth }) => {
    const MIB = 1 << 20;
    const run = (leak, descriptors) => growth(Array.from({ length: 400 }, (_, at) => ({
      rss: 90 * MIB + at * leak, heapUsed: 9 * MIB, arrayBuffers: 0, descriptors: 20 + Math.floor(at * descriptors),
    }))).map(({ what, isFlat }) => what + " " + isFlat);
    report([run(0, 0), run(MIB / 4, 0), run(0, 0.01), growth([]).map(({ isFlat }) => isFlat)]);
  });`);
  expect(result).toEqual([
    ["rss true", "heapUsed true", "arrayBuffers true", "descriptors true"],
    ["rss false", "heapUsed true", "arrayBuffers true", "descriptors true"],
    ["rss true", "heapUsed true", "arrayBuffers true", "descriptors false"],
    [false],
  ]);
});
