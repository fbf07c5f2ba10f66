"use strict";

const { ROOT, runJSON, start, listen, collect } = require("../helpers");

jest.setTimeout(20_000);

/** Makes a script's pairs: an open TCPSocket and its node:net peer, in one process. */
const PAIR = `
const { relay } = require(${JSON.stringify(ROOT)});
async function pair() {
  const server = net.createServer({ allowHalfOpen: true });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const accepted = once(server, "connection");
  const socket = await connect("127.0.0.1", server.address().port);
  const peer = await accepted;
  server.close();
  return [socket, peer];
}
`;

const inProcess = (body) => `${PAIR}(async () => {${body}})();`;

const unixTest = process.platform === "win32" ? test.skip : test;

describe("relay() and its process (R-relay)", () => {
  unixTest("where there are no descriptors for a pipe, the bytes are copied, and all arrive", async () => {
    const result = await runJSON(
      inProcess(`
        const fs = require("node:fs");
        const [[a, peerA], [b, peerB]] = [await pair(), await pair()];
        let code;
        try {
          for (;;) fs.openSync("/dev/null");
        } catch (error) {
          code = error.code;
        }
        let bytes = 0;
        peerB.on("data", (data) => {
          bytes += data.length;
        });
        const end = once(peerB, "end");
        const counts = relay(a, b);
        peerA.end(Buffer.alloc(30_000_000));
        peerB.end();
        const { bytesToB } = await counts;
        await end;
        report({ code, bytesToB, bytes });`),
      { openFiles: 64, timeout: 15_000 },
    );
    expect(result).toEqual({ code: "EMFILE", bytesToB: 30_000_000, bytes: 30_000_000 });
  });

  test("relayed sockets keep the process alive until they are closed; unref'd ones do not (R-keep)", async () => {
    const kept = start(inProcess(`
      const [[a, peerA], [b, peerB]] = [await pair(), await pair()];
      peerA.unref();
      peerB.unref();
      relay(a, b).then((counts) => console.log("over " + counts.bytesToB));
      console.log("relayed");
      setTimeout(() => {
        peerA.end("x");
        peerB.end();
        peerB.resume();
      }, 300).unref();`));
    expect(await kept.done).toMatchObject({ code: 0, stdout: "relayed\nover 1\n" });
    const free = start(inProcess(`
      const [[a, peerA], [b, peerB]] = [await pair(), await pair()];
      [a, b, peerA, peerB].forEach((socket) => socket.unref());
      relay(a, b).then(() => console.log("over"));
      console.log("relayed");`));
    expect(await free.done).toMatchObject({ code: 0, timedOut: false, stdout: "relayed\n" });
  });

  test("at rest a relay takes no processor time: idle, half ended, and with one side held back", async () => {
    const busy = await runJSON(
      inProcess(`
        const rest = () => new Promise((resolve) => {
          setTimeout(() => {
            const before = process.cpuUsage();
            setTimeout(() => {
              const { user, system } = process.cpuUsage(before);
              resolve((user + system) / 1000);
            }, 400);
          }, 100);
        });
        const busy = [];
        const [[a, peerA], [b, peerB]] = [await pair(), await pair()];
        const counts = relay(a, b);
        busy.push(await rest());
        peerB.pause();
        peerA.end(Buffer.alloc(20_000_000));
        busy.push(await rest());
        peerB.resume();
        await once(peerB, "end");
        busy.push(await rest());
        peerB.end();
        await counts;
        report(busy);`),
      { timeout: 15_000 },
    );
    // A task that spins would take 400 ms.
    for (const milliseconds of busy) {
      expect(milliseconds).toBeLessThan(200);
    }
  });

  test("when a worker is terminated, both peers of its relay see the end (R-end-of-life)", async () => {
    const server = await listen();
    const worker = `
      const { parentPort } = require("node:worker_threads");
      const { relay, connect } = require(${JSON.stringify(ROOT)});
      (async () => {
        relay(await connect("127.0.0.1", ${server.port}), await connect("127.0.0.1", ${server.port})).catch(() => {});
        parentPort.postMessage("relayed");
      })();`;
    const child = start(`
      const { Worker } = require("node:worker_threads");
      (async () => {
        const worker = new Worker(${JSON.stringify(worker)}, { eval: true });
        await once(worker, "message");
        console.log("relayed");
        await once(process.stdin, "data");
        await worker.terminate();
        console.log("terminated");
        process.stdin.destroy();
        setTimeout(() => {}, 10_000).unref();
        process.stdin.unref();
      })();`, { timeout: 15_000 });
    const peers = [await server.next(), await server.next()];
    await child.line("relayed");
    const inbox = collect(peers[1]);
    peers[0].write("through");
    await inbox.until(7);
    const ends = Promise.all(peers.map((peer) => new Promise((resolve) => peer.once("close", resolve))));
    peers[0].resume();
    child.process.stdin.write("now\n");
    await ends;
  });
});
