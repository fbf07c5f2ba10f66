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
        process.stdout.write(JSON.stringify(seen.sort()));
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
            process.stdout.write(JSON.stringify(seen.sort()));
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
          process.stdout.write(JSON.stringify(seen.sort()));
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
        process.stdout.write(JSON.stringify([...types].filter((type) => /^(TCP|UDP)/.test(type)).sort()));
        process.exit(0);
      };`,
    );
    expect(types).toEqual(expect.arrayContaining(["TCPSERVERSOCKET", "TCPSOCKET", "UDPSOCKET"]));
  });
});
