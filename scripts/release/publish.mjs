// Publishes the packed files, the package itself last. On GitHub npm logs in by the job's own identity (trusted publishing), so there is no
// token, and adds a statement of provenance. A file that the registry already has is skipped, so the command can be run again.
//
//   node scripts/release/publish.mjs                    only reports what would be published (`npm publish --dry-run`)
//   node scripts/release/publish.mjs --for-real         publishes
//   … --from FOLDER           has the packed files; by default target/packed
//   … --without-provenance    from a machine that is not GitHub's
//
// It refuses while the owner of the repository is not filled in (scripts/repository.mjs).

import { realpathSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { root } from "../build.mjs";
import { repository, requireOwner } from "../repository.mjs";
import { isOlder } from "../tools.mjs";
import { packedFiles } from "./packed.mjs";
import { npm, npmOutput, script } from "./run.mjs";

/** The oldest npm that logs in by the job's identity. */
const NPM = "11.5";

/**
 * @typedef {object} How
 * @property {string} from the folder with the packed files
 * @property {boolean} [forReal] publishes; without it only reports
 * @property {boolean} [provenance] adds a statement of provenance
 * @property {string[]} [options] npm's options for another registry than its own
 */

/** @param {How} how */
export function publish({ from, forReal = false, provenance = true, options = [] }) {
  const packed = packedFiles(from);
  for (const { name, manifest } of packed) {
    // dist.mjs makes packages private while the owner is not filled in.
    if (manifest.private) requireOwner(repository());
    if (manifest.private) throw new Error(`${name} was packed before the owner was filled in: pack it again`);
  }
  const version = npmOutput(["--version"]).trim();
  if (forReal && provenance && isOlder(version, NPM)) throw new Error(`npm ${version} is too old for trusted publishing: ${NPM} or later is needed`);
  for (const { file, name, version: own, integrity } of packed) {
    const known = published(`${name}@${own}`, options);
    if (known !== undefined && known !== integrity) throw new Error(`${name}@${own} is published already, with other content (${known})`);
    if (known !== undefined) {
      console.log(`${name}@${own}: published already`);
      continue;
    }
    const tag = own.includes("-") ? "next" : "latest";
    const how = ["--access", "public", "--tag", tag, ...(forReal ? [] : ["--dry-run"]), ...(forReal && provenance ? ["--provenance"] : [])];
    npm(["publish", file, ...how, ...options]);
  }
}

/** The digest of a published version; undefined if there is none. @param {string} spec @param {string[]} options of npm */
function published(spec, options) {
  try {
    const text = npmOutput(["view", spec, "dist.integrity", "--json", "--loglevel", "silent", ...options]).trim();
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    // npm fails if there is no such package. Another cause shows when the package is published.
    return undefined;
  }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  await script("release: publish", () => {
    const { values } = parseArgs({
      options: {
        from: { type: "string", default: path.join(root, "target", "packed") },
        "for-real": { type: "boolean", default: false },
        "without-provenance": { type: "boolean", default: false },
      },
    });
    publish({ from: values.from, forReal: values["for-real"], provenance: !values["without-provenance"] });
  });
}
