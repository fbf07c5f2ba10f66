"use strict";

// HTTP libraries of npm for the tests of agents. `.ci/run` installs them into its cache, so that `npm ci` stays small. Where they are missing,
// their tests are skipped.

const { existsSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const process = require("node:process");

const { TCP_UDP_SOCKETS_CI_CACHE: cache, XDG_CACHE_HOME: home = path.join(os.homedir(), ".cache") } = process.env;

/** The folder that `.ci/run` installs them into. */
const folder = path.join(cache || path.join(home, "tcp-udp-sockets-ci"), "http-clients", "node_modules");

/** The major version of Node. */
const major = Number(process.versions.node.split(".")[0]);

/** Why a client cannot be used here; undefined if it can. @param {string} name */
function obstacle(name) {
  if (!existsSync(path.join(folder, name))) {
    return `needs ${name}, which .ci/run installs`;
  }
  return name === "undici8" && major < 22 ? "needs Node 22" : undefined;
}

/** `test`, or a skipped test whose name says why. @param {string[]} names the clients that it needs */
function clientTest(names, title, body) {
  const missing = names.map(obstacle).find((why) => why !== undefined);
  if (missing === undefined) {
    test(title, body);
  } else {
    test.skip(`${title} (${missing})`, body);
  }
}

/** The file that `import name` would load; "" if the client is missing. @param {string} name */
function entry(name) {
  const manifest = path.join(folder, name, "package.json");
  if (!existsSync(manifest)) {
    return "";
  }
  const { exports, main } = require(manifest);
  const find = (value) => (typeof value === "string" ? value : value && find(value["."] ?? value.import ?? value.default));
  return path.join(folder, name, exports?.["."]?.default?.default ?? find(exports) ?? main);
}

module.exports = { clientTest, entry, folder, obstacle };
