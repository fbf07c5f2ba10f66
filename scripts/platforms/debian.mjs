// Downloads packages of Debian, with apt's sources and keys of this system, and unpacks them instead of installing them. apt's lists and
// downloads go to a folder of ours. So this needs no root, and changes nothing on the system.

import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { Unavailable, run } from "./cache.mjs";

/** Throws if this system is not Debian. @param {string} purpose the check that is left out then */
export function requireDebian(purpose) {
  // Ubuntu has /etc/debian_version, too, but not these packages.
  const release = existsSync("/etc/os-release") ? readFileSync("/etc/os-release", "utf8") : "";
  if (!/^ID="?debian"?$/m.test(release)) {
    throw new Unavailable(`${purpose}: the standard library's sources come from Debian's packages, and this system is not Debian`);
  }
}

/**
 * The environment variable by which programs in unpacked packages find the libraries that were unpacked with them.
 *
 * @param {string} folder
 * @returns {{ LD_LIBRARY_PATH: string }}
 */
export function libraryPath(folder) {
  // Debian 12 has libraries in both places.
  const places = ["lib", "usr/lib"].map((place) => path.join(folder, place)).filter((place) => existsSync(place));
  const found = places.flatMap((place) => readdirSync(place).filter((name) => name.includes("-linux-")).map((name) => path.join(place, name)));
  return { LD_LIBRARY_PATH: found.join(":") };
}

/**
 * Unpacks packages, and those of their dependencies that are not installed on this system.
 *
 * @param {string} folder the folder to unpack to
 * @param {string[]} packages
 * @param {string[]} [more] options of `apt-get install`
 */
export function unpack(folder, packages, more = []) {
  withApt(folder, (apt) => {
    apt("-o", "Dir::State::status=/var/lib/dpkg/status", "--download-only", "install", ...more, ...packages);
  });
}

/**
 * Unpacks packages of another release of Debian, without their dependencies.
 *
 * @param {string} folder the folder to unpack to
 * @param {string} release such as "trixie"
 * @param {string[]} packages
 * @param {string} [architecture] Debian's name of the packages' architecture; by default this system's
 */
export function unpackFrom(folder, release, packages, architecture) {
  mkdirSync(folder, { recursive: true });
  withApt(
    folder,
    (apt) => apt("-o", "Dir::State::status=/dev/null", "download", ...packages),
    [
      ...from(folder, release),
      ...(architecture === undefined ? [] : ["-o", `APT::Architecture=${architecture}`, "-o", `APT::Architectures=${architecture}`]),
    ],
  );
}

/**
 * Unpacks packages of another release of Debian, and all of their dependencies, as if nothing were installed.
 *
 * @param {string} folder the folder to unpack to
 * @param {string} release such as "trixie"
 * @param {string[]} packages
 */
export function unpackWhole(folder, release, packages) {
  mkdirSync(folder, { recursive: true });
  const status = path.join(folder, "status");
  writeFileSync(status, "");
  withApt(
    folder,
    (apt) => apt("-o", `Dir::State::status=${status}`, "--download-only", "install", ...packages),
    from(folder, release),
  );
}

/** The options by which apt knows only this release. @param {string} folder @param {string} release */
function from(folder, release) {
  const sources = path.join(folder, "sources.list");
  writeFileSync(sources, `deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian ${release} main\n`);
  return ["-o", `Dir::Etc::sourcelist=${sources}`, "-o", "Dir::Etc::sourceparts=-"];
}

/**
 * Runs apt with lists and downloads of its own, and unpacks what it downloads.
 *
 * @param {string} folder the folder to unpack to
 * @param {(apt: (...words: string[]) => void) => void} download
 * @param {string[]} [more] options of apt
 */
function withApt(folder, download, more = []) {
  const state = path.join(folder, "apt");
  const archives = path.join(state, "archives");
  for (const name of [path.join(state, "lists", "partial"), path.join(archives, "partial")]) mkdirSync(name, { recursive: true });
  const options = [
    "-q", "-y", "--no-install-recommends", ...more,
    "-o", `Dir::State=${state}`, "-o", `Dir::Cache=${state}`,
    // apt needs no lock, because nothing of the system is changed. apt must not change to its own user, because that user may not be
    // allowed to enter the folder.
    "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=",
  ];
  // `apt-get download` puts its files into the working directory.
  const apt = (...words) => void run("apt-get", [...options, ...words], process.env, archives);
  try {
    apt("update");
    download(apt);
    for (const name of readdirSync(archives)) {
      if (name.endsWith(".deb")) run("dpkg", ["-x", path.join(archives, name), folder]);
    }
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}
