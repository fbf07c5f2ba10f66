"use strict";

// The tests of listeners once more, counted as in runtimes whose EventTarget tells nobody of them (lib/listener-overrides.js).

process.env.TCP_UDP_SOCKETS_LISTENERS = "overrides";

const { TCPServerSocket, TCPSocket, UDPSocket } = require("../helpers");

test("they are counted by overridden methods (R-listen)", () => {
  for (const { prototype } of [TCPSocket, TCPServerSocket, UDPSocket]) {
    for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
      expect(Object.hasOwn(prototype, name)).toBe(true);
      expect(prototype[name].length).toBe(EventTarget.prototype[name].length);
    }
  }
});

describe("TCPSocket", () => {
  require("./listen.test");
  require("./handlers.test");
});
describe("UDPSocket", () => {
  require("../udp-socket/listen.test");
  require("../udp-socket/handler.test");
});
describe("TCPServerSocket", () => {
  require("../tcp-server-socket/connect.test");
});
