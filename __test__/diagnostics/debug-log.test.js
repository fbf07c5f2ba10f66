"use strict";

// NODE_DEBUG=tcp-udp-sockets (R-diagnostics).

const { start } = require("../helpers");
const { obstacle } = require("../helpers/unix");

/** The lines that a script causes, without their process id. Ports are N. */
async function lines(script, NODE_DEBUG = "tcp-udp-sockets") {
  const { code, stderr } = await start(script, { env: { NODE_DEBUG } }).done;
  expect(code).toBe(0);
  return stderr.split("\n").filter(Boolean).map((line) => line.replace(/^TCP-UDP-SOCKETS \d+: /, "").replace(/(127\.0\.0\.1|localhost):\d+/g, "$1:N"));
}

const CONVERSATION = `
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  server.onconnect = ({ connectedSocket }) => {
    connectedSocket.send("12345");
    connectedSocket.onmessage = () => { connectedSocket.close(); server.close(); };
  };
  const client = new TCPSocket("127.0.0.1", server.localPort);
  client.onmessage = () => client.send("123");`;

test("a line for each opening and each end, with addresses and figures (R-diagnostics)", async () => {
  const printed = await lines(CONVERSATION);
  expect(printed).toHaveLength(6);
  expect(printed).toEqual(expect.arrayContaining([
    "TCPServerSocket 127.0.0.1:N: open",
    "TCPSocket 127.0.0.1:N -> 127.0.0.1:N: connected",
    "TCPSocket 127.0.0.1:N -> 127.0.0.1:N: accepted",
    "TCPServerSocket 127.0.0.1:N: closed",
    "TCPSocket 127.0.0.1:N -> 127.0.0.1:N: closed, bytesRead 5, bytesWritten 3",
    "TCPSocket 127.0.0.1:N -> 127.0.0.1:N: closed, bytesRead 3, bytesWritten 5",
  ]));
  expect(printed[0]).toContain("TCPServerSocket");
});

test("a line for each failure", async () => {
  const printed = await lines(`
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const { localPort } = server;
    server.close();
    const socket = new TCPSocket("127.0.0.1", localPort);
    socket.onerror = () => connect("localhost", localPort, { lookup: () => ["127.0.0.1"] }).catch(() => {
      const controller = new AbortController();
      connect("localhost", 1, { signal: controller.signal, lookup: () => [] }).catch(() => {});
      controller.abort(Symbol("why"));
    });`);
  expect(printed.slice(2)).toEqual([
    expect.stringMatching(/^TCPSocket [\d.:N]+ -> 127\.0\.0\.1:N: error: TCPSocket: cannot connect to 127\.0\.0\.1:N: connection refused \(ECONNREFUSED\)/),
    expect.stringMatching(/^TCPSocket .*: closed, bytesRead 0, bytesWritten 0$/),
    expect.stringMatching(/^connect\(\) localhost:N: error: connect\(\): cannot connect to localhost:N .*refused/),
    "connect() localhost:N: error: a Symbol",
  ]);
});

test("of a UDPSocket, with what was dropped", async () => {
  const printed = await lines(`
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    socket.onmessage = () => socket.close();
    socket.send("four", "127.0.0.1", socket.localPort);`);
  expect(printed).toEqual(["UDPSocket 127.0.0.1:N: open", "UDPSocket 127.0.0.1:N: closed, bytesRead 4, bytesWritten 4, datagramsDropped 0"]);
});

(obstacle ? test.skip : test)("a path with a line break stays on one line", async () => {
  const printed = await lines(`
    const folder = require("node:fs").mkdtempSync(require("node:path").join(require("node:os").tmpdir(), "tus-"));
    process.on("exit", () => require("node:fs").rmSync(folder, { recursive: true }));
    new UnixServerSocket({ path: folder + "/a\\nb" }).close();`);
  expect(printed).toEqual([expect.stringMatching(/^UnixServerSocket .*a\\nb: open$/), expect.stringMatching(/^UnixServerSocket .*a\\nb: closed$/)]);
});

test.each(["", "http", "tcp"])("NODE_DEBUG=%j prints nothing of the package", async (value) => {
  expect(await lines(CONVERSATION, value)).not.toContainEqual(expect.stringContaining("TCPSocket"));
});

test("a pattern counts, too", async () => {
  expect(await lines(CONVERSATION, "http,tcp*")).toHaveLength(6);
});
