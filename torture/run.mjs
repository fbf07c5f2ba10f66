// Random sequences of operations over real sockets, against a model of the rulings. Whatever goes wrong can be replayed by its seed, and is cut
// down to the fewest operations that show it.
//
//   npm run torture                          10 minutes, every kind, every wake source, every runtime that is found
//   npm run torture -- --minutes 1 --seed 7  as long, and from which seed on
//   npm run torture -- --kind tls --runtime node --wake uv --tls both    only these; each may be given several times
//   npm run torture -- --panics              the native half panics at random points (a build with test hooks)
//   npm run torture -- --replay FILE         plays the list of operations in a file again

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { build, root } from "../scripts/build.mjs";
import { prepare } from "../scripts/setup.mjs";
import { KINDS, draw } from "./draw.js";
import { describePlan, lines, runBatch, runPlan } from "./children.mjs";
import { runtimes, settings } from "./settings.mjs";
import { shrink } from "./shrink.mjs";

/** Seeds of one batch: a process of its own. */
const SEEDS = 40;
/** The most and the fewest milliseconds that a batch may take before the next kind has its turn. In a short run each kind has one turn. */
const BATCH = 8000;
const SHORT_BATCH = 1000;
/** Milliseconds for cutting a failure down. */
const SHRINKING = 120_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    seconds: { type: "string" },
    seed: { type: "string" },
    kind: { type: "string", multiple: true },
    runtime: { type: "string", multiple: true },
    wake: { type: "string", multiple: true },
    tls: { type: "string", multiple: true },
    panics: { type: "boolean", default: false },
    replay: { type: "string" },
    times: { type: "string", default: "20" },
    "no-shrink": { type: "boolean", default: false },
  },
});

const kinds = values.kind ?? KINDS;
const unknown = kinds.filter((kind) => !KINDS.includes(kind));
if (unknown.length > 0) {
  console.error(`torture: unknown kind ${unknown.join(", ")}; it can be ${KINDS.join(", ")}`);
  process.exit(2);
}
try {
  await prepare({ packages: false, native: true });
  if (values.panics) await build(["--test-hooks"]);
} catch (error) {
  console.error(`torture: ${error.message}`);
  process.exit(1);
}
const where = path.join(root, "target", "torture");
mkdirSync(where, { recursive: true });

/** The command that plays a seed of a kind under these settings again. */
const command = ({ runtime, wake, tls, panics }, kind, seed) =>
  `npm run torture -- --seed ${seed} --kind ${kind} --runtime ${runtime} --wake ${wake} --tls ${tls}${panics ? " --panics" : ""}`;

/** Reports a failure: the problems, how to replay it, and the shortest list of operations that shows it. */
async function report({ setting, kind, seed, problems, stderr }) {
  console.log(`\nFAILED: ${kind}, seed ${seed}, ${lines(setting)}`);
  for (const { rule, text } of problems) console.log(`  ${rule}: ${text}`);
  if (stderr) console.log(stderr.trim().split("\n").slice(-30).map((line) => `  | ${line}`).join("\n"));
  console.log(`replay it: ${command(setting, kind, seed)}`);
  const plan = { ...draw(seed, kind, { panics: setting.panics }), setting };
  const file = path.join(where, `${kind}-${seed}.json`);
  writeFileSync(file, JSON.stringify(plan, undefined, 1));
  if (values["no-shrink"]) return;
  const smallest = await shrink(plan, (candidate) => runPlan(setting, candidate, 3), problems[0].rule, SHRINKING);
  if (smallest === undefined) {
    console.log(`it did not fail again; all of its operations are in ${file}`);
    return;
  }
  writeFileSync(file, JSON.stringify(smallest, undefined, 1));
  console.log(`the least that fails (${smallest.operations.length} operations):\n${describePlan(smallest)}`);
  console.log(`replay that: npm run torture -- --replay ${path.relative(root, file)}`);
}

/** Plays a file again, until it fails or has been played often enough. */
async function replay(file) {
  const plan = JSON.parse(readFileSync(path.resolve(root, file), "utf8"));
  const setting = plan.setting ?? settings(values)[0];
  console.log(`${plan.kind}, ${plan.operations.length} operations, ${lines(setting)}\n${describePlan(plan)}`);
  const { problems } = await runPlan(setting, plan, Number(values.times));
  for (const { rule, text } of problems) console.log(`  ${rule}: ${text}`);
  console.log(problems.length > 0 ? "it fails" : `it did not fail in ${values.times} plays`);
  return problems.length === 0;
}

/** Batches of each kind under each setting in turn, until the time is over. Returns whether all was well. */
async function torture() {
  const limit = (values.seconds === undefined ? Number(values.minutes) * 60 : Number(values.seconds)) * 1000;
  const all = settings(values);
  let seed = values.seed === undefined ? Math.floor(Math.random() * 1e9) : Number(values.seed);
  const start = performance.now();
  const left = () => limit - (performance.now() - start);
  console.log(`seed ${seed}; ${all.map(lines).join("; ")}`);
  const totals = new Map(all.map((setting) => [setting, { plays: 0, operations: 0 }]));
  let failures = 0;
  const batch = Math.min(BATCH, Math.max(SHORT_BATCH, limit / kinds.length));
  const isOne = kinds.length === 1 && values.seed !== undefined && all.length === 1;
  for (let round = 0; left() > 0 && failures < 5; round++) {
    for (const [index, kind] of kinds.entries()) {
      const setting = all[(round + index) % all.length];
      if (left() <= 0) break;
      if (!runtimes[setting.runtime].kinds(kind)) continue;
      const result = await runBatch(setting, { kinds: [kind], first: seed, count: SEEDS, ms: Math.min(batch, left()) });
      const total = totals.get(setting);
      total.plays += result.plays;
      total.operations += result.operations;
      if (result.problems.length > 0) {
        failures += 1;
        await report({ setting, kind, ...result });
      }
    }
    seed += SEEDS;
    if (isOne) break;
  }
  for (const [setting, { plays, operations }] of totals) console.log(`${String(plays).padStart(6)} sequences, ${String(operations).padStart(7)} operations: ${lines(setting)}`);
  console.log(failures > 0 ? `torture: ${failures} failures` : `torture: no failure in ${Math.round((performance.now() - start) / 1000)} s`);
  return failures === 0;
}

process.exitCode = (await (values.replay === undefined ? torture() : replay(values.replay))) ? 0 : 1;
