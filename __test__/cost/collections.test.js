"use strict";

// What a transfer costs the engine, without a clock: how often it collects all objects. The buffers of a transfer die young, so collections of
// young objects are enough. (V8 13 and later would start a full one for each 64 MiB.)

const { runJSON } = require("../helpers");

jest.setTimeout(60_000);

/** Receives `bytes` in one process from another one, and counts the collections meanwhile. `before` is code that runs first. */
const RECEIVE = (bytes, before = "") => `
  ${before}
  const { PerformanceObserver, constants } = require("node:perf_hooks");
  const { spawn } = require("node:child_process");
  const counts = { full: 0, young: 0 };
  const observer = new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) {
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.full += 1;
      if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.young += 1;
    }
  });
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const sender = spawn(process.execPath, ["-e", \`
    const socket = require("node:net").connect(\${server.localPort}, "127.0.0.1");
    const piece = Buffer.alloc(256 * 1024);
    let left = ${bytes} / piece.length;
    const pump = () => {
      while (left > 0) {
        left -= 1;
        if (!socket.write(piece)) return socket.once("drain", pump);
      }
      socket.end();
    };
    socket.on("connect", pump).resume();
  \`], { stdio: "ignore" });
  server.onconnect = ({ connectedSocket }) => {
    let received = 0;
    observer.observe({ entryTypes: ["gc"] });
    connectedSocket.onmessage = ({ data }) => (received += data.byteLength);
    connectedSocket.onclose = () => setImmediate(() => {
      sender.kill();
      server.close();
      report({ ...counts, received });
    });
  };
`;

test("a transfer of 1 GiB causes few full collections: the buffers are collected young", async () => {
  const bytes = 2 ** 30;
  const { full, young, received } = await runJSON(RECEIVE(bytes), { timeout: 50_000 });
  expect(received).toBe(bytes);
  // Without care there would be 16.
  expect(full).toBeLessThan(8);
  expect(young).toBeGreaterThan(10);
});

test("so does a transfer in a program whose space for young objects has grown", async () => {
  const bytes = 2 ** 30;
  // Objects that survive their first collections make the engine give this space more room, up to 32 MiB.
  const grow = `
    for (let round = 0; round < 6; round++) {
      globalThis.survivors = Array.from({ length: 400_000 }, (_, index) => ({ index }));
    }
    delete globalThis.survivors;
  `;
  const { full, received } = await runJSON(RECEIVE(bytes, grow), { timeout: 50_000 });
  expect(received).toBe(bytes);
  expect(full).toBeLessThan(8);
});
