"use strict";

// R-stack: the stack of every exception leads to the program's code.

const { setTimeout } = require("node:timers");
const {
  expendable,
  ROOT,
  TCPServerSocket,
  TCPSocket,
  UDPSocket,
  acceptedPair,
  deadline,
  listen,
  once,
  refusedPort,
  runJSON,
  tcp,
  tcpPair,
  tcpServer,
  udp,
} = require("../helpers");

const { connect, relay } = require(ROOT);

/** The rejection of what `ask` gives, which must come. */
function rejection(promise) {
  return deadline(
    Promise.resolve(promise).then(
      () => {
        throw new Error("it was fulfilled");
      },
      (error) => error,
    ),
    "a rejection",
  );
}

/** The stack begins with name and message, and has a line of this test file with the function's name. */
function expectToLeadTo(error, name) {
  expect(error.stack.startsWith(`${error.name}: ${error.message}`)).toBe(true);
  const lines = error.stack.slice(error.name.length + 2 + error.message.length).split("\n");
  expect(lines.filter((line) => line.includes(name) && line.includes(__filename)).join()).toContain(name);
  // As any stack: nothing but frames.
  expect(lines.slice(1).every((line) => line.startsWith("    at "))).toBe(true);
}

describe("connect()", () => {
  const refused = async (host = "127.0.0.1", options = {}) => {
    const port = await refusedPort();
    return rejection((function theProgram() {
      return connect(host, port, options);
    })());
  };

  test.each([
    ["refused", "127.0.0.1", {}],
    ["a name whose addresses all refuse", "name.test", { lookup: () => ["127.0.0.1", "127.0.0.2"], attemptDelay: 10 }],
    ["a lookup that rejects", "name.test", { lookup: () => Promise.reject(new Error("no")) }],
    ["a lookup that gives no list", "name.test", { lookup: async () => 7 }],
    ["a lookup that gives no address", "name.test", { lookup: async () => ["name.test"] }],
    ["a lookup that finds nothing", "name.test", { lookup: async () => [] }],
    ["families that exclude each other", "127.0.0.1", { dnsQueryType: "ipv6", localAddress: "127.0.0.1" }],
    ["an address that is not allowed", "127.0.0.1", { allowAddress: () => false }],
    ["an answer that is a promise", "name.test", { lookup: async () => ["127.0.0.1"], allowAddress: async () => true }],
    ["a timeout", "name.test", { lookup: () => new Promise(() => {}), connectTimeout: 20 }],
    ["bad options", "127.0.0.1", { localPort: -1 }],
  ])("%s (R-stack, R-connect)", async (_, host, options) => {
    const error = await refused(host, options);
    expectToLeadTo(error, "theProgram");
    for (const each of error.cause?.errors ?? []) {
      expectToLeadTo(each, "theProgram");
    }
  });

  test("a handshake that fails (R-stack)", async () => {
    const server = await listen();
    const error = rejection((function theProgram() {
      return connect("127.0.0.1", server.port, { useSecureTransport: true });
    })());
    (await server.next()).end("no TLS at all, not at all");
    expectToLeadTo(await error, "theProgram");
  });

  test("the program's own reason is left as it is (R-abort)", async () => {
    const reason = new Error("mine");
    const { stack } = reason;
    const controller = new AbortController();
    const promise = connect("name.test", 1, { lookup: () => new Promise(() => {}), signal: controller.signal });
    controller.abort(reason);
    expect(await rejection(promise)).toBe(reason);
    expect(reason.stack).toBe(stack);
    const thrown = Object.freeze(new Error("mine, too"));
    expect(await rejection(connect("127.0.0.1", 1, { allowAddress() { throw thrown; } }))).toBe(thrown);
  });
});

