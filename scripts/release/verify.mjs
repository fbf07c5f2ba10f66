// Checks that a registry has what was packed: each package with its digest, under its tag, and the statement of provenance that names this
// repository, its workflow and the version's tag. It asks again for a while, because a registry shows new packages late.
//
//   node scripts/release/verify.mjs                     checks the registry that npm uses
//   … --from FOLDER           has the packed files; by default target/packed
//   … --registry URL          another registry
//   … --without-provenance    for a local registry, which has no statements
//   … --wait SECONDS          how long it asks; by default 300
//
// The signatures of the registry and of the statements are checked by npm itself (`npm audit signatures`), in an installation of the package.

/* global fetch */

import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { root } from "../build.mjs";
import { packedFiles } from "./packed.mjs";
import { npm, npmOutput, script } from "./run.mjs";

/** The type of a statement about how a package was built. */
const PROVENANCE = "https://slsa.dev/provenance/v1";
/** The workflow that publishes. */
const WORKFLOW = ".github/workflows/release.yml";
/** Seconds between two questions. */
const PAUSE = 10;

/** @param {string} url @returns {Promise<any>} */
async function getJson(url) {
  const response = await fetch(url, { headers: { accept: "application/json" } });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${response.statusText}`);
  return response.json();
}

/**
 * Throws if the registry does not have a package as it was packed.
 *
 * @param {import("./packed.mjs").Packed} packed
 * @param {{ registry: string, provenance: boolean }} how
 */
export async function verifyPackage({ name, version, integrity, manifest }, { registry, provenance }) {
  const found = await getJson(new URL(name.replace("/", "%2f"), registry).href);
  const published = found.versions?.[version];
  const fail = (what) => {
    throw new Error(`${name}@${version}: ${what}`);
  };
  if (published === undefined) fail("the registry does not have it");
  if (published.dist.integrity !== integrity) fail(`the registry has the digest ${published.dist.integrity}, and ${integrity} was packed`);
  const tag = version.includes("-") ? "next" : "latest";
  if (found["dist-tags"]?.[tag] !== version) fail(`the tag ${tag} names ${found["dist-tags"]?.[tag]}`);
  const same = (member) => JSON.stringify(published[member] ?? null) === JSON.stringify(manifest[member] ?? null);
  for (const member of ["optionalDependencies", "os", "cpu", "libc"]) if (!same(member)) fail(`the registry has another "${member}"`);
  if (!provenance) return;
  const url = published.dist.attestations?.url;
  if (url === undefined) fail("it has no statement of provenance");
  const { attestations } = await getJson(url);
  const statement = attestations?.find(({ predicateType }) => predicateType === PROVENANCE);
  if (statement === undefined) fail("none of its statements is about provenance");
  const wrong = wrongIn(JSON.parse(Buffer.from(statement.bundle.dsseEnvelope.payload, "base64").toString("utf8")), { version, integrity, manifest });
  if (wrong !== undefined) fail(`its statement of provenance ${wrong}`);
}

/** What is wrong in a statement; undefined if nothing is. @param {any} statement @param {{ version: string, integrity: string, manifest: any }} packed */
function wrongIn({ subject, predicate }, { version, integrity, manifest }) {
  const digest = Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex");
  if (!subject?.some((each) => each.digest?.sha512 === digest)) return "is about another file";
  const { repository, path: workflow, ref } = predicate?.buildDefinition?.externalParameters?.workflow ?? {};
  const web = manifest.repository.url.replace(/^git\+/, "").replace(/\.git$/, "");
  if (repository !== web) return `names the repository ${repository}`;
  if (workflow !== WORKFLOW) return `names the workflow ${workflow}`;
  if (ref !== `refs/tags/v${version}`) return `names the source ${ref}`;
  return undefined;
}

/** Has npm check the signatures, in an installation of the package. @param {string} spec @param {string} registry */
function verifySignatures(spec, registry) {
  const cwd = mkdtempSync(path.join(os.tmpdir(), "tcp-udp-sockets-verify-"));
  try {
    writeFileSync(path.join(cwd, "package.json"), '{ "private": true }\n');
    npm(["install", "--no-audit", "--no-fund", "--registry", registry, spec], { cwd });
    npm(["audit", "signatures", "--registry", registry], { cwd });
  } finally {
    rmSync(cwd, { recursive: true, force: true });
  }
}

/**
 * @param {{ from: string, registry: string, provenance: boolean, wait: number }} how `wait` in seconds
 */
export async function verify({ from, registry, provenance, wait }) {
  const packed = packedFiles(from);
  const end = Date.now() + wait * 1000;
  for (const one of packed) {
    for (;;) {
      try {
        await verifyPackage(one, { registry, provenance });
        break;
      } catch (error) {
        if (Date.now() + PAUSE * 1000 > end) throw error;
        console.log(`${error.message}; asking again in ${PAUSE} s`);
        await delay(PAUSE * 1000);
      }
    }
    console.log(`${one.name}@${one.version}: as packed${provenance ? ", with provenance" : ""}`);
  }
  const main = packed.at(-1);
  const absent = Object.entries(main.manifest.optionalDependencies).filter(([name, version]) => {
    return !packed.some((each) => each.name === name && each.version === version);
  });
  if (provenance && absent.length > 0) throw new Error(`not packed: ${absent.map(([name]) => name).join(", ")}`);
  if (provenance) verifySignatures(`${main.name}@${main.version}`, registry);
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  await script("release: verify", async () => {
    const { values } = parseArgs({
      options: {
        from: { type: "string", default: path.join(root, "target", "packed") },
        registry: { type: "string" },
        wait: { type: "string", default: "300" },
        "without-provenance": { type: "boolean", default: false },
      },
    });
    const registry = values.registry ?? npmOutput(["config", "get", "registry"]).trim();
    await verify({ from: values.from, registry, provenance: !values["without-provenance"], wait: Number(values.wait) });
  });
}
