"use strict";

// What somebody has put into Object.prototype is no option of who gives none: no TLS gets weaker by it, and no socket is bound otherwise.

const { runJSON } = require("../helpers");
const { selfSigned } = require("../helpers/certificates");

const { cert, key } = selfSigned({ kind: "ec" });

/** Runs a program after `pollute`; it is given a TLS server with a certificate that nobody trusts. */
const run = (pollute, script) =>
  runJSON(`
    const tls = require("node:tls");
    const server = tls.createServer(${JSON.stringify({ cert, key })}, (socket) => socket.on("error", () => {}));
    server.on("tlsClientError", () => {});
    server.listen(0, "127.0.0.1", async () => {
      const { port } = server.address();
      const pollute = (name, value) => Object.defineProperty(Object.prototype, name, { value, writable: true, configurable: true });
      ${pollute}
      const of = async (promise) => {
        try {
          await promise;
          return "opened";
        } catch ({ name, code }) {
          return name + " " + code;
        }
      };
      const result = await (async () => { ${script} })();
      for (const name of ["rejectUnauthorized", "pinnedCertificates", "ca", "localPort", "sharesLocalPort", "secure"]) delete Object.prototype[name];
      report(result);
      process.exit(0);
    });`);

const pin = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

test.each([
  ["rejectUnauthorized", "false"],
  ["pinnedCertificates", JSON.stringify([pin])],
  ["ca", JSON.stringify([cert])],
])("%s: a server that nobody trusts stays one (R-tls-verify)", async (name, value) => {
  const result = await run(
    `pollute(${JSON.stringify(name)}, ${value});`,
    `return {
      on: await of(new TCPSocket("127.0.0.1", port, { secureTransport: "on" }).opened),
      use: await of(new TCPSocket("127.0.0.1", port, { useSecureTransport: true }).opened),
      connect: await of(connect("127.0.0.1", port, { secureTransport: "on" })),
      startTls: await of(connect("127.0.0.1", port, { secureTransport: "starttls" }).then((socket) => socket.startTls())),
    };`,
  );
  const refused = "NetworkError ERR_TLS_UNKNOWN_ISSUER";
  expect(result).toEqual({ on: refused, use: refused, connect: refused, startTls: refused });
});

test("localPort and what is the native half's own: sockets without options are as ever", async () => {
  const result = await run(
    `for (const [name, value] of [["localPort", 9], ["sharesLocalPort", true], ["secure", {}]]) pollute(name, value);`,
    `const sockets = [new UDPSocket(), new TCPServerSocket()];
    const ports = sockets.map(({ localPort }) => localPort);
    const socket = new TCPSocket("127.0.0.1", ports[1]);
    return { ports, plain: await of(socket.opened), transport: socket.secureTransport };`,
  );
  expect(result).toEqual({ ports: [expect.any(Number), expect.any(Number)], plain: "opened", transport: "off" });
  expect(result.ports.every((port) => port > 1023)).toBe(true);
});