describe("opened and closed", () => {
  test.each(["opened", "closed"])("%s of a connection that is refused, the same exception as the event's (R-stack, R-promises)", async (member) => {
    const socket = tcp("127.0.0.1", await refusedPort());
    const error = rejection((function theProgram() {
      return socket[member];
    })());
    const event = await once(socket, "error");
    expect(await error).toBe(event.error);
    expectToLeadTo(event.error, "theProgram");
  });

  test("closed of a connection that is lost, and where it is read afterwards (R-stack)", async () => {
    for (const isLate of [false, true]) {
      const { socket, peer } = await acceptedPair();
      function theProgram() {
        return socket.closed;
      }
      const early = isLate ? undefined : theProgram();
      const lost = once(socket, "error");
      peer.resetAndDestroy();
      await lost;
      const error = await rejection(early ?? theProgram());
      expectToLeadTo(error, "theProgram");
      // Where it was asked for first.
      await rejection((function somebodyElse() {
        return socket.closed;
      })());
      expect(error.stack).not.toContain("somebodyElse");
    }
  });

  test("closed of a UDPSocket (R-stack, R-udp-toolong)", async () => {
    const socket = udp();
    const error = rejection((function theProgram() {
      return socket.closed;
    })());
    socket.send(new Uint8Array(70_000), "127.0.0.1", 9);
    expectToLeadTo(await error, "theProgram");
  });

  test("in an async function, through its await (R-stack)", async () => {
    const socket = expendable(tcp("127.0.0.1", await refusedPort()));
    async function theProgram() {
      await new Promise((resolve) => {
        setTimeout(resolve, 1);
      });
      await socket.opened;
    }
    expectToLeadTo(await rejection(theProgram()), "theProgram");
  });

  test("on an object of another kind (R-stack, R-shape)", async () => {
    const { get } = Object.getOwnPropertyDescriptor(TCPSocket.prototype, "opened");
    const error = await rejection((function theProgram() {
      return get.call({});
    })());
    expectToLeadTo(error, "theProgram");
  });
});

describe("a stream", () => {
  test.each([
    ["readable", (stream) => stream.getReader().read()],
    ["readable", (stream) => stream.getReader({ mode: "byob" }).read(new Uint8Array(10))],
    ["writable", (stream) => stream.getWriter().closed],
  ])("%s of a connection that is lost (R-stack, R-streams)", async (member, use) => {
    for (const isOfOpened of [false, true]) {
      const { socket, peer } = await tcpPair();
      function theProgram() {
        return isOfOpened ? socket.opened : socket;
      }
      function theTaking(owner) {
        return owner[member];
      }
      const error = rejection(use(theTaking(await theProgram())));
      peer.resetAndDestroy();
      // Where it was asked for first.
      expectToLeadTo(await error, isOfOpened ? "theProgram" : "theTaking");
    }
  });

  test("a write that is under way when the socket is closed, and one after it (R-stack)", async () => {
    const { socket, peer } = await tcpPair();
    peer.pause();
    const writer = (function theProgram() {
      return socket.writable;
    })().getWriter();
    const pending = rejection(writer.write(new Uint8Array(64 << 20)));
    (function theClosing() {
      socket.close();
    })();
    expectToLeadTo(await pending, "theClosing");
    expectToLeadTo(await rejection(writer.write("x")), "theClosing");
    peer.resume();
  });

  test("a write to what both ends have ended (R-stack)", async () => {
    const { socket, peer } = await tcpPair();
    const writer = (function theProgram() {
      return socket.writable;
    })().getWriter();
    const closed = rejection(writer.closed);
    socket.halfclose();
    peer.resume();
    peer.end();
    expectToLeadTo(await closed, "theProgram");
    expectToLeadTo(await rejection(writer.write("x")), "theProgram");
  });

  test("a write that waits for a connection which the peer ends first (R-stack)", async () => {
    const { socket, peer } = await tcpPair({ options: { allowHalfOpen: false } });
    peer.pause();
    const writer = (function theProgram() {
      return socket.writable;
    })().getWriter();
    const pending = rejection(writer.write(new Uint8Array(64 << 20)));
    peer.resetAndDestroy();
    expectToLeadTo(await pending, "theProgram");
  });

  test.each([
    ["a TCPSocket", async () => (await tcpPair()).socket, 7],
    ["a UDPSocket", async () => udp(), { data: "no destination" }],
    ["a UDPSocket, without data", async () => udp(), {}],
  ])("a chunk that cannot be sent, to %s, early and late (R-stack, R-types)", async (_, make, chunk) => {
    for (const isBusy of [false, true]) {
      const socket = await make();
      const writer = (function theProgram() {
        return socket.writable;
      })().getWriter();
      if (!isBusy) {
        await writer.ready;
        await null;
      }
      expectToLeadTo(await rejection(writer.write(chunk)), "theProgram");
    }
  });

  test("a loop over a socket that an error closes (R-stack, R-iterate)", async () => {
    const socket = udp();
    async function theProgram() {
      const messages = [];
      for await (const message of socket) {
        messages.push(message);
      }
    }
    const error = rejection(theProgram());
    socket.send(new Uint8Array(70_000), "127.0.0.1", 9);
    expectToLeadTo(await error, "theProgram");
  });
});

