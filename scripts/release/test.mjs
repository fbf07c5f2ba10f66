// Tests a platform's binary, which is in the repository's root, on this machine: what it needs of the system, the smoke tests, and the
// jest suite under each wake source. A binary for musl is tested in a container of Alpine if this system's C library is glibc.
//
//   node scripts/release/test.mjs PLATFORM              all tests of the package
//   node scripts/release/test.mjs PLATFORM FOLDER…      only these folders of the suite, such as __test__/connect/
//   … --local      the binary was not built as a release does: it may need this system's glibc
//
// For a platform that no machine of the release can run (targets.mjs), it says so and tests nothing.

import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { binary, root, thisPlatform } from "../build.mjs";
import { PACKAGE_TESTS } from "../platforms/suite.mjs";
import { prepare } from "../setup.mjs";
import { WAKE_SOURCES } from "../wake-sources.mjs";
import { run, script } from "./run.mjs";
import { target } from "./targets.mjs";

/** The image for musl: Node on Alpine. */
const ALPINE = "node:24-alpine";
/** Milliseconds that the whole suite may take under one wake source. */
const SUITE = 2_400_000;

const JEST = path.join(root, "node_modules", "jest", "bin", "jest.js");

/** Runs this script in a container. @param {string[]} args */
function inContainer(args) {
  run("docker", ["run", "--rm", "--volume", `${root}:/work`, "--workdir", "/work", ALPINE, "node", "scripts/release/test.mjs", ...args], {
    timeout: 3 * SUITE,
  });
}

/** @param {string} platform @param {string[]} folders @param {boolean} local */
async function testHere(platform, folders, local) {
  await prepare({ packages: true, native: false });
  const glibc = local ? undefined : target(platform).glibc;
  const env = { ...process.env, ...(glibc && { TCP_UDP_SOCKETS_GLIBC: glibc }) };
  run(process.execPath, [JEST, "__test__/packaging/binary.test.js"], { env });
  for (const wake of WAKE_SOURCES) {
    console.log(`\n=== ${platform}, wake source ${wake}, Node ${process.versions.node}`);
    const forWake = { ...env, TCP_UDP_SOCKETS_WAKE: wake };
    for (const name of ["smoke", "agent"]) run(process.execPath, [path.join("__test__", "smoke", `${name}.mjs`)], { env: forWake });
    run(process.execPath, [JEST, ...(folders.length > 0 ? folders : PACKAGE_TESTS)], { env: forWake, timeout: SUITE });
  }
}

await script("release: test", async () => {
  const { positionals: [platform, ...folders], values } = parseArgs({
    allowPositionals: true,
    options: { local: { type: "boolean", default: false } },
  });
  if (!target(platform).tested) {
    console.log(`${platform}: untested: no machine of the release can run it`);
    return;
  }
  if (!existsSync(binary(platform))) throw new Error(`${path.basename(binary(platform))} is missing: build it first`);
  const here = thisPlatform();
  if (platform === here) await testHere(platform, folders, values.local);
  else if (platform === here.replace("-gnu", "-musl")) inContainer([platform, ...folders]);
  else throw new Error(`this machine is ${here}, and cannot test ${platform}`);
});
