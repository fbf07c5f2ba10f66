"use strict";

// R-error: the table of docs/tls.md is complete, each code in it is tested, and each error says what a user can act on.

const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");
const { ROOT, thrownBy } = require("../helpers");
const { authority, keyForms, pkcs12 } = require("../helpers/certificates");
const { failure, listenTLS, secureClient, secureServer } = require("../helpers/tls");

const CODES = /\bERR_TLS_[A-Z0-9_]+\b/g;

/** All files below a folder with one of these endings. */
function filesBelow(folder, endings) {
  return readdirSync(path.join(ROOT, folder), { recursive: true })
    .map((name) => path.join(ROOT, folder, String(name)))
    .filter((name) => endings.some((ending) => name.endsWith(ending)));
}

const codesIn = (files) => new Set(files.flatMap((file) => readFileSync(file, "utf8").match(CODES) ?? []));
const listed = (set) => [...set].sort();

const table = codesIn([path.join(ROOT, "docs", "tls.md")]);

describe("R-error: the codes", () => {
  test("docs/tls.md has every code that the sources make, and no other", () => {
    expect(listed(codesIn([...filesBelow("src", [".rs"]), ...filesBelow("lib", [".js"])]))).toEqual(listed(table));
  });

  test("each of them is expected by a test", () => {
    const tests = filesBelow("__test__/tls", [".test.js"]).filter((file) => file !== __filename);
    // No roots at all is a system's condition: asked.test.js allows it.
    expect(listed(codesIn(tests))).toEqual(listed(table));
  });
});

describe("R-error: messages that a user can act on", () => {
  const all = authority();
  const { ca, server: identity, stranger } = all;

  test("a thrown one names the interface and the option, and what would be right", () => {
    const encrypted = keyForms["encrypted pkcs8"](identity.privateKey);
    const cases = [
      [{ cert: identity.cert, key: encrypted }, "key", "openssl pkey"],
      [{ cert: pkcs12(), key: identity.key }, "cert", "openssl pkcs12"],
      [{ cert: "/etc/ssl/cert.pem", key: identity.key }, "cert", "-----BEGIN"],
      [{ cert: identity.cert, key: all.client.key }, "key", "openssl"],
    ];
    for (const [secureTransport, option, cure] of cases) {
      const error = thrownBy(() => secureServer(secureTransport));
      expect(error.message).toContain("TCPServerSocket");
      expect(error.message).toContain(option);
      expect(error.message).toContain(cure);
    }
    expect(thrownBy(() => secureClient(9, { ca: "hello" })).message).toContain("TCPSocket");
  });

  test("an event's tells what failed, with which address and why", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    const { message, name, address, port } = await failure(secureClient(server.port, { ca: stranger.cert }));
    expect([name, address, port]).toEqual(["NetworkError", "127.0.0.1", server.port]);
    expect(message).toContain(`127.0.0.1:${server.port}`);
    expect(message).toContain("TLS");
    expect(ca.cert).not.toBe(stranger.cert);
  });
});
