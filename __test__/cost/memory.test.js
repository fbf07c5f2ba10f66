"use strict";

// What an idle connection takes of the JavaScript heap. No clock is involved: the heap is counted after collections of all objects. Its
// native memory is one block, whose size a test in src/net/any_socket.rs bounds.

const { once } = require("node:events");
const net = require("node:net");
const { defer } = require("../helpers/cleanup");
const { start } = require("../helpers");

jest.setTimeout(30_000);

/** A server whose sockets share their handlers. It reports its port, and for each line of input its number of connections and its heap. */
const SERVER = `
  const onmessage = ({ target, data }) => target.send(data);
  const onerror = () => {};
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  server.onconnect = ({ connectedSocket }) => Object.assign(connectedSocket, { onmessage, onerror });
  report(server.localPort);
  process.stdin.on("data", () => {
    for (let i = 0; i < 4; i++) gc();
    report({ connections: server.connections, heap: process.memoryUsage().heapUsed });
  }).on("end", () => process.exit());
`;

/** The most bytes of the heap for one socket. Counted were 1,220 in Node 20, 990 in Node 22, and 880 from Node 24 on. */
const MOST = Number(process.versions.node.split(".")[0]) < 22 ? 1300 : 1050;

test("an idle accepted socket takes about a kilobyte of the heap", async () => {
  const server = start(SERVER, { nodeArgs: ["--expose-gc"], timeout: 25_000 });
  defer(() => server.process.stdin.end());
  const port = await server.next();
  const connect = async (count) => {
    for (let left = count; left > 0; left -= 50) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const socket = net.connect(port, "127.0.0.1");
          defer(() => socket.destroy());
          await once(socket, "connect");
          // The answer shows that the server has accepted the connection, and that code for messages is compiled.
          socket.write("x");
          await once(socket, "data");
        }),
      );
    }
    server.process.stdin.write("?");
    return server.next();
  };
  const counts = [await connect(700), await connect(700), await connect(700), await connect(700)];
  const steps = counts.slice(1).map(({ connections, heap }, index) => [connections - counts[index].connections, heap - counts[index].heap]);
  expect(steps.map(([connections]) => connections)).toEqual([700, 700, 700]);
  // Compiled code and grown tables come with some step, once. So the smallest one counts.
  const each = Math.min(...steps.map(([, heap]) => heap)) / 700;
  expect(each).toBeLessThan(MOST);
  expect(each).toBeGreaterThan(200);
});
