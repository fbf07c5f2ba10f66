"use strict";

const { run, listen } = require("../helpers");

/** Script lines that leave `open`: one open socket of the kind, and whatever it needs, which does not hold the process. */
const kinds = {
  UDPSocket: `const open = new UDPSocket({ localAddress: "127.0.0.1" });`,
  TCPServerSocket: `const open = new TCPServerSocket({ localAddress: "127.0.0.1" });`,
  TCPSocket: `
    const peer = net.createServer((socket) => socket.unref().on("error", () => {})).unref();
    peer.listen(0, "127.0.0.1");
    await once(peer, "listening");
    const open = new TCPSocket("127.0.0.1", peer.address().port);
    await once(open, "open");`,
  "accepted TCPSocket": `
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const connect = once(server, "connect");
    const client = net.connect(server.localPort, "127.0.0.1").on("error", () => {});
    client.unref();
    const open = (await connect).connectedSocket;
    server.close();`,
};

const names = Object.keys(kinds);

/** Run `after` behind the lines that open a socket of this kind. */
function withOpen(kind, after, how) {
  return run(`(async () => {${kinds[kind]}\n${after}\n})();`, how);
}

describe("the process and its sockets (R-keep)", () => {
  test.each(names)("it stays while a %s is open, without any listener, and ends by itself when it is closed", async (kind) => {
    const { code, stdout, stderr, timedOut } = await withOpen(
      kind,
      // The timer alone holds nothing: it fires only if the socket does.
      `setTimeout(() => {
        process.stdout.write("still here");
        open.close();
      }, 300).unref();`,
    );
    expect(stderr).toBe("");
    expect(timedOut).toBe(false);
    expect(stdout).toBe("still here");
    expect(code).toBe(0);
  });

  test.each(names)("unref() of the last %s lets it end at once, cleanly", async (kind) => {
    const { code, signal, stdout, stderr, timedOut } = await withOpen(
      kind,
      `open.unref();
      setTimeout(() => process.stdout.write("too long"), 3000).unref();
      process.on("exit", () => process.stdout.write(open.readyState + " " + open.hasRef()));`,
    );
    expect(stderr).toBe("");
    expect(timedOut).toBe(false);
    expect([code, signal]).toEqual([0, null]);
    expect(stdout).toBe("open false");
  });

  test.each(names)("ref() after unref() of a %s holds it again", async (kind) => {
    const { code, reports, timedOut } = await withOpen(
      kind,
      `const seen = [open.hasRef()];
      open.unref();
      open.unref();
      seen.push(open.hasRef());
      open.ref();
      open.ref();
      seen.push(open.hasRef());
      setTimeout(() => {
        report(seen);
        open.close();
      }, 200).unref();`,
    );
    expect(timedOut).toBe(false);
    expect(code).toBe(0);
    expect(reports).toEqual([[true, false, true]]);
  });

  test("a TCPSocket that is connecting holds the process until it has failed", async () => {
    const { code, stdout, timedOut } = await run(
      `const server = net.createServer().listen(0, "127.0.0.1", () => {
        const { port } = server.address();
        server.close(() => {
          const socket = new TCPSocket("127.0.0.1", port);
          socket.onerror = ({ error }) => process.stdout.write(error.code);
        });
      });`,
    );
    expect(timedOut).toBe(false);
    expect([code, stdout]).toEqual([0, "ECONNREFUSED"]);
  });

  test("with two sockets open, closing one is not enough", async () => {
    const { code, stdout } = await run(
      `const first = new UDPSocket({ localAddress: "127.0.0.1" });
      const second = new TCPServerSocket({ localAddress: "127.0.0.1" });
      first.close();
      setTimeout(() => {
        process.stdout.write("still here");
        second.close();
      }, 200).unref();`,
    );
    expect([code, stdout]).toEqual([0, "still here"]);
  });

  test("an unref'd socket still works while something else holds the process", async () => {
    const { code, stdout } = await run(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      socket.unref();
      socket.onmessage = ({ data }) => process.stdout.write(Buffer.from(data).toString());
      const sender = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: socket.localPort });
      sender.send("received");
      setTimeout(() => sender.close(), 300);`,
    );
    expect([code, stdout]).toEqual([0, "received"]);
  });

  test("an echo in one process ends by itself once all is closed, with nothing on stderr", async () => {
    const { code, stdout, stderr, timedOut } = await run(
      `const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      server.onconnect = ({ connectedSocket }) => {
        server.close();
        connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
      };
      const client = new TCPSocket("127.0.0.1", server.localPort);
      client.onopen = () => client.send("hello");
      client.onmessage = ({ data }) => {
        process.stdout.write(Buffer.from(data).toString());
        client.close();
      };`,
    );
    expect(stderr).toBe("");
    expect(timedOut).toBe(false);
    expect([code, stdout]).toEqual([0, "hello"]);
  });
});

describe("ends that do not wait (R-end-of-life)", () => {
  test.each(names)("process.exit() with a %s open ends with its code, cleanly", async (kind) => {
    const { code, signal, stderr, timedOut } = await withOpen(kind, `process.exit(7);`);
    expect(stderr).toBe("");
    expect(timedOut).toBe(false);
    expect([code, signal]).toEqual([7, null]);
  });

  test.each(names)("an uncaught exception with a %s open ends with code 1 and shows its message", async (kind) => {
    const { code, signal, stderr, timedOut } = await withOpen(
      kind,
      `setImmediate(() => {
        throw new Error("nobody catches this");
      });`,
    );
    expect(timedOut).toBe(false);
    expect([code, signal]).toEqual([1, null]);
    expect(stderr).toContain("nobody catches this");
  });

  test("an exception that a message handler throws ends the process with code 1 and shows its message (R-handler)", async () => {
    const { code, signal, stdout, stderr } = await run(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      socket.onmessage = () => {
        throw new Error("from the handler");
      };
      process.on("exit", (status) => process.stdout.write("exit " + status));
      socket.send("x", "127.0.0.1", socket.localPort);`,
    );
    expect([code, signal]).toEqual([1, null]);
    expect(stdout).toBe("exit 1");
    expect(stderr).toContain("from the handler");
  });

  test("a rejection in an async handler ends it likewise", async () => {
    const { code, stderr } = await run(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      socket.onmessage = async () => {
        await null;
        throw new Error("from the async handler");
      };
      socket.send("x", "127.0.0.1", socket.localPort);`,
    );
    expect(code).toBe(1);
    expect(stderr).toContain("from the async handler");
  });

  test.each([
    ["inside a message handler", `socket.onmessage = () => process.exit(5);`],
    ["in a microtask of a message handler", `socket.onmessage = () => Promise.resolve().then(() => process.exit(5));`],
    ["inside a drain handler", `socket.ondrain = () => process.exit(5);`],
  ])("process.exit() %s, with a flood under way", async (_, line) => {
    const { code, signal, stderr } = await run(
      `const socket = new UDPSocket({ localAddress: "127.0.0.1", highWaterMark: 0 });
      ${line}
      setInterval(() => {
        for (let i = 0; i < 100; i++) {
          socket.send("x", "127.0.0.1", socket.localPort);
        }
      });`,
    );
    expect(stderr).toBe("");
    expect([code, signal]).toEqual([5, null]);
  });

  test("process.exit() in the middle of TCP transfers both ways, connecting sockets and unread Blobs", async () => {
    const { code, signal, stderr } = await run(
      `const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const block = new Uint8Array(1 << 20);
      let received = 0;
      const pump = (socket) => {
        socket.onmessage = ({ data }) => {
          received += data.byteLength;
          if (received > 20 << 20) {
            new TCPSocket("127.0.0.1", server.localPort);
            process.exit(3);
          }
        };
        socket.ondrain = () => socket.send(block);
        socket.send(new Blob([block, block]));
        socket.send(block);
      };
      server.onconnect = ({ connectedSocket }) => pump(connectedSocket);
      for (let i = 0; i < 4; i++) {
        const client = new TCPSocket("127.0.0.1", server.localPort);
        client.onopen = () => pump(client);
      }`,
    );
    expect(stderr).toBe("");
    expect([code, signal]).toEqual([3, null]);
  });

  test("sockets made, used and closed in an 'exit' handler do no harm", async () => {
    const { code, signal, stdout, stderr } = await run(
      `const before = new UDPSocket({ localAddress: "127.0.0.1" });
      process.on("exit", () => {
        before.send("x", "127.0.0.1", before.localPort);
        const made = new UDPSocket({ localAddress: "127.0.0.1" });
        made.onmessage = () => {};
        made.send("x", "127.0.0.1", before.localPort);
        new TCPSocket("127.0.0.1", new TCPServerSocket({ localAddress: "127.0.0.1" }).localPort);
        before.close();
        process.stdout.write(before.readyState + " " + made.readyState);
      });
      before.unref();`,
    );
    expect(stderr).toBe("");
    expect([code, signal, stdout]).toEqual([0, null, "closed open"]);
  });

  test.each([["exit", "process.exit(0)"], ["SIGKILL", "process.kill(process.pid, 'SIGKILL')"]])(
    "TCP peers see the end when the process ends by %s",
    async (_, end) => {
      const server = await listen();
      const closed = server.next().then((socket) => new Promise((resolve) => socket.resume().once("close", resolve)));
      await run(
        `const socket = new TCPSocket("127.0.0.1", ${server.port});
        socket.onopen = () => {
          socket.send("hello");
          setTimeout(() => ${end}, 50);
        };`,
      );
      await closed;
    },
  );
});
