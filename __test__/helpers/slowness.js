"use strict";

const process = require("node:process");

/** How many times slower than a computer of today this one is, as an emulated one. Tests and their children may take so much longer. */
const SLOWNESS = Number(process.env.TCP_UDP_SOCKETS_SLOWNESS ?? 1);

module.exports = { SLOWNESS };
