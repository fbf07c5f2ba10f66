"use strict";

// The smoke test in a utility process of Electron. Electron 25 cannot start one with a module.

const path = require("node:path");
const { pathToFileURL } = require("node:url");

import(pathToFileURL(path.join(__dirname, "..", "smoke", "smoke.mjs")).href).then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
