"use strict";

// TCP_UDP_SOCKETS_HEAP=off: the package changes how glibc's malloc() treats freed memory, for the whole process, and this keeps it from
// doing so. What is changed: blocks of some MiB then lie in the heap, which keeps them, and not in mappings of their own.

const { report: diagnostics } = process;
const { start } = require("../helpers");

const SCRIPT = `
  const { readFileSync } = require("node:fs");
  // Bytes of the C library's heap.
  const heap = () => {
    const lines = readFileSync("/proc/self/maps", "latin1").split("\\n").filter((line) => line.endsWith("[heap]"));
    return lines.reduce((sum, line) => {
      const [from, to] = line.split(" ", 1)[0].split("-").map((address) => Number.parseInt(address, 16));
      return sum + to - from;
    }, 0);
  };
  const BLOCK = 12 * 1024 * 1024;
  const before = heap();
  const socket = new UDPSocket({ localAddress: "127.0.0.1" });
  const block = new ArrayBuffer(BLOCK);
  report(heap() - before >= block.byteLength);
  socket.close();
`;

function hasGlibc() {
  if (process.platform !== "linux") return false;
  diagnostics.excludeNetwork = true; // its look-ups can take minutes
  return diagnostics.getReport().header.glibcVersionRuntime !== undefined;
}

async function isInHeap(env) {
  const { code, reports, stderr } = await start(SCRIPT, { env, timeout: 30_000 }).done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(reports).toHaveLength(1);
  return reports[0];
}

const testGlibc = hasGlibc() ? test : test.skip;

testGlibc("the heap keeps what dead messages leave", async () => {
  expect(await isInHeap({ TCP_UDP_SOCKETS_HEAP: undefined })).toBe(true);
});

testGlibc("TCP_UDP_SOCKETS_HEAP=off leaves malloc() as it is", async () => {
  expect(await isInHeap({ TCP_UDP_SOCKETS_HEAP: "off" })).toBe(false);
});

testGlibc("another value of TCP_UDP_SOCKETS_HEAP changes nothing", async () => {
  expect(await isInHeap({ TCP_UDP_SOCKETS_HEAP: "on" })).toBe(true);
});
