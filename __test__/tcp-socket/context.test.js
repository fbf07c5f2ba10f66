"use strict";

const { AsyncLocalStorage, createHook } = require("node:async_hooks");
const { setImmediate } = require("node:timers");
const { families, tcp, tcpPair, tcpServer, once, udp } = require("../helpers");

const storage = new AsyncLocalStorage();

test.each(families)("$name: events run in the AsyncLocalStorage context of the new that made the socket (R-context)", async ({ listen, connectTo }) => {
  const server = await listen();
  const socket = storage.run("made here", () => connectTo(server));
  const seen = [];
  const done = new Promise((resolve) => {
    storage.run("listened there", () => {
      for (const type of ["open", "message", "close"]) {
        socket.addEventListener(type, () => {
          seen.push([type, storage.getStore()]);
          if (type === "close") {
            resolve();
          }
        });
      }
    });
  });
  const peer = await server.next();
  peer.resume();
  peer.end("x");
  await done;
  expect(seen).toEqual([
    ["open", "made here"],
    ["message", "made here"],
    ["close", "made here"],
  ]);
});

test("the context does not leak out of the events (R-context)", async () => {
  const { socket, peer } = await tcpPair();
  const other = storage.run("other", () => udp());
  expect(other.readyState).toBe("open");
  const message = once(socket, "message");
  peer.write("x");
  await message;
  expect(storage.getStore()).toBe(undefined);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  expect(storage.getStore()).toBe(undefined);
});

test.each(families)("$name: promises awaited in a handler keep the socket's context (R-context)", async ({ listen, connectTo }) => {
  const server = await listen();
  const seen = await new Promise((resolve) => {
    const socket = storage.run("made here", () => connectTo(server));
    socket.onopen = async () => {
      await null;
      resolve(storage.getStore());
    };
  });
  expect(seen).toBe("made here");
});

test.each(families)("$name: an accepted socket's events run in the context of its server (R-context)", async ({ serve, dial }) => {
  const server = storage.run("the server's", () => serve());
  const seen = [];
  const done = new Promise((resolve) => {
    server.onconnect = ({ connectedSocket }) => {
      seen.push(storage.getStore());
      connectedSocket.onmessage = () => {
        seen.push(storage.getStore());
        connectedSocket.reset();
        resolve();
      };
    };
  });
  const peer = await dial(server);
  peer.write("x");
  await done;
  expect(seen).toEqual(["the server's", "the server's"]);
});

test("each kind of socket is an async resource of its own type (R-context)", async () => {
  const types = [];
  const resources = [];
  const hook = createHook({
    init(_, type, __, resource) {
      if (type.endsWith("SOCKET")) {
        types.push(type);
        resources.push(resource);
      }
    },
  }).enable();
  try {
    const server = tcpServer();
    tcp("127.0.0.1", server.localPort).addEventListener("error", () => {});
    udp();
  } finally {
    hook.disable();
  }
  expect(types.sort()).toEqual(["TCPSERVERSOCKET", "TCPSOCKET", "UDPSOCKET"]);
  expect(resources.every((resource) => typeof resource.hasRef === "function" && resource.hasRef())).toBe(true);
});
