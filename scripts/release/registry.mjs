// A registry on this machine's loopback interface, for rehearsals: it has what is published to it, and asks no other registry.
//
//   node scripts/release/registry.mjs [--port PORT]     runs one until it is interrupted; it prints the address and the file for npm

/* global fetch */

import { spawn } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { pathToFileURL } from "node:url";
import { script } from "./run.mjs";
import { verdaccio } from "./tools.mjs";

/** Milliseconds in which the registry has to answer. */
const START = 60_000;

/** Anybody may publish, and nothing is fetched from elsewhere. */
const CONFIGURATION = `\
storage: ./storage
auth: { htpasswd: { file: ./htpasswd, max_users: -1 } }
packages: { '**': { access: $all, publish: $all, unpublish: $all } }
log: { type: stdout, format: pretty, level: error }
max_body_size: 64mb
web: { enable: false }
`;

/** A port that is free now. @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
      server.close(() => resolve(port));
    });
  });
}

/**
 * @typedef {object} Registry
 * @property {string} url with a slash at its end
 * @property {string} npmrc the path of a file of npm's configuration that names the registry
 * @property {string[]} options npm's options for this registry alone: they come before the environment and each file of configuration, so
 *   that nothing is published elsewhere by mistake
 * @property {string} folder a temporary folder, which stop() removes
 * @property {() => Promise<void>} stop
 */

/** @param {number} [port] @returns {Promise<Registry>} */
export async function startRegistry(port) {
  const program = verdaccio();
  const folder = mkdtempSync(path.join(realpathSync(os.tmpdir()), "tcp-udp-sockets-registry-"));
  const chosen = port ?? (await freePort());
  const url = `http://127.0.0.1:${chosen}/`;
  const configuration = path.join(folder, "config.yaml");
  writeFileSync(configuration, CONFIGURATION);
  const npmrc = path.join(folder, "npmrc");
  // npm publishes only with a token, and the registry takes any.
  writeFileSync(npmrc, `registry=${url}\n//127.0.0.1:${chosen}/:_authToken=rehearsal\nupdate-notifier=false\naudit=false\nfund=false\n`);
  const options = ["--userconfig", npmrc, "--registry", url, `--@tcp-udp-sockets:registry=${url}`];
  const child = spawn(process.execPath, [program, "--config", configuration, "--listen", `127.0.0.1:${chosen}`], {
    cwd: folder,
    stdio: ["ignore", "inherit", "inherit"],
  });
  const ended = new Promise((resolve) => {
    child.once("close", resolve);
    child.once("error", resolve);
  });
  const stop = async () => {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  for (const end = Date.now() + START; ; await delay(100)) {
    const answers = await fetch(`${url}-/ping`).then(({ ok }) => ok, () => false);
    if (answers) return { url, npmrc, options, folder, stop };
    if (child.exitCode !== null || Date.now() > end) {
      await stop();
      throw new Error("the local registry does not start");
    }
  }
}

if (import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  await script("release: registry", async () => {
    const { values: { port } } = parseArgs({ options: { port: { type: "string" } } });
    const { url, npmrc, stop } = await startRegistry(port === undefined ? undefined : Number(port));
    console.log(`${url}\nnpm --userconfig ${npmrc} …`);
    await new Promise((resolve) => {
      process.once("SIGINT", resolve).once("SIGTERM", resolve);
    });
    await stop();
  });
}
