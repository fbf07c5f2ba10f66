// Checks the code for other systems on this one, which has to be Debian.
//
//   node scripts/platforms.mjs lint [TARGET…]      clippy for these targets; by default for all in scripts/platforms/targets.mjs
//   node scripts/platforms.mjs PLATFORM [WORD…]    builds for the platform, and runs the jest suite there. Words go to jest, such as the
//                                                  folders to test. Without a platform, the script prints their names
//
// It fetches what it needs into a cache (TCP_UDP_SOCKETS_CI_CACHE, else ~/.cache/tcp-udp-sockets-ci) and installs nothing. The exit code is
// 0 if nothing is wrong, 1 if something is wrong, and 77 if this system cannot make the check. With 77, the last line says why.

import process from "node:process";
import { arm64 } from "./platforms/arm64.mjs";
import { electron } from "./platforms/electron.mjs";
import { lint } from "./platforms/lint.mjs";
import { musl } from "./platforms/musl.mjs";
import { Unavailable } from "./platforms/cache.mjs";
import { TARGETS } from "./platforms/targets.mjs";
import { windows } from "./platforms/windows.mjs";

/** The exit code for "cannot be done here", as in automake's and Meson's tests. */
const SKIPPED = 77;

/** The platforms whose Node can run here. Each gets words for jest. Its promise is fulfilled with true if nothing is wrong. */
const PLATFORMS = { "electron-25": electron, "linux-arm64-gnu": arm64, "linux-x64-musl": musl, "win32-x64-msvc": windows };

const COMMANDS = { lint, ...PLATFORMS };

const [name, ...words] = process.argv.slice(2);
try {
  if (!Object.hasOwn(COMMANDS, name ?? "")) {
    throw new Error(
      `usage: node scripts/platforms.mjs lint [TARGET…], where TARGET is one of ${Object.keys(TARGETS).join(", ")}\n` +
        `   or: node scripts/platforms.mjs PLATFORM [WORD…], where PLATFORM is one of ${Object.keys(PLATFORMS).join(", ")}`,
    );
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
