"use strict";

// Help for the tests of programs that use the package.

const { closeAll, openSockets, socketPair } = require("./lib/testing.js");

module.exports = { closeAll, openSockets, socketPair };
