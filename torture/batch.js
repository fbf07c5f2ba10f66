"use strict";

// Plays seeds one after another, in a process of its own, and writes a line for each to a file: a crash is then known by its seed. It ends by
// itself. What keeps it alive is a fault.
//
//   node --expose-gc torture/batch.js JSON

const { appendFileSync, readFileSync } = require("node:fs");
const process = require("node:process");
const { authority } = require("../__test__/helpers/certificates");
const { draw } = require("./draw");
const { plant } = require("./plant");
const { countDescriptors, play } = require("./play");

const task = JSON.parse(process.argv[2]);
/** `kinds` take turns. With `collects` garbage is collected before memory is measured. */
const { file, kinds, first, count, ms, panics = false, collects = false, plan: planFile, times = 1, fault } = task;
const start = performance.now();

/** @param {object} line */
const write = (line) => appendFileSync(file, `${JSON.stringify(line)}\n`);

/** Keys for TLS, made once. */
function makeKeys() {
  const { ca, server } = authority();
  return { own: { cert: server.cert, key: server.key }, trust: { ca: ca.cert, sni: "localhost" } };
}

async function main() {
  const native = panics || planFile !== undefined ? require("../lib/native.js").binding : undefined;
  const how = {
    keys: makeKeys(),
    hasMicrotasks: true,
    slowness: task.slowness ?? 1,
    native,
    plant: fault === undefined ? undefined : plant(fault),
    countsDescriptors: process.versions.bun === undefined && /** @type {any} */ (globalThis).Deno === undefined,
  };
  if (planFile !== undefined) {
    const plan = JSON.parse(readFileSync(planFile, "utf8"));
    for (let i = 0; i < times; i++) {
      write({ begin: plan.seed });
      const problems = await play(plan, { ...how, countsDescriptors: how.countsDescriptors && i > 0 });
      write({ end: plan.seed, problems });
      if (problems.length > 0) break;
    }
    return;
  }
  // What is opened once in a process (the runtime, the poll set, thread pools) is open before descriptors are counted.
  for (let i = 0; i < 2 * kinds.length; i++) await play(draw(1_000_000 + i, kinds[i % kinds.length]), { ...how, countsDescriptors: false });
  for (let seed = first; seed < first + count && performance.now() - start < ms; seed++) {
    const kind = kinds[seed % kinds.length];
    const plan = draw(seed, kind, { panics });
    write({ begin: seed });
    const began = performance.now();
    const problems = await play(plan, how);
    if (collects) /** @type {any} */ (globalThis).gc?.();
    const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
    const memory = { rss, heapUsed, arrayBuffers, descriptors: countDescriptors() };
    write({ end: seed, kind, problems, operations: plan.operations.length, ms: Math.round(performance.now() - began), ...(collects && memory) });
    if (problems.length > 0) break;
  }
}

main().then(() => write({ done: true }), (error) => write({ failed: String(error?.stack ?? error) }));
