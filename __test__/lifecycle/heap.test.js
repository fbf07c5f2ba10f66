"use strict";

// TCP_UDP_SOCKETS_HEAP=off: the package changes how glibc's malloc() treats freed memory, for the whole process, and this keeps it from
// doing so. What is changed: the address space of a freed block of some MiB then stays with the process, and does not go back to the system
// at once. The test does not ask where the block lies: now and then another mapping directly follows the heap, which then cannot grow.
// With one arena for all threads, a helper thread of the engine reserves no address space of its own in between.

const { report: diagnostics } = process;
const { start } = require("../helpers");

const SCRIPT = `
  const { readFileSync } = require("node:fs");
  // Bytes of the process's address space.
  const mapped = () => Number(/^VmSize:\\s+(\\d+) kB$/m.exec(readFileSync("/proc/self/status", "latin1"))[1]) * 1024;
  const BLOCK = 20 * 1024 * 1024;
  const socket = new UDPSocket({ localAddress: "127.0.0.1" });
  socket.close();
  let block = new ArrayBuffer(BLOCK);
  const before = mapped();
  block = undefined;
  setTimeout(() => {
    // The second collection begins when the first one has freed what it found, on whichever thread.
    gc();
    gc();
    report(before - mapped() < BLOCK / 2);
  }, 100);
`;

function hasGlibc() {
  if (process.platform !== "linux") return false;
  diagnostics.excludeNetwork = true; // its look-ups can take minutes
  return diagnostics.getReport().header.glibcVersionRuntime !== undefined;
}

async function isKept(env) {
  const { code, reports, stderr } = await start(SCRIPT, {
    env: { ...env, MALLOC_ARENA_MAX: "1" },
    nodeArgs: ["--expose-gc"],
    timeout: 30_000,
  }).done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(reports).toHaveLength(1);
  return reports[0];
}

const testGlibc = hasGlibc() ? test : test.skip;

testGlibc("the process keeps what dead messages leave", async () => {
  expect(await isKept({ TCP_UDP_SOCKETS_HEAP: undefined })).toBe(true);
});

testGlibc("TCP_UDP_SOCKETS_HEAP=off leaves malloc() as it is", async () => {
  expect(await isKept({ TCP_UDP_SOCKETS_HEAP: "off" })).toBe(false);
});

testGlibc("another value of TCP_UDP_SOCKETS_HEAP changes nothing", async () => {
  expect(await isKept({ TCP_UDP_SOCKETS_HEAP: "on" })).toBe(true);
});
