// The benchmark. It compares the package with its peers in one interleaved run, and shows the server's CPU time beside every rate.
//
//   node bench/run.mjs [SCENARIO…] [options]       a SCENARIO is a name of scenarios.mjs, or the beginning of one
//
//   --peers A,B      the peers (default: node, raw, and bun and deno if installed)
//   --subject NAME   what they are compared with (default: package; bun-package, deno-package, package-tokio)
//   --rounds N       default 5
//   --seconds S      of each measurement, default 1
//   --quick          one round of 0.3 s: shows that it works; do not trust its figures
//   --json FILE      writes the measurements
//   --svg [FILE]     draws them (default docs/img/bench.svg)
//   --from FILE      measures nothing: prints, and draws, what --json wrote
//   --list           the names of scenarios and peers

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { chart } from "./chart.mjs";
import { peer, peerNames } from "./peers.mjs";
import { build, pinned, runLoad, startServer } from "./processes.mjs";
import { circumstances, table } from "./report.mjs";
import { scenarios } from "./scenarios.mjs";

/** Load before the first measurement of a server, and before the later ones, in seconds. */
const FIRST_WARM = 0.8;
const WARM = 0.2;

const DEFAULT_SVG = path.join(import.meta.dirname, "..", "docs", "img", "bench.svg");

function readOptions() {
  // --svg may stand alone.
  const words = process.argv.slice(2).map((word) => (word === "--svg" ? "--draw" : word));
  const drawAt = words.indexOf("--draw");
  if (drawAt >= 0 && words[drawAt + 1]?.endsWith(".svg")) words.splice(drawAt, 2, `--svg=${words[drawAt + 1]}`);
  const { values, positionals } = parseArgs({
    args: words,
    allowPositionals: true,
    options: {
      peers: { type: "string" },
      subject: { type: "string", default: "package" },
      rounds: { type: "string" },
      seconds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "string" },
      svg: { type: "string" },
      draw: { type: "boolean", default: false },
      from: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
  const seconds = Number(values.seconds ?? (values.quick ? 0.3 : 1));
  if (!(rounds >= 1) || !(seconds > 0)) throw new Error("--rounds and --seconds need a number");
  return { ...values, svg: values.svg ?? (values.draw ? DEFAULT_SVG : undefined), rounds, seconds, wanted: positionals };
}

/** @param {string[]} wanted */
function chooseScenarios(wanted) {
  for (const name of wanted) {
    if (!scenarios.some((scenario) => scenario.name.startsWith(name))) throw new Error(`there is no scenario ${name}: see --list`);
  }
  return scenarios.filter(({ name }) => wanted.length === 0 || wanted.some((start) => name.startsWith(start)));
}

/**
 * @param {string} subject
 * @param {string | undefined} asked
 */
function choosePeers(subject, asked) {
  const names = asked?.split(",").filter((name) => name !== "" && name !== subject) ?? ["node", "raw", "bun", "deno"];
  const chosen = [];
  const missing = [];
  for (const name of [subject, ...names]) {
    const found = peer(name);
    if (found !== undefined) chosen.push(found);
    else missing.push(name);
  }
  if (missing.length > 0) console.error(`Not installed: ${missing.join(", ")}. To have them in: npm install --prefix bench`);
  if (chosen[0]?.name !== subject) throw new Error(`${subject} cannot be run`);
  return chosen;
}

/**
 * Runs one scenario. Every peer's server stays ready, and has its turn in every round.
 *
 * @param {import("./scenarios.mjs").Scenario} scenario
 * @param {import("./peers.mjs").Peer[]} peers
 * @param {{ rounds: number, seconds: number }} options
 */
async function measure(scenario, peers, { rounds, seconds }) {
  const { name, server: kind, size, special = {}, apis, load, fresh = false, free = false, metrics } = scenario;
  const withDelay = metrics.some(({ of }) => of === "delay");
  const entries = peers
    .filter(({ api }) => apis === undefined || apis.includes(api))
    .map((one) => ({ peer: one, server: undefined, result: { scenario: name, peer: one.name, measurements: [], error: undefined } }));
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) {
      const { peer: one, result } = entry;
      if (result.error !== undefined) continue;
      try {
        const isNew = entry.server === undefined;
        entry.server ??= await startServer(one, special[one.api] ?? kind, { size, free });
        const times = { warm: isNew ? Math.min(FIRST_WARM, seconds * 2) : WARM, seconds };
        result.measurements.push(await runLoad(load, entry.server, times, withDelay));
      } catch (error) {
        result.error = error.message;
        console.error(`${name}, ${one.name}: ${error.message}`);
      }
      if (fresh || result.error !== undefined) {
        await entry.server?.stop();
        entry.server = undefined;
      }
    }
  }
  await Promise.all(entries.map(({ server }) => server?.stop()));
  return entries.map(({ result }) => result);
}

/**
 * @param {ReturnType<typeof readOptions>} options
 * @returns {Promise<import("./report.mjs").Run>}
 */
async function runAll({ subject, peers: asked, rounds, seconds, wanted }) {
  if (process.platform !== "linux") throw new Error("the load generator needs Linux (epoll, /proc)");
  const chosen = chooseScenarios(wanted);
  const peers = choosePeers(subject, asked);
  build();
  /** @type {import("./report.mjs").Run} */
  const run = {
    machine: { cpu: os.cpus()[0].model, cores: os.cpus().length, kernel: os.release(), pinned, load: os.loadavg()[0] },
    date: new Date().toISOString(),
    options: { rounds, seconds },
    subject,
    peers: Object.fromEntries(peers.map(({ name, runtime }) => [name, runtime])),
    results: [],
  };
  for (const [index, scenario] of chosen.entries()) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${index + 1}/${chosen.length} ${scenario.title} …`);
    const taking = peers.filter(({ api }) => scenario.apis === undefined || scenario.apis.includes(api));
    // A second way of one API needs a line only if that API takes part.
    if (scenario.special !== undefined && !taking.some(({ api }) => api in scenario.special)) continue;
    run.results.push(...(await measure(scenario, taking, { rounds, seconds })));
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  return run;
}

try {
  const options = readOptions();
  if (options.list) {
    console.log(`${scenarios.map(({ name, title }) => `${name.padEnd(20)} ${title}`).join("\n")}\n\npeers: ${peerNames.join(", ")}`);
  } else {
    const run = options.from === undefined ? await runAll(options) : JSON.parse(readFileSync(options.from, "utf8"));
    if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(run, null, 1)}\n`);
    if (options.svg !== undefined) {
      mkdirSync(path.dirname(path.resolve(options.svg)), { recursive: true });
      writeFileSync(options.svg, chart(run));
    }
    console.log(`${circumstances(run)}\n\n${table(run)}`);
    if (run.results.some(({ error }) => error !== undefined)) process.exitCode = 1;
  }
} catch (error) {
  console.error(`bench: ${error.message}`);
  process.exitCode = 1;
}
