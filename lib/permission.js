"use strict";

// Checks Node's permission model. The draft says: "This API must be only exposed to trusted content" (R-trust).

const process = require("node:process");
const { securityError } = require("./errors.js");

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

module.exports = { requirePermission };
