// Runs the jest suite with the Node of another system, and says which failures were expected.

import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { run } from "./cache.mjs";

/** A failure whose cause is known and is not ours: the test's full name, and the cause. @typedef {{ test: RegExp, cause: string }} Expected */

/**
 * @param {string} platform
 * @param {{ clone: string, library: string, node: string, env: NodeJS.ProcessEnv, words: string[], expected?: Expected[] }} how
 *   `clone`: the folder with the tests; `library`: the native half for the platform; `node`: the program that is its Node; `words`: jest's
 *   arguments, such as the folders to test
 * @returns {Promise<boolean>} whether nothing failed but what was expected
 */
export async function suite(platform, { clone, library, node, env, words, expected = [] }) {
  cpSync(library, path.join(clone, `tcp-udp-sockets.${platform}.node`));
  // Tests also start `node`.
  const environment = { ...env, PATH: `${path.dirname(node)}:${env.PATH}`, TCP_UDP_SOCKETS_WAKE: env.TCP_UDP_SOCKETS_WAKE ?? "uv" };
  console.log(`running jest for ${platform}, Node ${run(node, ["-p", "process.versions.node"], environment).trim()}`);
  const { passed, failures } = await jest(clone, node, environment, words);
  let unexpected = 0;
  for (const { name, text } of failures) {
    const known = expected.find(({ test }) => test.test(name));
    if (known === undefined) unexpected += 1;
    console.log(known === undefined ? `FAILED ${name}\n${beginning(text)}` : `expected: ${name}: ${known.cause}`);
  }
  console.log(`${platform}: ${passed} passed, ${unexpected} failed, ${failures.length - unexpected} expected`);
  return unexpected === 0;
}

/**
 * @param {string} clone
 * @param {string} node
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} words
 * @returns {Promise<{ passed: number, failures: { name: string, text: string }[] }>}
 */
async function jest(clone, node, env, words) {
  const file = path.join(clone, "target", "jest.json");
  rmSync(file, { force: true });
  mkdirSync(path.dirname(file), { recursive: true });
  const program = path.join(clone, "node_modules", "jest", "bin", "jest.js");
  const child = spawn(node, [program, "--json", `--outputFile=${file}`, ...words], { cwd: clone, env, stdio: ["ignore", "ignore", "inherit"] });
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const { numPassedTests: passed, testResults } = JSON.parse(readFileSync(file, "utf8"));
  const failures = testResults.flatMap(({ name, message, assertionResults: results }) => {
    // A file that cannot be loaded has a message, and no tests.
    if (results.length === 0) return [{ name: path.relative(clone, name), text: message }];
    return results.filter(({ status }) => status === "failed").map(({ fullName, failureMessages: [text] }) => ({ name: fullName, text }));
  });
  return { passed, failures };
}

/** The first lines of a message, indented. @param {string} text */
function beginning(text) {
  return text.split("\n").slice(0, 12).map((line) => `    ${line}`).join("\n");
}