describe("startTls() and relay()", () => {
  test.each([
    ["whose handshake fails", (peer) => peer.write("no TLS at all, not at all")],
    ["whose connection is reset", (peer) => peer.resetAndDestroy()],
    ["that the program resets", (peer, socket) => socket.reset()],
    ["of a socket that is closed", null],
  ])("startTls() %s (R-stack, R-tls-start)", async (_, act) => {
    const { socket, peer } = await tcpPair();
    if (act === null) {
      socket.close();
    }
    const error = rejection((function theProgram() {
      return socket.startTls({ rejectUnauthorized: false });
    })());
    act?.(peer, socket);
    expectToLeadTo(await error, "theProgram");
  });

  test("relay() of a connection that is lost, and of one that is closed (R-stack, R-relay)", async () => {
    const [first, second] = [await tcpPair(), await tcpPair()];
    function theProgram() {
      return relay(first.socket, second.socket);
    }
    const error = rejection(theProgram());
    first.peer.resetAndDestroy();
    expectToLeadTo(await error, "theProgram");
    expectToLeadTo(await rejection(theProgram()), "theProgram");
  });
});

describe("what is thrown at once", () => {
  test.each([
    ["new UDPSocket()", () => new UDPSocket({ localAddress: "192.0.2.1" })],
    ["new UDPSocket() with bad options", () => new UDPSocket({ localPort: 70_000 })],
    ["new TCPServerSocket()", () => new TCPServerSocket({ localAddress: "192.0.2.1" })],
    ["new TCPSocket()", () => new TCPSocket("name.test", 1)],
    ["new TCPSocket() without arguments", () => new TCPSocket()],
    ["send()", () => udp().send("x")],
    ["send() of what cannot be sent", () => udp().send({}, "127.0.0.1", 9)],
    ["joinMulticastGroup()", () => udp().joinMulticastGroup("127.0.0.1")],
    ["setSecureContext()", () => tcpServer().setSecureContext({})],
    ["an attribute of another kind of object", () => Object.getOwnPropertyDescriptor(UDPSocket.prototype, "localPort").get.call({})],
  ])("%s (R-stack)", (_, call) => {
    let error;
    (function theProgram() {
      try {
        call();
      } catch (thrown) {
        error = thrown;
      }
    })();
    expectToLeadTo(error, "theProgram");
  });
});

describe("programs that change how stacks are made", () => {
  const script = (change) => `
    ${change}
    (async function theProgram() {
      const failed = await connect("127.0.0.1", 1).catch((error) => error);
      let stack;
      try { ({ stack } = failed); } catch { stack = "threw"; }
      report([failed.code, String(stack)]);
    })();`;

  test.each([
    ["a prepareStackTrace that throws", `Error.prepareStackTrace = () => { throw new Error("no"); };`],
    ["a prepareStackTrace that gives frames", `Error.prepareStackTrace = (_, frames) => frames;`],
    ["no frames", `Error.stackTraceLimit = 0;`],
    ["a limit that is no number", `Error.stackTraceLimit = "many";`],
    ["no limit", `delete Error.stackTraceLimit;`],
    ["a frozen Error", `Object.freeze(Error);`],
  ])("%s do not disturb (R-stack)", async (_, change) => {
    const [code] = await runJSON(script(change));
    expect(code).toBe("ECONNREFUSED");
  });

  test("a longer limit shows more (R-stack)", async () => {
    const [, stack] = await runJSON(script(`Error.stackTraceLimit = 50;`));
    expect(stack).toContain("theProgram");
  });
});

test("a socket whose opened was read holds nothing of the call once it is over (R-stack)", async () => {
  const left = await runJSON(
    `const turns = async (count) => { for (let i = 0; i < count; i++) await new Promise(setImmediate); };
    (async () => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      const refs = [];
      const sockets = [];
      for (let i = 0; i < 20; i++) {
        const owner = { big: new Array(10_000).fill(i), ask() { return socket.closed; } };
        const socket = new TCPSocket("127.0.0.1", server.localPort);
        sockets.push(socket);
        refs.push(new WeakRef(owner));
        void owner.ask();
        await once(socket, "open");
        socket.reset();
        await once(socket, "close");
      }
      server.close();
      for (let i = 0; i < 10; i++) { gc(); await turns(5); }
      report([sockets.length, refs.filter((ref) => ref.deref()).length]);
    })();`,
    { nodeArgs: ["--expose-gc"] },
  );
  expect(left[0]).toBe(20);
  // One or two may still be on the stack of the last call.
  expect(left[1]).toBeLessThanOrEqual(2);
});
