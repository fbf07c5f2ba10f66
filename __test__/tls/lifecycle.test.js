"use strict";

// Processes, workers and garbage collection while TLS is under way (R-keep, R-end-of-life, R-context).

const { collect, listen, once, run, runJSON, start } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { listenTLS } = require("../helpers/tls");

const { ca, server: identity } = authority();
/** What a script is given: it asks for its certificates by their names in this object. */
const handed = JSON.stringify({ ca: ca.cert, cert: identity.cert, key: identity.key });
const prelude = `const { ca, cert, key } = ${handed};\n`;

/** A server and a client of ours in one process, with an echo: the beginning of many scripts. */
const both = `${prelude}
const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key } });
server.onconnect = ({ connectedSocket }) => { connectedSocket.onmessage = ({ data }) => connectedSocket.send(data); };
const visitor = () => new TCPSocket("127.0.0.1", server.localPort, { secureTransport: { ca } });
`;

describe("R-keep over TLS", () => {
  test("a process ends by itself once its sockets are closed, and not before", async () => {
    const { code, stdout, stderr, timedOut } = await run(`${both}
      const client = visitor();
      client.onopen = () => client.send("hello");
      client.onmessage = ({ data }) => { console.log(Buffer.from(data).toString()); client.close(); server.close(); };`);
    expect({ code, stdout, stderr, timedOut }).toEqual({ code: 0, stdout: "hello\n", stderr: "", timedOut: false });
  });

  test("a handshake under way keeps the process; its failure ends it", async () => {
    const silent = await listen();
    const child = start(`${prelude}
      const socket = new TCPSocket("127.0.0.1", ${silent.port}, { secureTransport: { ca } });
      socket.onerror = ({ error }) => console.log(error.code);`);
    const peer = await silent.next();
    await once(peer, "data");
    peer.end("HTTP/1.1 400 Bad Request\r\n\r\n");
    const { code, stdout } = await child.done;
    expect([code, stdout]).toEqual([0, "ERR_TLS_NOT_TLS\n"]);
  });

  test("unref() lets the process go, in the handshake and after it", async () => {
    const silent = await listen();
    const during = await run(`${prelude} new TCPSocket("127.0.0.1", ${silent.port}, { secureTransport: { ca } }).unref();`);
    expect([during.code, during.timedOut]).toEqual([0, false]);
    const after = await run(`${both} const client = visitor(); client.onopen = () => { client.unref(); server.close(); };
      server.addEventListener("connect", ({ connectedSocket }) => connectedSocket.unref());`);
    expect([after.code, after.timedOut]).toEqual([0, false]);
  });

  test("what is buffered is out before the process ends by itself", async () => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key, allowHalfOpen: false });
    const child = start(`${prelude}
      const socket = new TCPSocket("127.0.0.1", ${server.port}, { secureTransport: { ca } });
      socket.onopen = () => { socket.send("x".repeat(3_000_000)); socket.close(); };`);
    const inbox = collect(await server.next(8000));
    await inbox.until(3_000_000, 8000);
    expect((await child.done).code).toBe(0);
  });

  test("a socket that nobody holds is not collected while it is open", async () => {
    const result = await runJSON(
      `${both}
      let count = 0;
      (() => { const client = visitor(); client.onopen = () => client.send("0"); client.onmessage = () => { count += 1; global.gc(); if (count < 20) client.send("again"); else { client.close(); server.close(); } }; })();
      const timer = setInterval(() => { global.gc(); if (server.readyState === "closed") { clearInterval(timer); report(count); } }, 5);`,
      { nodeArgs: ["--expose-gc"] },
    );
    expect(result).toBe(20);
  });

  test("closed ones are: 300 connections leave no sockets and little memory behind", async () => {
    const result = await runJSON(
      `${both}
      (async () => {
        const refs = [];
        async function visit() {
          const client = visitor();
          refs.push(new WeakRef(client));
          client.onopen = () => client.send("hi");
          await once(client, "message");
          const closed = once(client, "close");
          client.reset();
          await closed;
        }
        for (let i = 0; i < 50; i++) await visit();
        global.gc();
        const before = process.memoryUsage().rss;
        for (let i = 0; i < 300; i++) await visit();
        for (let i = 0; i < 10; i++) { await new Promise((resolve) => setTimeout(resolve, 20)); global.gc(); }
        report({ alive: refs.filter((ref) => ref.deref() !== undefined).length, grown: process.memoryUsage().rss - before });
        server.close();
      })();`,
      { nodeArgs: ["--expose-gc"], timeout: 25_000 },
    );
    expect(result.alive).toBeLessThan(20);
    expect(result.grown).toBeLessThan(40 * 1024 * 1024);
  });
});

