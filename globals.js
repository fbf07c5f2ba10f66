"use strict";

// "Only exposed to trusted content" (R-trust): the interfaces become globals only for who asks by requiring this.

const { TCPServerSocket, TCPSocket, UDPSocket } = require("./index.js");

for (const [name, value] of Object.entries({ TCPServerSocket, TCPSocket, UDPSocket })) {
  // As Web IDL defines an interface object on the global object.
  Object.defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });
}
