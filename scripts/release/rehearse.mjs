// Rehearses a release on this machine, for this machine's platform, from the tag to the check of what was published, against a registry on
// the loopback interface. Nothing leaves the machine.
//
//   node scripts/release/rehearse.mjs [TAG] [--build] [--sbom] [FOLDER…]
//
// TAG is by default that of package.json's version. --build builds the binary as a release does; else the one in the repository's root is
// taken. --sbom also makes the list of components. FOLDERs name the tests to run; by default __test__/idl/.

import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { root, thisPlatform } from "../build.mjs";
import { installAll, publishLocally } from "./install.mjs";
import { publish } from "./publish.mjs";
import { startRegistry } from "./registry.mjs";
import { run, script } from "./run.mjs";
import { verify } from "./verify.mjs";

/** The name that stands for the owner of the repository. */
const OWNER = "rehearsal";

const packed = path.join(root, "target", "rehearsal", "packed");

/** Runs another script of a release. @param {string} name @param {string[]} args */
function step(name, ...args) {
  console.log(`\n##### ${name} ${args.join(" ")}`);
  run(process.execPath, [path.join("scripts", "release", `${name}.mjs`), ...args], { timeout: 1_800_000 });
}

await script("release: rehearse", async () => {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { build: { type: "boolean", default: false }, sbom: { type: "boolean", default: false } },
  });
  const isTag = positionals[0] !== undefined && /^v\d/.test(positionals[0]);
  const tag = isTag ? positionals[0] : `v${JSON.parse(readFileSync(path.join(root, "package.json"), "utf8")).version}`;
  const folders = positionals.slice(isTag ? 1 : 0);
  const platform = thisPlatform();
  step("version", tag);
  step("matrix");
  if (values.build) step("build", platform);
  step("test", platform, ...(values.build ? [] : ["--local"]), ...(folders.length > 0 ? folders : ["__test__/idl/"]));
  step("pack", "--owner", OWNER, "--to", packed, ...(values.sbom ? ["--sbom"] : []));
  const registry = await startRegistry();
  try {
    console.log("\n##### publish, dry run");
    publish({ from: packed, options: registry.options });
    console.log("\n##### publish to the local registry");
    publishLocally(packed, registry);
    console.log("\n##### publish again: nothing is left to do");
    publish({ from: packed, options: registry.options, forReal: true, provenance: false });
    console.log("\n##### verify");
    await verify({ from: packed, registry: registry.url, provenance: false, wait: 0 });
    console.log("\n##### install");
    installAll(packed, registry);
  } finally {
    await registry.stop();
  }
  step("announce", tag, "--from", packed);
});