describe("R-end-of-life over TLS", () => {
  test.each([
    ["process.exit()", "process.exit(0)", 0],
    ["an uncaught exception", 'throw new Error("over")', 1],
  ])("%s in the middle of a transfer: the peer sees an end, nothing crashes", async (_, how, expected) => {
    const server = await listenTLS({ cert: identity.cert, key: identity.key });
    const child = start(`${prelude}
      const socket = new TCPSocket("127.0.0.1", ${server.port}, { secureTransport: { ca } });
      const fill = () => { while (socket.send(Buffer.alloc(65536))); };
      socket.ondrain = fill;
      socket.onopen = fill;
      setTimeout(() => { ${how}; }, 200);`);
    const peer = await server.next(8000);
    peer.resume();
    const gone = once(peer, "close", 8000);
    const { code, signal } = await child.done;
    expect([code, signal]).toEqual([expected, null]);
    await gone;
  });

  test("process.exit() in the middle of handshakes, at both ends", async () => {
    for (let round = 0; round < 5; round++) {
      const { code, signal } = await run(`${both}
        for (let i = 0; i < 50; i++) visitor();
        setTimeout(() => process.exit(0), ${round * 7});`);
      expect([code, signal]).toEqual([0, null]);
    }
  });

  test("worker.terminate() in the middle of transfers and handshakes, again and again: nothing crashes", async () => {
    const result = await runJSON(
      `${prelude}
      const { Worker } = require("node:worker_threads");
      const source = \`
        const { TCPSocket, TCPServerSocket } = require(\${JSON.stringify(process.cwd())});
        const { parentPort, workerData: { ca, cert, key } } = require("node:worker_threads");
        const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key } });
        server.onconnect = ({ connectedSocket }) => { connectedSocket.onmessage = ({ data }) => connectedSocket.send(data); };
        for (let i = 0; i < 20; i++) {
          const client = new TCPSocket("127.0.0.1", server.localPort, { secureTransport: { ca } });
          client.onerror = () => {};
          client.onopen = () => { client.send(Buffer.alloc(200_000)); parentPort.postMessage(server.localPort); };
          client.onmessage = ({ data }) => client.send(data);
        }\`;
      (async () => {
        let ended = 0;
        for (let round = 0; round < 8; round++) {
          const worker = new Worker(source, { eval: true, workerData: { ca, cert, key } });
          const port = await new Promise((resolve, reject) => { worker.once("message", resolve); worker.once("error", reject); });
          await new Promise((resolve) => setTimeout(resolve, round * 3));
          await worker.terminate();
          // The port is free.
          new TCPServerSocket({ localAddress: "127.0.0.1", localPort: port }).close();
          ended += 1;
        }
        report(ended);
      })();`,
      { timeout: 25_000 },
    );
    expect(result).toBe(8);
  });

  test("a worker terminated before any handshake is done", async () => {
    const silent = await listen();
    const result = await runJSON(
      `${prelude}
      const { Worker } = require("node:worker_threads");
      const source = \`
        const { TCPSocket } = require(\${JSON.stringify(process.cwd())});
        const { parentPort } = require("node:worker_threads");
        for (let i = 0; i < 10; i++) new TCPSocket("127.0.0.1", ${silent.port}, { useSecureTransport: true });
        parentPort.postMessage("begun");\`;
      (async () => {
        for (let round = 0; round < 5; round++) {
          const worker = new Worker(source, { eval: true });
          await new Promise((resolve, reject) => { worker.once("message", resolve); worker.once("error", reject); });
          await worker.terminate();
        }
        report("fine");
      })();`,
      { timeout: 25_000 },
    );
    expect(result).toBe("fine");
  });
});

describe("R-context over TLS", () => {
  test("events run in the context of the new that made the socket, an accepted one's in its server's", async () => {
    const result = await runJSON(`${prelude}
      const { AsyncLocalStorage } = require("node:async_hooks");
      const storage = new AsyncLocalStorage();
      const seen = [];
      const server = storage.run("server", () => new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key } }));
      server.onconnect = ({ connectedSocket }) => {
        seen.push(["connect", storage.getStore()]);
        connectedSocket.onmessage = () => { seen.push(["accepted", storage.getStore()]); connectedSocket.send("back"); };
      };
      const client = storage.run("client", () => new TCPSocket("127.0.0.1", server.localPort, { secureTransport: { ca } }));
      client.onopen = () => { seen.push(["open", storage.getStore()]); client.send("there"); };
      client.onmessage = () => { seen.push(["message", storage.getStore()]); client.close(); server.close(); report(seen); };`);
    expect(Object.fromEntries(result)).toEqual({ connect: "server", open: "client", accepted: "server", message: "client" });
  });
});

describe("R-unheard over TLS", () => {
  test("a failed handshake that nobody hears throws nothing, at either end", async () => {
    const { code, stderr, timedOut } = await run(`${prelude}
      const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key } });
      server.onconnect = () => {};
      new TCPSocket("127.0.0.1", server.localPort, { useSecureTransport: true });
      setTimeout(() => server.close(), 300);`);
    expect([code, timedOut]).toEqual([0, false]);
    expect(stderr.match(/UnheardSocketError/g)).toHaveLength(1);
  });
});
