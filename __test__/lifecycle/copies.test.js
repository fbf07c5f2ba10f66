"use strict";

const path = require("node:path");
const { ROOT, TCPSocket, UDPSocket, track, once, text, runJSON } = require("../helpers");

/** The package, evaluated anew in a module registry of its own. */
function anotherCopy() {
  let copy;
  jest.isolateModules(() => {
    copy = require("../..");
  });
  return copy;
}

describe("two copies of the package in one process", () => {
  test("a copy in another jest registry has classes of its own, and both work", async () => {
    const copy = anotherCopy();
    expect(copy.UDPSocket).not.toBe(UDPSocket);
    for (const One of [UDPSocket, copy.UDPSocket]) {
      const socket = track(new One({ localAddress: "127.0.0.1" }));
      const message = once(socket, "message");
      socket.send("x", "127.0.0.1", socket.localPort);
      expect(text((await message).data)).toBe("x");
    }
  });

  test("one copy's sockets talk to the other's, over UDP", async () => {
    const copy = anotherCopy();
    const ours = track(new UDPSocket({ localAddress: "127.0.0.1" }));
    const theirs = track(new copy.UDPSocket({ localAddress: "127.0.0.1" }));
    const there = once(theirs, "message");
    ours.send("ping", "127.0.0.1", theirs.localPort);
    const { remoteAddress, remotePort } = await there;
    const back = once(ours, "message");
    theirs.send("pong", remoteAddress, remotePort);
    expect(text((await back).data)).toBe("pong");
  });

  test("and over TCP; an accepted socket is of its server's copy", async () => {
    const copy = anotherCopy();
    const server = track(new copy.TCPServerSocket({ localAddress: "127.0.0.1" }));
    const connect = once(server, "connect");
    const client = track(new TCPSocket("127.0.0.1", server.localPort));
    await once(client, "open");
    const accepted = track((await connect).connectedSocket);
    expect(accepted instanceof copy.TCPSocket).toBe(true);
    expect(accepted instanceof TCPSocket).toBe(false);
    const message = once(client, "message");
    accepted.send("hello");
    expect(text((await message).data)).toBe("hello");
  });

  test("a method of one copy refuses a socket of the other with TypeError, or works on it, but does not crash", () => {
    const copy = anotherCopy();
    const socket = track(new copy.UDPSocket({ localAddress: "127.0.0.1" }));
    try {
      UDPSocket.prototype.suspend.call(socket);
    } catch (error) {
      expect(error.name).toBe("TypeError");
    }
    expect(socket.readyState).toBe("open");
  });

  test("closing all sockets of one copy leaves the other's alone", async () => {
    const copy = anotherCopy();
    const theirs = Array.from({ length: 10 }, () => new copy.UDPSocket({ localAddress: "127.0.0.1" }));
    const ours = track(new UDPSocket({ localAddress: "127.0.0.1" }));
    theirs.forEach((socket) => socket.close());
    const message = once(ours, "message");
    ours.send("still", "127.0.0.1", ours.localPort);
    expect(text((await message).data)).toBe("still");
  });

  test("20 copies, each with a socket, all get their events", async () => {
    const sockets = Array.from({ length: 20 }, () => track(new (anotherCopy().UDPSocket)({ localAddress: "127.0.0.1" })));
    const messages = sockets.map((socket) => once(socket, "message"));
    sockets.forEach((socket, i) => socket.send(String(i), "127.0.0.1", sockets[(i + 1) % 20].localPort));
    expect((await Promise.all(messages)).map(({ data }) => Number(text(data)))).toEqual(
      Array.from({ length: 20 }, (_, i) => (i + 19) % 20),
    );
  });

  test("in a process: after a deleted require cache, the process still ends by itself when both copies' sockets are closed", async () => {
    const seen = await runJSON(
      `for (const file of Object.keys(require.cache)) {
        if (!file.endsWith(".node")) {
          delete require.cache[file];
        }
      }
      const copy = require(${JSON.stringify(ROOT)});
      const seen = [copy.UDPSocket === UDPSocket];
      const ours = new UDPSocket({ localAddress: "127.0.0.1" });
      const theirs = new copy.UDPSocket({ localAddress: "127.0.0.1" });
      const done = (name) => () => {
        seen.push(name);
        if (seen.length === 3) {
          report(seen.sort());
          ours.close();
          theirs.close();
        }
      };
      ours.onmessage = done("ours");
      theirs.onmessage = done("theirs");
      ours.send("x", "127.0.0.1", theirs.localPort);
      theirs.send("x", "127.0.0.1", ours.localPort);`,
    );
    expect(seen).toEqual([false, "ours", "theirs"]);
  });

  test("in a vm context: the copy evaluated there works with that context's values", async () => {
    const result = await runJSON(
      `const vm = require("node:vm");
      const fs = require("node:fs");
      const path = require("node:path");
      // A small CommonJS loader whose modules are evaluated in another context, as jest's are.
      const context = vm.createContext({ EventTarget, Event, MessageEvent, DOMException, Blob, process, console, Buffer, TextEncoder, TextDecoder, queueMicrotask, structuredClone });
      const cache = new Map();
      function load(file) {
        if (cache.has(file)) {
          return cache.get(file).exports;
        }
        const module = { exports: {} };
        cache.set(file, module);
        if (file.endsWith(".json")) {
          module.exports = JSON.parse(fs.readFileSync(file, "utf8"));
          return module.exports;
        }
        const local = (name) => {
          if (!name.startsWith(".") && !path.isAbsolute(name)) {
            return require(name);
          }
          const target = require.resolve(path.resolve(path.dirname(file), name));
          return target.endsWith(".node") ? require(target) : load(target);
        };
        local.resolve = (name) => require.resolve(name.startsWith(".") ? path.resolve(path.dirname(file), name) : name);
        const source = "(function (exports, require, module, __filename, __dirname) {" + fs.readFileSync(file, "utf8") + "\\n})";
        vm.runInContext(source, context, { filename: file })(module.exports, local, module, file, path.dirname(file));
        return module.exports;
      }
      const inner = load(${JSON.stringify(path.join(ROOT, "index.js"))});
      const socket = new inner.UDPSocket(vm.runInContext("({ localAddress: '127.0.0.1' })", context));
      const ours = new UDPSocket({ localAddress: "127.0.0.1" });
      ours.onmessage = ({ data }) => {
        const isForeign = (() => {
          try {
            socket.send({});
          } catch (error) {
            return error.name;
          }
        })();
        report([[...new Uint8Array(data)], isForeign]);
        ours.close();
        socket.close();
      };
      socket.send(vm.runInContext("Uint8Array.of(1, 2, 3)", context), "127.0.0.1", ours.localPort);`,
    );
    expect(result).toEqual([[1, 2, 3], "InvalidAccessError"]);
  });
});

describe("fake timers", () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  test("sockets work while jest's fake timers replace the global ones", async () => {
    jest.useFakeTimers();
    const copy = anotherCopy();
    for (const One of [UDPSocket, copy.UDPSocket]) {
      const socket = track(new One({ localAddress: "127.0.0.1", highWaterMark: 0 }));
      const message = once(socket, "message");
      const drain = once(socket, "drain");
      socket.send("x", "127.0.0.1", socket.localPort);
      await Promise.all([message, drain]);
    }
  });
});
