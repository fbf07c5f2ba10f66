"use strict";

// The wake source "uv" is for the runtime's own libuv. Where what is found under libuv's names is another (a library has brought one
// along), handing it Node's loop would end the process: then it is the wake source of runtimes without libuv.

const { start } = require("../helpers");

const script = (versions) => `
  "use strict";
  Object.defineProperty(process, "versions", { value: ${versions} });
  const { TCPServerSocket, TCPSocket } = require(process.env.PACKAGE);
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  server.addEventListener("connect", ({ connectedSocket }) => {
    connectedSocket.addEventListener("message", ({ data }) => {
      connectedSocket.send(data);
      connectedSocket.close();
      server.close();
    });
  });
  const client = new TCPSocket("127.0.0.1", server.localPort);
  client.addEventListener("open", () => client.send("there and back"));
  client.addEventListener("message", ({ data }) => {
    const { libuv } = process.report.getReport();
    // Ours is the only handle of that type.
    console.log(Buffer.from(data).toString(), libuv.filter(({ type }) => type === "poll").length);
  });
  // The process ends by itself: nothing keeps it.
`;

async function run(versions) {
  const env = { PACKAGE: require.resolve("../.."), TCP_UDP_SOCKETS_WAKE: "uv" };
  const { code, signal, stdout, stderr } = await start(script(versions), { env, bare: true, timeout: 30_000 }).done;
  return { code, signal, stdout, stderr };
}

const ENDED = { code: 0, signal: null, stderr: "" };
const testUv = process.platform === "win32" ? test.skip : test;

testUv("the runtime's own libuv watches", async () => {
  expect(await run("{ ...process.versions }")).toEqual({ ...ENDED, stdout: "there and back 1\n" });
});

testUv.each(["{ ...process.versions, uv: '1.0.0' }", "{ ...process.versions, uv: undefined }"])(
  "another libuv than the runtime's is left alone: %s",
  async (versions) => {
    expect(await run(versions)).toEqual({ ...ENDED, stdout: "there and back 0\n" });
  },
);

// Without what it calls back, neither "tokio" nor "thread" can start.
test.each(["tokio", "thread"])("a wake source that could not be started leaves nothing behind: %s", async (wake) => {
  const script = `
    const path = require("node:path");
    const fs = require("node:fs");
    const binding = require(path.join(path.dirname(process.env.PACKAGE), "lib/load-binding.js")).loadBinding();
    const { instance } = binding.attach(() => {}, { wake: ${JSON.stringify(wake)} });
    const open = () => binding.openUdp(instance, { localAddress: "127.0.0.1" });
    const count = () => (process.platform === "linux" ? fs.readdirSync("/proc/self/fd").length : 0);
    const failed = open();
    console.log(failed.name, failed.reason.includes("threadsafe function"), "id" in failed);
    // The shared runtime is there from now on.
    setTimeout(() => {
      const before = count();
      for (let n = 0; n < 50; n++) open();
      setTimeout(() => console.log(count() <= before ? "as before" : [before, count()]), 200);
    }, 100);
    // The process ends by itself: nothing keeps it.
  `;
  const child = start(script, { env: { PACKAGE: require.resolve("../..") }, bare: true, timeout: 20_000 });
  const { code, signal, stdout, stderr } = await child.done;
  expect({ code, signal, stdout, stderr }).toEqual({ code: 0, signal: null, stdout: "NetworkError true false\nas before\n", stderr: "" });
}, 30_000);
