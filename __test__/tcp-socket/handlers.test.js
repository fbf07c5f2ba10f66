"use strict";

const { TCPSocket, TCPServerSocket, UDPSocket, tcp, tcpPair, tcpServer, udp, listen, once, settle, foreign, run, runJSON } = require("../helpers");

const HANDLERS = [
  [TCPSocket, ["ondrain", "onopen", "onclose", "onhalfclose", "onerror", "onmessage"]],
  [TCPServerSocket, ["onconnect", "onerror"]],
  [UDPSocket, ["ondrain", "onerror", "onmessage"]],
];
const rows = HANDLERS.flatMap(([Class, names]) => names.map((name) => [`${Class.name}.${name}`, Class, name]));

/** An open socket of the class, with nothing going on. */
async function make(Class) {
  if (Class === TCPSocket) {
    const server = await listen();
    const socket = tcp("127.0.0.1", server.port);
    await once(socket, "open");
    return socket;
  }
  return Class === TCPServerSocket ? tcpServer() : udp();
}

describe.each(rows)("%s", (_, Class, name) => {
  const type = name.slice(2);
  let socket;

  beforeEach(async () => {
    socket = await make(Class);
  });

  test("is null at first, and then what was set (R-handler)", () => {
    expect(socket[name]).toBe(null);
    const handler = () => {};
    socket[name] = handler;
    expect(socket[name]).toBe(handler);
  });

  test("is set to null by a non-object (R-handler)", () => {
    for (const value of [null, undefined, 0, 1, NaN, "handler", "", true, false, 1n, Symbol("handler")]) {
      socket[name] = () => {};
      socket[name] = value;
      expect(socket[name]).toBe(null);
    }
  });

  test("keeps an object without a callable, which does nothing (R-handler)", () => {
    const called = [];
    const object = { handleEvent: () => called.push("handleEvent"), call: () => called.push("call") };
    for (const value of [object, [], new Date(0), foreign("({})")]) {
      socket[name] = value;
      expect(socket[name]).toBe(value);
      socket.dispatchEvent(new Event(type));
    }
    expect(called).toEqual([]);
  });

  test("takes a callable of another realm (R-handler)", () => {
    const handler = foreign("(function (event) { event.handled = true; })");
    socket[name] = handler;
    const event = new Event(type);
    socket.dispatchEvent(event);
    expect(event.handled).toBe(true);
  });

  test("is called with the socket as this, and the event (R-handler)", () => {
    let call;
    socket[name] = function (...args) {
      call = [this, args];
    };
    const event = new Event(type);
    socket.dispatchEvent(event);
    expect(call[0] === socket).toBe(true);
    expect(call[1].length).toBe(1);
    expect(call[1][0] === event).toBe(true);
  });

  test("keeps the place in listener order that it had when first set (R-handler)", () => {
    const calls = [];
    socket.addEventListener(type, () => calls.push("first"));
    socket[name] = () => calls.push("old handler");
    socket.addEventListener(type, () => calls.push("last"));
    socket[name] = () => calls.push("handler");
    socket.dispatchEvent(new Event(type));
    expect(calls).toEqual(["first", "handler", "last"]);
  });

  test("keeps that place over an object that does nothing (R-handler)", () => {
    const calls = [];
    socket[name] = {};
    socket.addEventListener(type, () => calls.push("last"));
    socket[name] = () => calls.push("handler");
    socket.dispatchEvent(new Event(type));
    expect(calls).toEqual(["handler", "last"]);
  });

  test("gives its place up when set to null (R-handler)", () => {
    const calls = [];
    socket[name] = () => calls.push("handler");
    socket.addEventListener(type, () => calls.push("last"));
    socket[name] = null;
    socket.dispatchEvent(new Event(type));
    expect(calls).toEqual(["last"]);
    socket[name] = () => calls.push("handler");
    socket.dispatchEvent(new Event(type));
    expect(calls).toEqual(["last", "last", "handler"]);
  });

  test("is one listener, however often it is set (R-handler)", () => {
    let calls = 0;
    const handler = () => {
      calls += 1;
    };
    socket[name] = handler;
    socket[name] = handler;
    socket.addEventListener(type, handler);
    socket.dispatchEvent(new Event(type));
    expect(calls).toBe(2);
  });

  test("can be replaced while it runs (R-handler)", () => {
    const calls = [];
    socket[name] = () => {
      calls.push("first");
      socket[name] = () => calls.push("second");
    };
    socket.dispatchEvent(new Event(type));
    socket.dispatchEvent(new Event(type));
    expect(calls).toEqual(["first", "second"]);
  });

  test("that returns false cancels a cancelable event (R-handler, HTML event handlers)", () => {
    socket[name] = () => false;
    const event = new Event(type, { cancelable: true });
    socket.dispatchEvent(event);
    expect(event.defaultPrevented).toBe(true);
    socket[name] = () => 0;
    const other = new Event(type, { cancelable: true });
    socket.dispatchEvent(other);
    expect(other.defaultPrevented).toBe(false);
  });
});

test("a handler is the socket's own: others do not see it (R-handler)", async () => {
  const first = udp();
  const second = udp();
  first.onmessage = () => {};
  expect(second.onmessage).toBe(null);
  expect(Object.keys(first)).toEqual([]);
});

test("onmessage that is replaced hears the messages from then on (R-handler, R-listen)", async () => {
  const { socket, peer } = await tcpPair();
  const calls = [];
  socket.onmessage = () => calls.push("old");
  peer.write("1");
  await settle();
  socket.onmessage = () => calls.push("new");
  peer.write("2");
  await settle();
  expect(calls).toEqual(["old", "new"]);
});

test.each(["handler", "listener"])(
  "a %s that throws is an uncaught exception; the other listeners still run, and the socket goes on (R-handler)",
  async (kind) => {
    const result = await runJSON(
      `
      const kind = process.argv.at(-1);
      const uncaught = [];
      const calls = [];
      process.on("uncaughtException", (error) => uncaught.push(error.message));
      const server = net.createServer((peer) => {
        peer.write("a");
        setTimeout(() => peer.end("b"), 50);
      });
      server.listen(0, "127.0.0.1", () => {
        const socket = new TCPSocket("127.0.0.1", server.address().port);
        socket.addEventListener("message", () => calls.push("before"));
        function thrower() {
          throw new Error("thrown by the " + kind);
        }
        if (kind === "handler") {
          socket.onmessage = thrower;
        } else {
          socket.addEventListener("message", thrower);
        }
        socket.addEventListener("message", () => calls.push("after"));
        socket.onclose = () => {
          server.close();
          setTimeout(() => report({ uncaught, calls }), 20);
        };
      });
    `,
      { args: [kind] },
    );
    const message = `thrown by the ${kind}`;
    expect(result).toEqual({ uncaught: [message, message], calls: ["before", "after", "before", "after"] });
  },
);

test("without an uncaughtException handler such a throw ends the process, as any does (R-handler: never swallowed)", async () => {
  const { code, stderr, timedOut } = await run(`
    const server = net.createServer();
    server.listen(0, "127.0.0.1", () => {
      const socket = new TCPSocket("127.0.0.1", server.address().port);
      socket.onopen = () => {
        throw new Error("nobody catches this");
      };
    });
  `);
  expect(timedOut).toBe(false);
  expect(code).not.toBe(0);
  expect(stderr).toContain("nobody catches this");
});
