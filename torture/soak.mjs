// The tests that take minutes (__test__/soak), then random sequences of every kind in one process for a chosen time: its memory and its
// descriptors must stay flat. Both are sampled and printed.
//
//   npm run soak -- --minutes 30                 under the wake source that the runtime chooses, or TCP_UDP_SOCKETS_WAKE
//   npm run soak -- --minutes 30 --skip-tests    without the tests of __test__/soak

import path from "node:path";
import process from "node:process";
import { spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import { root } from "../scripts/build.mjs";
import { prepare } from "../scripts/setup.mjs";
import { KINDS } from "./draw.js";
import { lines, runBatch } from "./children.mjs";
import { growth } from "./growth.mjs";

const { values } = parseArgs({
  options: { minutes: { type: "string", default: "10" }, seed: { type: "string" }, "skip-tests": { type: "boolean", default: false } },
});
const MIB = 1 << 20;

/** Prints a sample every few seconds of the run. */
function printer(start) {
  let printed = 0;
  return (plays) => {
    const last = plays.at(-1);
    const seconds = (performance.now() - start) / 1000;
    if (last === undefined || seconds < printed) return;
    printed = seconds + Math.max(5, Number(values.minutes) * 3);
    console.log(`${seconds.toFixed(0).padStart(6)} s  ${String(plays.length).padStart(7)} sequences  rss ${(last.rss / MIB).toFixed(1)} MiB, ` +
      `heap ${(last.heapUsed / MIB).toFixed(1)} MiB, ArrayBuffers ${(last.arrayBuffers / MIB).toFixed(1)} MiB, ${last.descriptors ?? "?"} descriptors`);
  };
}

async function soak() {
  let isWell = true;
  if (!values["skip-tests"]) {
    isWell = spawnSync(process.execPath, [path.join(root, "scripts", "test.mjs"), "--soak"], { cwd: root, stdio: "inherit" }).status === 0;
  } else {
    await prepare({ packages: false, native: true });
  }
  const setting = { runtime: "node", wake: process.env.TCP_UDP_SOCKETS_WAKE ?? (process.platform === "win32" ? "thread" : "uv"), tls: "both", panics: false };
  const first = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
  console.log(`soak: ${values.minutes} minutes of random sequences from seed ${first} on, ${lines(setting)}`);
  const ms = Number(values.minutes) * 60_000;
  const { problems, seed, samples, stderr } = await runBatch(setting, { kinds: KINDS, first, count: Number.MAX_SAFE_INTEGER, ms, collects: true }, printer(performance.now()));
  for (const { rule, text } of problems) console.log(`  ${rule}: ${text}`);
  if (problems.length > 0) {
    console.log(`${stderr}\nreplay it: npm run torture -- --seed ${seed} --kind ${KINDS[seed % KINDS.length]} --runtime node --wake ${setting.wake} --tls both`);
    isWell = false;
  }
  for (const { what, from, to, limit, isFlat } of growth(samples)) {
    console.log(`${isFlat ? "flat" : "GROWS"}: ${what} from ${from} to ${to}; at most ${limit}`);
    isWell &&= isFlat;
  }
  return isWell;
}

process.exitCode = (await soak()) ? 0 : 1;
