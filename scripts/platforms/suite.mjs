// Runs the jest suite with the Node of another system, and says which failures were expected.

import { spawn } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { run } from "./cache.mjs";

/**
 * A failure whose cause is known and is not ours.
 *
 * @typedef {object} Expected
 * @property {RegExp} test matches "FILE: FULL NAME OF THE TEST", or only the file if it cannot be loaded
 * @property {string} cause
 */

/**
 * jest's arguments for all tests but those of the project's own scripts and texts, which are the same on every system, and the long ones.
 * (An option of the command line replaces that of jest.config.js.)
 */
export const PACKAGE_TESTS = ["--testPathIgnorePatterns", "__test__.(circles|contract|docs|packaging|soak|types).", "--testPathPatterns", "__test__"];

/**
 * @param {string} name of the system, for messages
 * @param {object} how
 * @param {string} [how.platform] the native half's, as in npm/; by default `name`
 * @param {string} how.clone the folder with the tests
 * @param {string} how.library the native half for the platform
 * @param {string} how.node the program that is its Node
 * @param {NodeJS.ProcessEnv} how.env
 * @param {string[]} how.words jest's arguments, such as the folders to test
 * @param {Expected[]} [how.expected]
 * @param {boolean} [how.again] what fails is tried once more, because this system's emulation fails now and then
 * @returns {Promise<boolean>} whether nothing failed but what was expected
 */
export async function suite(name, { platform = name, clone, library, node, env, words, expected = [], again = false }) {
  cpSync(library, path.join(clone, `tcp-udp-sockets.${platform}.node`));
  // Tests also start `node`.
  const environment = { ...env, PATH: `${path.dirname(node)}:${env.PATH}`, TCP_UDP_SOCKETS_WAKE: env.TCP_UDP_SOCKETS_WAKE ?? "uv" };
  console.log(`running jest for ${name}, Node ${run(node, ["-p", "process.versions.node"], environment).trim()}`);
  const { passed, failures } = await jest(clone, node, environment, words);
  const causes = failures.map(({ name: test }) => expected.find((one) => one.test.test(test))?.cause);
  let failed = failures.filter((_, index) => causes[index] === undefined);
  failures.forEach(({ name: test }, index) => causes[index] && console.log(`expected: ${test}: ${causes[index]}`));
  let recovered = 0;
  if (again && failed.length > 0) {
    const files = [...new Set(failed.map(({ name: test }) => test.replace(/: .*/s, "")))];
    const second = new Set((await jest(clone, node, environment, files)).failures.map(({ name: test }) => test));
    for (const { name: test } of failed) if (!second.has(test)) console.log(`passed the second time: ${test}`);
    recovered = failed.filter(({ name: test }) => !second.has(test)).length;
    failed = failed.filter(({ name: test }) => second.has(test));
  }
  for (const { name: test, text } of failed) console.log(`FAILED ${test}\n${beginning(text)}`);
  const counts = `${passed + recovered} passed, ${failed.length} failed, ${causes.filter(Boolean).length} expected`;
  console.log(`${name}: ${counts}${recovered > 0 ? ` (${recovered} passed the second time)` : ""}`);
  return failed.length === 0;
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
    const test = path.relative(clone, unixPath(name));
    // A file that cannot be loaded has a message, and no tests.
    if (results.length === 0) return [{ name: test, text: message }];
    const failed = results.filter(({ status }) => status === "failed");
    return failed.map(({ fullName, failureMessages: [text] }) => ({ name: `${test}: ${fullName}`, text }));
  });
  return { passed, failures };
}

/**
 * Runs the smoke test, in a clone that suite() has prepared. Prints the result.
 *
 * @param {string} name of the system and what is special, for messages
 * @param {{ clone: string, node: string, env: NodeJS.ProcessEnv }} how as for suite()
 * @returns {boolean} whether it passed
 */
export function smoke(name, { clone, node, env }) {
  try {
    run(node, [path.join(clone, "__test__", "smoke", "smoke.mjs")], env, clone);
  } catch (error) {
    console.log(`${name}: the smoke test failed: ${error.message}`);
    return false;
  }
  console.log(`${name}: the smoke test passed`);
  return true;
}

/** Wine's drive Z: is the root of this system. @param {string} name of a file */
function unixPath(name) {
  return name.replace(/^Z:/, "").replaceAll("\\", "/");
}

/** The first lines of a message, indented. @param {string} text */
function beginning(text) {
  return text.split("\n").slice(0, 12).map((line) => `    ${line}`).join("\n");
}
