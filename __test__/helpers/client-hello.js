"use strict";

// The first bytes that a node:tls client sends, for a test that sends them itself.

const { Duplex } = require("node:stream");
const tls = require("node:tls");
const { deadline } = require("./events");

/**
 * The ClientHello of a node:tls client that asks for `name`. The name may be any text: also one that node:tls would refuse.
 *
 * @param {string} name
 * @param {import("node:tls").ConnectionOptions} [options]
 * @returns {Promise<Buffer>}
 */
async function clientHello(name, options = {}) {
  const servername = "x".repeat(name.length);
  const sent = new Promise((resolve) => {
    const wire = new Duplex({
      read() {},
      write(chunk, _, done) {
        resolve(Buffer.from(chunk));
        done();
      },
    });
    const client = tls.connect({ socket: wire, servername, rejectUnauthorized: false, ...options });
    client.on("error", () => {});
  });
  const hello = await deadline(sent, "the hello of a node:tls client");
  const at = hello.indexOf(servername);
  hello.write(name, at, "latin1");
  return hello;
}

module.exports = { clientHello };
