"use strict";

const { execFile } = require("node:child_process");
const path = require("node:path");
const { ROOT, listen } = require("../helpers");
const { environment } = require("../helpers/environment");
const { refusingPort } = require("../helpers/black-hole");

/** Runs examples/connect.js as a user would. */
function example(...args) {
  return new Promise((resolve) => {
    const file = path.join(ROOT, "examples", "connect.js");
    execFile(process.execPath, [file, ...args.map(String)], { env: environment(), timeout: 20_000 }, (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, stdout, stderr });
    });
  });
}

describe("examples/connect.js (R-connect)", () => {
  test("prints what it tries, and the head of the answer", async () => {
    const server = await listen();
    const asked = server.next().then((peer) => peer.once("data", () => peer.end("HTTP/1.1 200 OK\r\nServer: test\r\n\r\nbody")));
    const { code, stdout } = await example("localhost", server.port);
    await asked;
    expect(stdout).toMatch(/^(trying .*\n)*trying 127\.0\.0\.1\nconnected to 127\.0\.0\.1 port \d+\nHTTP\/1\.1 200 OK\r\nServer: test\n$/);
    expect(code).toBe(0);
  });

  test("tells why it could not, address by address", async () => {
    const { code, stderr } = await example("localhost", await refusingPort());
    expect(stderr).toContain("cannot connect to localhost:");
    expect(stderr).toContain("  127.0.0.1: ECONNREFUSED");
    expect(code).toBe(1);
  });
});
