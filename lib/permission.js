"use strict";

// Checks Node's permission model. The draft says: "This API must be only exposed to trusted content" (R-trust).

const { resolve } = require("node:path");
const process = require("node:process");
const { securityError } = require("./errors.js");
const { shown } = require("./shown.js");

/** Whether Node's permission model covers the network. In versions of Node without --allow-net, has("net") is always false. */
const coversNetwork = process.allowedNodeEnvironmentFlags?.has("--allow-net") === true;

/**
 * Throws where Node's permission model is on and denies network access.
 *
 * @param {string} where
 */
function requirePermission(where) {
  const { permission } = process;
  if (permission !== undefined && coversNetwork && !permission.has("net")) {
    throw securityError(`${where}: Node's permission model denies network access; --allow-net grants it`);
  }
}

/**
 * The same for a socket at a path. The permission model must also grant reading and writing that path (R-unix).
 *
 * @param {string} where
 * @param {string} path
 */
function requirePathPermission(where, path) {
  requirePermission(where);
  const { permission } = process;
  if (permission === undefined) {
    return;
  }
  const file = fileOf(path);
  for (const scope of ["fs.read", "fs.write"]) {
    if (!permission.has(scope, file ?? EVERYTHING)) {
      const flag = `--allow-${scope.replace(".", "-")}${file === undefined ? "=*" : ""}`;
      throw securityError(`${where}: Node's permission model denies ${scope} of ${shown(path)}; ${flag} grants it`);
    }
  }
}

/** Without a reference, has() of Node 20 is true if anything at all is granted. */
const EVERYTHING = "/";

/**
 * The file that a path names. Undefined: none that is known, so that only permission for all files covers it. An abstract name is no
 * file, and in a working directory that was deleted a relative path leads nowhere.
 *
 * @param {string} path
 */
function fileOf(path) {
  if (path.startsWith("\0") || path === "") {
    return undefined;
  }
  try {
    return resolve(path);
  } catch {
    return undefined;
  }
}

module.exports = { requirePathPermission, requirePermission };
