// The packed files of a release: what each contains, and in which order they are published.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";

/**
 * @typedef {object} Packed
 * @property {string} file its path
 * @property {string} name of the package
 * @property {string} version
 * @property {string} integrity as the registry has it: "sha512-" and the digest in base64
 * @property {any} manifest its package.json
 */

/** The size of a block of a tar file, in bytes. */
const BLOCK = 512;

/**
 * The text of a file in a package's archive. npm packs each file with its path in the header, which has room for 100 bytes.
 *
 * @param {Buffer} archive
 * @param {string} wanted its path in the package
 */
export function fileOf(archive, wanted) {
  const tar = gunzipSync(archive);
  const text = (at, length) => tar.toString("utf8", at, at + length).replace(/\0.*$/s, "");
  for (let at = 0; at + BLOCK <= tar.length && tar[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8);
    if (text(at, 100) === `package/${wanted}`) return tar.toString("utf8", at + BLOCK, at + BLOCK + size);
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  throw new Error(`the package has no file ${wanted}`);
}

/**
 * The packed files in a folder. The package itself is the last, because its dependencies have to be published before it.
 *
 * @param {string} folder
 * @returns {Packed[]}
 */
export function packedFiles(folder) {
  const names = readdirSync(folder).filter((name) => name.endsWith(".tgz")).sort();
  if (names.length === 0) throw new Error(`${folder} has no packed files: run scripts/release/pack.mjs first`);
  const all = names.map((name) => {
    const file = path.join(folder, name);
    const bytes = readFileSync(file);
    const manifest = JSON.parse(fileOf(bytes, "package.json"));
    const integrity = `sha512-${createHash("sha512").update(bytes).digest("base64")}`;
    return { file, name: manifest.name, version: manifest.version, integrity, manifest };
  });
  const isMain = ({ manifest }) => manifest.optionalDependencies !== undefined;
  const sorted = [...all.filter((each) => !isMain(each)), ...all.filter(isMain)];
  if (sorted.filter(isMain).length !== 1) throw new Error(`${folder} must have one package that depends on the others`);
  return sorted;
}
