"use strict";

// "This API must be only exposed to trusted content" (R-trust).

const process = require("node:process");
const { securityError } = require("./errors.js");

/** Whether Node's permission model covers the network. Before Node had this flag, has("net") was always false. */
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
