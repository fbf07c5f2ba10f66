// Packs the packages as they are published, each as one file, into target/packed, beside a list of the components of each binary (SBOM, in
// the format CycloneDX) and the files' checksums. What is tested, installed and published afterwards are these very files.
//
//   node scripts/release/pack.mjs                 packs the platforms that have a binary
//   node scripts/release/pack.mjs --complete      fails if a platform's binary is missing
//   node scripts/release/pack.mjs --owner NAME    for a rehearsal: takes NAME for the owner of the repository
//   node scripts/release/pack.mjs --to FOLDER     packs into this folder
//   node scripts/release/pack.mjs --sbom          adds the lists of components, for which cargo-cyclonedx is compiled once

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { TRIPLES, root } from "../build.mjs";
import { npmOutput, run, script } from "./run.mjs";
import { sbom } from "./sbom.mjs";

await script("release: pack", () => {
  const { values } = parseArgs({
    options: {
      complete: { type: "boolean", default: false },
      owner: { type: "string" },
      sbom: { type: "boolean", default: false },
      to: { type: "string", default: path.join(root, "target", "packed") },
    },
  });
  const to = path.resolve(values.to);
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  const dist = path.join(root, values.owner === undefined ? "dist" : path.join("target", "rehearsal", "dist"));
  const options = ["--to", dist, ...(values.complete ? ["--complete"] : []), ...(values.owner ? ["--owner", values.owner] : [])];
  run(process.execPath, [path.join("scripts", "dist.mjs"), ...options]);
  for (const name of readdirSync(dist)) {
    // Before npm 12 the list of what was packed is an array.
    const packed = JSON.parse(npmOutput(["pack", "--json", "--pack-destination", to, path.join(dist, name)]));
    const [{ filename, size, integrity }] = Object.values(packed);
    console.log(`${filename}: ${size} bytes, ${integrity}`);
    if (values.sbom && Object.hasOwn(TRIPLES, name)) {
      writeFileSync(path.join(to, `${name}.cdx.json`), `${JSON.stringify(sbom(TRIPLES[name]), null, 2)}\n`);
      console.log(`${name}.cdx.json`);
    }
  }
  const sums = readdirSync(to).sort().map((name) => {
    return `${createHash("sha256").update(readFileSync(path.join(to, name))).digest("hex")}  ${name}\n`;
  });
  writeFileSync(path.join(to, "SHA256SUMS"), sums.join(""));
});
