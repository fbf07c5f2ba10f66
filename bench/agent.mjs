// Compares the agents of tcp-udp-sockets/agent with those of the runtime: CPU time of the client for each request.
//
//   node bench/agent.mjs                    all cases
//   node bench/agent.mjs --rounds 7 --seconds 1 http https
//
// The server runs in a process of its own. The two agents take turns within a round, so that both meet the same noise. The table has the
// medians of the rounds, and the median of the ratios of each round.

import { fork } from "node:child_process";
import http from "node:http";
import https from "node:https";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { Agent, HttpsAgent } from "../agent.mjs";
import certificates from "../__test__/helpers/certificates.js";

const SELF = fileURLToPath(import.meta.url);
/** So many requests are under way at once. */
const CONCURRENCY = 8;

/** The cases: the module, and whether connections are kept. */
const CASES = {
  http: { what: "HTTP, keep-alive", isSecure: false, keepAlive: true },
  "http-new": { what: "HTTP, a connection each", isSecure: false, keepAlive: false },
  https: { what: "HTTPS, keep-alive", isSecure: true, keepAlive: true },
  "https-new": { what: "HTTPS, a connection each", isSecure: true, keepAlive: false },
};

/** The child: an HTTP and an HTTPS server that answer with a few bytes. */
function serve() {
  const { ca, server } = certificates.authority();
  const answer = (_request, response) => response.end("Hello World");
  const plain = http.createServer(answer).listen(0, "127.0.0.1", () => {
    const secure = https.createServer({ cert: server.cert, key: server.key }, answer).listen(0, "127.0.0.1", () => {
      process.send({ http: plain.address().port, https: secure.address().port, ca: ca.cert });
    });
  });
  process.on("disconnect", () => process.exit());
}

/** One request. @param {typeof http} module @param {object} options */
function request(module, options) {
  return new Promise((resolve, reject) => {
    module
      .get(options, (response) => {
        response.resume();
        response.once("end", resolve);
      })
      .once("error", reject);
  });
}

/**
 * Requests for some time. Returns the CPU time and the time of each request, in microseconds.
 *
 * @param {typeof http} module
 * @param {object} options
 * @param {number} seconds
 */
async function measure(module, options, seconds) {
  let count = 0;
  const end = performance.now() + seconds * 1000;
  const cpu = process.cpuUsage();
  const start = performance.now();
  const one = async () => {
    while (performance.now() < end) {
      await request(module, options);
      count += 1;
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, one));
  const elapsed = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  return { cpu: (user + system) / count, time: (elapsed * 1000) / count };
}

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

async function main() {
  const words = process.argv.slice(2);
  const option = (name, fallback) => {
    const at = words.indexOf(`--${name}`);
    return at < 0 ? fallback : Number(words.splice(at, 2)[1]);
  };
  const rounds = option("rounds", 7);
  const seconds = option("seconds", 1);
  const wanted = words.length === 0 ? Object.keys(CASES) : words;
  const child = fork(SELF, ["--serve"]);
  const server = await new Promise((resolve) => child.once("message", resolve));
  console.log(`Node ${process.versions.node}, ${CONCURRENCY} requests at once, ${rounds} rounds of ${seconds} s`);
  for (const name of wanted) {
    const { what, isSecure, keepAlive } = CASES[name];
    const module = isSecure ? https : http;
    const options = { host: "127.0.0.1", port: server[isSecure ? "https" : "http"], ca: server.ca };
    const agents = {
      node: isSecure ? new https.Agent({ keepAlive }) : new http.Agent({ keepAlive }),
      ours: isSecure ? new HttpsAgent({ keepAlive }) : new Agent({ keepAlive }),
    };
    const results = { node: [], ours: [] };
    for (const agent of Object.values(agents)) await measure(module, { ...options, agent }, seconds / 2);
    for (let round = 0; round < rounds; round++) {
      const order = round % 2 === 0 ? ["node", "ours"] : ["ours", "node"];
      for (const each of order) results[each].push(await measure(module, { ...options, agent: agents[each] }, seconds));
    }
    for (const agent of Object.values(agents)) agent.destroy();
    const of = (each, figure) => median(results[each].map((result) => result[figure])).toFixed(1);
    const ratio = (figure) => median(results.ours.map((result, at) => result[figure] / results.node[at][figure])).toFixed(2);
    console.log(
      `${what.padEnd(26)} CPU us: node ${of("node", "cpu")}, ours ${of("ours", "cpu")}, ratio ${ratio("cpu")};` +
        ` time us: node ${of("node", "time")}, ours ${of("ours", "time")}, ratio ${ratio("time")}`,
    );
  }
  child.disconnect();
}

if (process.argv.includes("--serve")) serve();
else await main();
