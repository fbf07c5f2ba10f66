// Downloads packages of Debian, with apt's sources and keys of this system, and unpacks them instead of installing them. apt's lists and
// downloads go to a folder of ours. So this needs no root, and changes nothing on the system.

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { Unavailable, run } from "./cache.mjs";

/** Throws if this system is not Debian. @param {string} purpose the check that is left out then */
export function requireDebian(purpose) {
  if (!existsSync("/etc/debian_version")) {
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
  const apt = path.join(folder, "apt");
  for (const name of ["lists/partial", "archives/partial"]) mkdirSync(path.join(apt, name), { recursive: true });
  const options = [
    "-q", "-y", "--no-install-recommends",
    "-o", `Dir::State=${apt}`, "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", `Dir::Cache=${apt}`,
    // apt needs no lock, because nothing of the system is changed. apt must not change to its own user, because that user may not be
    // allowed to enter the folder.
    "-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=",
  ];
  try {
    run("apt-get", [...options, "update"]);
    run("apt-get", [...options, "--download-only", "install", ...more, ...packages]);
    for (const name of readdirSync(path.join(apt, "archives"))) {
      if (name.endsWith(".deb")) run("dpkg", ["-x", path.join(apt, "archives", name), folder]);
    }
  } finally {
    rmSync(apt, { recursive: true, force: true });
  }
}
