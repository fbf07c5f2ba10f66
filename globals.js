"use strict";

// "Only exposed to trusted content" (R-trust): the interfaces become globals only for who asks by requiring this.

const interfaces = require("./index.js");

for (const [name, value] of Object.entries(interfaces)) {
  // As Web IDL defines an interface object on the global object.
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
}
