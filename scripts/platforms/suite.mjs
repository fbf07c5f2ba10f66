// Runs the jest suite with the Node of another system, and says which failures were expected.

import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";

/** A failure whose cause is known and is not ours: the test's full name, and the cause. @typedef {{ test: RegExp, cause: string }} Expected */

/**
 * @param {string} platform
 * @param {string} clone the folder with the tests
 * @param {string[]} command starts that system's Node
 * @param {NodeJS.ProcessEnv} env
 * @param {{ words?: string[], expected?: Expected[] }} [how] `words`: jest's arguments, such as the folders to test
 * @returns {Promise<boolean>} whether nothing failed but what was expected
 */
export async function suite(platform, clone, [program, ...args], env, { words = [], expected = [] } = {}) {
  const file = path.join(clone, "target", "jest.json");
  rmSync(file, { force: true });
  mkdirSync(path.dirname(file), { recursive: true });
  const jest = path.join(clone, "node_modules", "jest", "bin", "jest.js");
  const child = spawn(program, [...args, jest, "--json", `--outputFile=${file}`, ...words], { cwd: clone, env, stdio: ["ignore", "ignore", "inherit"] });
  await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const { numPassedTests: passed, testResults } = JSON.parse(readFileSync(file, "utf8"));
  const failures = testResults.flatMap(({ name, message, assertionResults }) => {
    const failed = assertionResults.filter(({ status }) => status === "failed").map(({ fullName, failureMessages }) => ({ fullName, text: failureMessages[0] }));
    // A file that cannot be loaded has a message, and no tests.
    return failed.length > 0 || assertionResults.length > 0 ? failed : [{ fullName: path.relative(clone, name), text: message }];
  });
  const known = failures.filter(({ fullName }) => expected.some(({ test }) => test.test(fullName)));
  for (const { fullName, text } of failures.filter((failure) => !known.includes(failure))) {
    console.log(`FAILED ${fullName}\n${String(text).split("\n").slice(0, 12).map((line) => `    ${line}`).join("\n")}`);
  }
  for (const { fullName } of known) {
    console.log(`expected: ${fullName}: ${expected.find(({ test }) => test.test(fullName))?.cause}`);
  }
  console.log(`${platform}: ${passed} passed, ${failures.length - known.length} failed, ${known.length} expected`);
  return failures.length === known.length;
}
