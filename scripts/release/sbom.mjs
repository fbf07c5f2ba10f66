// The list of the components of a binary (SBOM), in the format CycloneDX 1.5. cargo-cyclonedx writes it from Cargo.lock. It names what is
// linked into the binary, and macros, which only generate code.
//
//   node scripts/release/sbom.mjs TRIPLE     prints it, such as for x86_64-unknown-linux-gnu

import { readFileSync, realpathSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { root } from "../build.mjs";
import { compiledIn } from "../notices.mjs";
import { run, script } from "./run.mjs";
import { cyclonedx } from "./tools.mjs";

/**
 * Returns the list, after a check that it is complete.
 *
 * @param {string} triple Rust's name of the system
 * @returns {any}
 */
export function sbom(triple) {
  // The program writes only beside Cargo.toml.
  const name = `sbom-${process.pid}`;
  const file = path.join(root, `${name}.json`);
  try {
    run(cyclonedx(), [
      "cyclonedx", "--quiet", "--format", "json", "--spec-version", "1.5", "--no-build-deps", "--target", triple, "--override-filename", name,
    ]);
    // Where this repository lies on this machine is of no use to anybody.
    const list = JSON.parse(readFileSync(file, "utf8").replaceAll(pathToFileURL(root).href, "file:///tcp-udp-sockets"));
    requireComplete(list, compiledIn(triple));
    return list;
  } finally {
    rmSync(file, { force: true });
  }
}

/**
 * Throws if a list does not name each crate that is linked, with its version, its licence and the digest of its archive.
 *
 * @param {any} list
 * @param {{ name: string, version: string }[]} crates
 */
export function requireComplete({ bomFormat, components }, crates) {
  if (bomFormat !== "CycloneDX") throw new Error(`the list of components has the format ${bomFormat}`);
  for (const { name, version } of crates) {
    const found = components.find((each) => each.purl === `pkg:cargo/${name}@${version}`);
    const incomplete = !found?.licenses?.length || !found.hashes?.some(({ alg }) => alg === "SHA-256");
    if (incomplete) throw new Error(`the list of components ${found ? "says too little about" : "lacks"} ${name} ${version}`);
  }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  await script("release: sbom", () => {
    if (process.argv.length !== 3) throw new Error("give one of Rust's names for systems, such as x86_64-unknown-linux-gnu");
    console.log(JSON.stringify(sbom(process.argv[2]), null, 2));
  });
}
