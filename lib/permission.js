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
  // An abstract name is no file: only permission for the whole file system covers it.
  const reference = path.startsWith("\0") || path === "" ? [] : [resolve(path)];
  for (const scope of ["fs.read", "fs.write"]) {
    if (!permission.has(scope, ...reference)) {
      throw securityError(`${where}: Node's permission model denies ${scope} of ${shown(path)}; --allow-${scope.replace(".", "-")} grants it`);
    }
  }
}

module.exports = { requirePathPermission, requirePermission };
