// Checks the code for other systems on this one, which has to be Debian.
//
//   node scripts/platforms.mjs lint [TARGET…]   clippy for these targets; by default for all in scripts/platforms/targets.mjs
//
// It fetches what it needs into a cache (TCP_UDP_SOCKETS_CI_CACHE, else ~/.cache/tcp-udp-sockets-ci) and installs nothing. The exit code is
// 0 if nothing is wrong, 1 if something is wrong, and 77 if this system cannot make the check. With 77, the last line says why.

import process from "node:process";
import { lint } from "./platforms/lint.mjs";
import { Unavailable } from "./platforms/cache.mjs";
import { TARGETS } from "./platforms/targets.mjs";

/** The exit code for "cannot be done here", as in automake's and Meson's tests. */
const SKIPPED = 77;

/** The commands. Each gets the words after its name. Its promise is fulfilled with true if nothing is wrong. */
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
