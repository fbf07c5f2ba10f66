"use strict";

const { runJSON } = require("../helpers");

const prelude = `
  const { AsyncLocalStorage, createHook, executionAsyncResource } = require("node:async_hooks");
  const storage = new AsyncLocalStorage();
  const seen = [];`;

describe("a socket is an async resource (R-context)", () => {
  test("a UDPSocket's events run in the AsyncLocalStorage context of its new", async () => {
    const seen = await runJSON(
      `${prelude}
      const socket = storage.run("made here", () => new UDPSocket({ localAddress: "127.0.0.1", highWaterMark: 0 }));
      storage.run("listening here", () => {
        socket.onmessage = () => seen.push("message " + storage.getStore());
        socket.ondrain = () => seen.push("drain " + storage.getStore());
        socket.onerror = () => seen.push("error " + storage.getStore());
      });
      storage.run("sending here", () => {
        socket.send("x", "127.0.0.1", socket.localPort);
        socket.send("x", "127.255.255.255", 9);
      });
      setTimeout(() => {
        report(seen.sort());
        socket.close();
      }, 100);`,
    );
    expect(seen).toEqual(["drain made here", "error made here", "message made here"]);
  });

  test("what a handler starts goes on in that context, and the next socket's events in its own", async () => {
    const seen = await runJSON(
      `${prelude}
      const make = (name) => storage.run(name, () => new UDPSocket({ localAddress: "127.0.0.1" }));
      const sockets = [make("first"), make("second"), new UDPSocket({ localAddress: "127.0.0.1" })];
      sockets.forEach((socket) => {
        socket.onmessage = async () => {
          await null;
          seen.push(String(storage.getStore()));
          if (seen.length === 3) {
            report(seen.sort());
            sockets.forEach((one) => one.close());
          }
        };
      });
      for (const socket of sockets) {
        socket.send("x", "127.0.0.1", socket.localPort);
      }`,
    );
    expect(seen).toEqual(["first", "second", "undefined"]);
  });

  test("a TCPSocket's events run in the context of its new, an accepted socket's in its server's", async () => {
    const seen = await runJSON(
      `${prelude}
      const server = storage.run("server", () => new TCPServerSocket({ localAddress: "127.0.0.1" }));
      server.onconnect = ({ connectedSocket }) => {
        seen.push("connect " + storage.getStore());
        connectedSocket.onmessage = () => {
          seen.push("accepted message " + storage.getStore());
          connectedSocket.send("pong");
        };
        connectedSocket.onclose = () => {
          seen.push("accepted close " + storage.getStore());
          server.close();
          report(seen.sort());
        };
      };
      const client = storage.run("client", () => new TCPSocket("127.0.0.1", server.localPort));
      client.onopen = () => {
        seen.push("open " + storage.getStore());
        client.send("ping");
      };
      client.onmessage = () => {
        seen.push("message " + storage.getStore());
        client.close();
      };`,
    );
    expect(seen).toEqual([
      "accepted close server",
      "accepted message server",
      "connect server",
      "message client",
      "open client",
    ]);
  });

  test("async_hooks tells the resources by type", async () => {
    const types = await runJSON(
      `${prelude}
      const types = new Set();
      createHook({ init: (id, type) => types.add(type) }).enable();
      const udp = new UDPSocket({ localAddress: "127.0.0.1" });
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const tcp = new TCPSocket("127.0.0.1", server.localPort);
      tcp.onopen = () => {
        report([...types].filter((type) => /^(TCP|UDP)/.test(type)).sort());
        process.exit(0);
      };`,
    );
    expect(types).toEqual(expect.arrayContaining(["TCPSERVERSOCKET", "TCPSOCKET", "UDPSOCKET"]));
  });

  test("who awaits promises, streams and loops goes on in a context of their own, and handlers beside them in the socket's", async () => {
    const seen = await runJSON(
      `${prelude}
      const note = (what) => seen.push(what + " " + storage.getStore());
      const server = storage.run("server", () => new TCPServerSocket({ localAddress: "127.0.0.1" }));
      const serving = storage.run("loop", async () => {
        for await (const socket of server) {
          note("accepted");
          socket.onhalfclose = () => note("handler of an accepted socket");
          await socket.readable.pipeTo(socket.writable);
          note("echoed");
        }
        note("left");
      });
      const client = storage.run("client", () => new TCPSocket("127.0.0.1", server.localPort));
      client.onopen = () => note("open");
      client.onclose = () => note("close");
      storage.run("waiting", async () => {
        const { readable, writable } = await client.opened;
        note("opened");
        const writer = writable.getWriter();
        await writer.write(new Uint8Array(4 << 20));
        note("written");
        const done = (async () => { for await (const chunk of readable); note("read"); })();
        await writer.close();
        note("closed writable");
        await done;
        await client.closed;
        note("closed");
        server.close();
        await serving;
        report(seen.sort());
      });`,
    );
    expect(seen).toEqual(
      [
        "open client",
        "opened waiting",
        "accepted loop",
        "written waiting",
        "closed writable waiting",
        "handler of an accepted socket server",
        "echoed loop",
        "read waiting",
        "close client",
        "closed waiting",
        "left loop",
      ].sort(),
    );
  });

  test("a signal's abort is told in the socket's context", async () => {
    const seen = await runJSON(
      `${prelude}
      const controller = new AbortController();
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const socket = storage.run("made here", () => new TCPSocket("127.0.0.1", server.localPort, { signal: controller.signal }));
      socket.onerror = ({ error }) => seen.push(error.code + " " + storage.getStore());
      socket.onclose = () => {
        seen.push("close " + storage.getStore());
        report(seen);
        server.close();
      };
      socket.onopen = () => storage.run("aborted here", () => controller.abort());`,
    );
    expect(seen).toEqual(["ABORT_ERR made here", "close made here"]);
  });

  test("hasRef() of the resource says whether the socket keeps the process alive, and it is destroyed with it", async () => {
    const result = await runJSON(
      `${prelude}
      const live = new Map();
      createHook({
        init: (id, type, trigger, resource) => /^(TCP|UDP)/.test(type) && live.set(id, { type, resource }),
        destroy: (id) => live.delete(id),
      }).enable();
      const refs = () => [...live.values()].map(({ type, resource }) => type + " " + resource.hasRef()).sort();
      const udp = new UDPSocket({ localAddress: "127.0.0.1" });
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" }).unref();
      const before = refs();
      udp.close();
      server.close();
      Promise.all([udp.closed, server.closed]).then(() => setImmediate(() => {
        report({ before, after: refs() });
      }));`,
    );
    expect(result).toEqual({ before: ["TCPSERVERSOCKET false", "UDPSOCKET true"], after: [] });
  });
});
