// Debian's packages, downloaded with the system's own sources and keys, and unpacked instead of installed. apt's lists and what it
// downloads are in a folder of ours, so that no root is needed and the system stays as it is.

import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { Unavailable, run } from "./cache.mjs";

/** Throws where this is not Debian. @param {string} purpose what is left out then */
export function requireDebian(purpose) {
  if (!existsSync("/etc/debian_version")) {
    throw new Unavailable(`${purpose}: the standard library's sources come from Debian's packages, and this system is not Debian`);
  }
}

/**
 * What programs in unpacked packages need in their environment, to find the libraries that were unpacked with them.
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
 * Unpacks packages, and those that they depend on and that are not installed here.
 *
 * @param {string} folder where to
 * @param {string[]} packages
 * @param {string[]} [more] options of `apt-get install`
 */
export function unpack(folder, packages, more = []) {
  const apt = path.join(folder, "apt");
  for (const name of ["lists/partial", "archives/partial"]) mkdirSync(path.join(apt, name), { recursive: true });
  const options = [
    "-q", "-y", "--no-install-recommends",
    "-o", `Dir::State=${apt}`, "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", `Dir::Cache=${apt}`,
    // The lock is the system's, and nothing of the system is changed. The folder may be one that apt's own user cannot enter.
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
