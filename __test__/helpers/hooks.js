"use strict";

// Children whose native half can panic at a named point (src/net/hooks.rs). It is a separate build. cargo makes it when it is first
// needed, and again when its sources have changed. On a system that cannot build, TCP_UDP_SOCKETS_TEST_HOOKS names a file that another
// system has built.

const { spawnSync } = require("node:child_process");
const path = require("node:path");
const { start } = require("./child");

const ROOT = path.join(__dirname, "..", "..");
const built = process.env.TCP_UDP_SOCKETS_TEST_HOOKS;
const BINARY = built ?? path.join(ROOT, "target", "test-hooks.node");

/** Why such a build is not possible here; undefined if it is. */
const obstacle = built !== undefined || spawnSync("cargo", ["--version"]).status === 0 ? undefined : "needs cargo";

/** Milliseconds that a build may take; the first one compiles every dependency. */
const BUILD_LIMIT = 600_000;

/** `describe` if such a build is possible, else a skipped one whose name says why. */
function describeWithHooks(name, body) {
  if (obstacle) {
    describe.skip(`${name} (${obstacle})`, body);
    return;
  }
  describe(name, () => {
    beforeAll(() => {
      if (built !== undefined) return;
      const build = path.join(ROOT, "scripts", "build.mjs");
      const { status, stdout, stderr } = spawnSync(process.execPath, [build, "--test-hooks"], { encoding: "utf8" });
      if (status !== 0) {
        throw new Error(`the build with test hooks failed:\n${stdout}${stderr}`);
      }
    }, BUILD_LIMIT);
    body();
  });
}

/** The names that scripts may use, in addition to those of child.js. */
const PRELUDE = `
const { panicAt } = require("./lib/native.js").binding;
const { authority } = require("./__test__/helpers/certificates");
/** Records all events of a socket, as text. */
const log = [];
const told = (name, socket) => {
  for (const type of ["open", "message", "close", "connect"]) {
    socket.addEventListener(type, ({ data }) => log.push([name, type, ...(data ? [Buffer.from(data).toString()] : [])].join(" ")));
  }
  socket.addEventListener("error", ({ error }) => log.push(name + " error " + error.name + ": " + error.message));
  return socket;
};
const until = async (done) => {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
};
/** Makes a socket that sends to itself and receives: it shows that other sockets go on. */
const otherWorks = async () => {
  const other = new UDPSocket({ localAddress: "127.0.0.1" });
  const heard = once(other, "message");
  other.send("still here", "127.0.0.1", other.localPort);
  const { data } = await heard;
  other.close();
  return Buffer.from(data).toString();
};
const server = (options = {}) => {
  const made = new TCPServerSocket({ localAddress: "127.0.0.1", ...options });
  made.accepted = [];
  made.addEventListener("connect", ({ connectedSocket }) => {
    made.accepted.push(told("accepted", connectedSocket));
  });
  return told("server", made);
};
const client = (port, options) => told("client", new TCPSocket("127.0.0.1", port, options));
const pair = async (options = {}, of = {}) => {
  const listening = server(options);
  const dialled = client(listening.localPort, of);
  await until(() => dialled.readyState === "open" && listening.accepted.length === 1);
  const [accepted] = listening.accepted;
  listening.close();
  log.length = 0;
  return [dialled, accepted];
};
const main = async (act) => {
  const result = await act();
  report(result ?? log);
};
`;

/**
 * Runs a script as an async function's body. Returns the script's result (its log, if it returns nothing) and its printed output.
 *
 * @param {string} script
 * @param {object} [env] added to the child's environment
 */
async function runWithHooks(script, env = {}) {
  const child = start(`${PRELUDE}main(async () => {${script}}).catch((error) => { console.error(error); process.exit(1); });`, {
    env: { NAPI_RS_NATIVE_LIBRARY_PATH: BINARY, RUST_BACKTRACE: "0", ...env },
    timeout: 20_000,
  });
  const { code, signal, stdout, stderr, reports, timedOut } = await child.done;
  if (timedOut || code !== 0 || reports.length !== 1) {
    throw new Error(`the child ended with ${timedOut ? "a timeout" : (signal ?? code)}:\n${stdout}\n${stderr}`);
  }
  return { result: reports[0], stderr };
}

module.exports = { describeWithHooks, runWithHooks };
