// Checks other systems from this one, which runs Debian.
//
//   node scripts/platforms.mjs lint [TARGET…]   clippy for these targets (scripts/platforms/targets.mjs), else for all of them
//
// It fetches what it needs into a cache (TCP_UDP_SOCKETS_CI_CACHE, else ~/.cache/tcp-udp-sockets-ci) and installs nothing. The exit
// code is 0 where all is well, 1 where something is wrong, and 77 where this system cannot do it: then the last line says why.

import process from "node:process";
import { lint } from "./platforms/lint.mjs";
import { Unavailable } from "./platforms/cache.mjs";
import { TARGETS } from "./platforms/targets.mjs";

/** The exit code for "cannot be done here", as in automake's and Meson's tests. */
const SKIPPED = 77;

/** What each command is given: the words behind its name. It resolves to whether all is well. */
const COMMANDS = { lint };

const [name, ...words] = process.argv.slice(2);
try {
  if (!Object.hasOwn(COMMANDS, name ?? "")) {
    throw new Error(`usage: node scripts/platforms.mjs lint [TARGET…], where TARGET is one of ${Object.keys(TARGETS).join(", ")}`);
  }
  if (!(await COMMANDS[name](words))) process.exitCode = 1;
} catch (error) {
  if (error instanceof Unavailable) {
    console.log(`skipped: ${error.message}`);
    process.exitCode = SKIPPED;
  } else {
    console.error(`platforms: ${error.message}`);
    process.exitCode = 1;
  }
}
