"use strict";

// What tools that look for forgotten handles say: jest's --detectOpenHandles, in a process of its own.

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { ROOT } = require("../helpers");
const { environment } = require("../helpers/environment");

const JEST = path.join(path.dirname(require.resolve("jest/package.json")), "bin", "jest.js");

/** Runs a jest test of its own under --detectOpenHandles; gives what it prints. */
function detect(body) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "open-handles-"));
  try {
    fs.writeFileSync(path.join(folder, "package.json"), "{}");
    fs.writeFileSync(
      path.join(folder, "sockets.test.js"),
      `const { TCPServerSocket, TCPSocket, UDPSocket } = require(${JSON.stringify(ROOT)});
      test("sockets", async () => {${body}});`,
    );
    const { status, stderr } = spawnSync(
      process.execPath,
      [JEST, "--rootDir", folder, "--detectOpenHandles", "--forceExit", "--watchman=false"],
      { cwd: folder, encoding: "utf8", env: environment(), timeout: 25_000 },
    );
    return { status, stderr };
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

test("jest --detectOpenHandles is clean after close, whatever was asked of the sockets (R-context)", () => {
  const { status, stderr } = detect(`
    const controller = new AbortController();
    const { signal } = controller;
    const server = new TCPServerSocket({ localAddress: "127.0.0.1", signal });
    const serving = (async () => {
      for await (const socket of server) await socket.readable.pipeTo(socket.writable);
    })();
    const client = new TCPSocket("127.0.0.1", server.localPort, { signal });
    const { readable, writable } = await client.opened;
    const writer = writable.getWriter();
    await writer.write("echo");
    await writer.close();
    for await (const chunk of readable) expect(chunk.byteLength).toBe(4);
    await client.closed;
    const udp = new UDPSocket({ localAddress: "127.0.0.1", signal });
    udp.send("x", "127.0.0.1", udp.localPort);
    for await (const { data } of udp) { expect(data.byteLength).toBe(1); break; }
    controller.abort();
    await Promise.all([serving, udp.closed, server.closed]);`);
  expect(stderr).not.toContain("open handle");
  expect(status).toBe(0);
});

test("jest --detectOpenHandles names a socket that was left open (R-context)", () => {
  const { stderr } = detect(`new UDPSocket({ localAddress: "127.0.0.1" });`);
  expect(stderr).toContain("UDPSOCKET");
});
