"use strict";

const {
  families,
  TCPServerSocket,
  TCPSocket,
  UDPSocket,
  acceptedPair,
  deadline,
  expectIsDOMException,
  listen,
  once,
  pattern,
  record,
  refusedPort,
  run,
  settle,
  tcp,
  tcpPair,
  tcpServer,
  udp,
} = require("../helpers");

const asyncDispose = Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose");

/** "pending", or what the promise came to, without waiting. */
function stateOf(promise) {
  return Promise.race([
    promise.then(
      (value) => ({ value }),
      (reason) => ({ reason }),
    ),
    (async () => {
      // As many microtasks as any promise here may be away from what settles it, but no task.
      for (let i = 0; i < 20; i++) await undefined;
      return "pending";
    })(),
  ]);
}

const reasonOf = (promise) =>
  deadline(
    promise.then(
      () => Promise.reject(new Error("it was fulfilled")),
      (reason) => reason,
    ),
    "a rejection",
  );

describe("opened", () => {
  test("of a TCPSocket is fulfilled with open, with addresses, ports and the streams (R-promises)", async () => {
    const server = await listen();
    const socket = tcp("127.0.0.1", server.port);
    const order = [];
    socket.onopen = () => order.push("open");
    const { opened } = socket;
    expect(await stateOf(opened)).toBe("pending");
    void opened.then(() => order.push("opened"));
    const info = await opened;
    expect(order).toEqual(["open", "opened"]);
    expect(Object.keys(info)).toEqual(["remoteAddress", "remotePort", "localAddress", "localPort"]);
    expect(info).toMatchObject({ remoteAddress: "127.0.0.1", remotePort: server.port, localAddress: "127.0.0.1" });
    expect(info.localPort).toBe(socket.localPort);
    expect([info.readable, info.writable]).toEqual([socket.readable, socket.writable]);
    expect(info.readable).toBe(socket.readable);
    expect(info.writable).toBe(socket.writable);
  });

  test.each(families)("$name: is the same promise at each read, before and after, and so is closed (R-promises)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const { opened, closed } = socket;
    expect(socket.opened).toBe(opened);
    peer.end();
    await closed;
    expect(socket.opened).toBe(opened);
    expect(socket.closed).toBe(closed);
    expect(Object.prototype.toString.call(opened)).toBe("[object Promise]");
  });

  test("of an accepted socket, a UDPSocket and a server is fulfilled at once (R-promises)", async () => {
    const { server, socket } = await acceptedPair();
    const datagram = udp();
    for (const [one, expected] of [
      [socket, { remotePort: Number(socket.remotePort), localPort: server.localPort }],
      [server, { localAddress: "127.0.0.1", localPort: server.localPort }],
      [datagram, { localAddress: "127.0.0.1", localPort: datagram.localPort }],
    ]) {
      expect(await stateOf(one.opened)).toMatchObject({ value: expected });
    }
    expect(Object.keys(await server.opened)).toEqual(["localAddress", "localPort"]);
    expect(Object.keys(await datagram.opened)).toEqual(["localAddress", "localPort"]);
  });

  test("asked for after the end still tells how it went (R-promises)", async () => {
    const { socket, peer } = await tcpPair();
    const close = once(socket, "close");
    peer.end();
    await close;
    expect(await stateOf(socket.opened)).toMatchObject({ value: { remoteAddress: "127.0.0.1" } });
    expect(await stateOf(socket.closed)).toEqual({ value: undefined });

    const failing = tcp("127.0.0.1", await refusedPort());
    const { error } = await once(failing, "error");
    expect(await stateOf(failing.opened)).toEqual({ reason: error });
    expect(await stateOf(failing.closed)).toEqual({ reason: error });
  });

  test.each(families)("$name: does not take the streams: message still fires (R-promises, R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    await socket.opened;
    peer.write("event");
    expect(Buffer.from((await once(socket, "message")).data).toString()).toBe("event");
  });

  test.each(families)("$name: is fulfilled where halfclose() was called meanwhile (R-promises, R-tcp-halfclose)", async ({ listen, connectTo }) => {
    const server = await listen({ allowHalfOpen: true });
    const socket = connectTo(server);
    socket.halfclose();
    await socket.opened;
    expect(socket.readyState).toBe("halfclosed");
  });
});

describe("closed", () => {
  test.each([
    ["close()", (socket) => socket.close()],
    ["reset()", (socket) => socket.reset()],
    ["the peer's FIN", (socket, peer) => peer.end()],
    ["halfclose() and the peer's FIN", (socket) => socket.halfclose()],
  ])("is fulfilled by a close that no error came before: %s (R-promises)", async (_, end) => {
    const { socket, peer } = await tcpPair();
    peer.resume();
    const log = record(socket, ["error", "close"]);
    const { closed } = socket;
    let told;
    void closed.then(() => {
      told = log.types;
    });
    end(socket, peer);
    expect(await deadline(closed, "closed")).toBe(undefined);
    expect(socket.readyState).toBe("closed");
    expect(told).toEqual(["close"]);
  });

  test("is rejected with the exception of the error before a close (R-promises, R-tcp-lost)", async () => {
    const { socket, peer } = await tcpPair();
    const error = once(socket, "error");
    peer.resetAndDestroy();
    const reason = await reasonOf(socket.closed);
    expectIsDOMException(reason, "NetworkError", "ECONNRESET");
    expect((await error).error).toBe(reason);
    await socket.opened;
  });

  test.each([
    ["refused", async () => tcp("127.0.0.1", await refusedPort()), "ECONNREFUSED"],
    [
      "given up by close()",
      async () => {
        const socket = tcp("127.0.0.1", (await listen()).port);
        socket.close();
        return socket;
      },
      "ECONNABORTED",
    ],
    [
      "given up by reset()",
      async () => {
        const socket = tcp("127.0.0.1", (await listen()).port);
        socket.reset();
        return socket;
      },
      "ECONNABORTED",
    ],
  ])("and opened are rejected with the error of an attempt that was %s (R-promises)", async (_, make, code) => {
    const socket = await make();
    const { opened, closed } = socket;
    const reason = await reasonOf(opened);
    expectIsDOMException(reason, "NetworkError", code);
    expect(await reasonOf(closed)).toBe(reason);
  });

  test.each(families)("$name: is rejected by a full buffer (R-promises, R-tcp-full)", async ({ pair }) => {
    const { socket } = await pair({ options: { maxBufferedAmount: 1000 } });
    const { closed } = socket;
    while (socket.readyState === "open") {
      socket.send(pattern(1_000_000));
    }
    expectIsDOMException(await reasonOf(closed), "NetworkError", "ENOBUFS");
  });

  test("of a UDPSocket waits until what was buffered is out, and its port is free then (R-promises, R-udp-close)", async () => {
    const socket = udp();
    const { localPort } = socket;
    const { closed } = socket;
    socket.send(new Blob(["x".repeat(1000)]), "127.0.0.1", localPort);
    socket.close();
    expect(socket.readyState).toBe("closed");
    expect(await deadline(closed, "closed")).toBe(undefined);
    udp({ localPort, addressReuse: false });
  });

  test("of a UDPSocket is rejected by a datagram that is too long, though opened was not (R-promises, R-udp-toolong)", async () => {
    const socket = udp();
    const error = once(socket, "error");
    const { closed } = socket;
    expect(socket.send(new Uint8Array(70_000), "127.0.0.1", 9)).toBe(false);
    const reason = await reasonOf(closed);
    expectIsDOMException(reason, "NetworkError", "EMSGSIZE");
    expect((await error).error).toBe(reason);
    await socket.opened;
  });

  test("of a UDPSocket does not settle by an error that leaves it open (R-promises, R-udp-neterr)", async () => {
    const socket = udp();
    const { closed } = socket;
    const error = once(socket, "error");
    socket.send("x", "127.255.255.255", 9);
    await error;
    expect(await stateOf(closed)).toBe("pending");
    socket.close();
    await closed;
  });

  test("of a server is fulfilled when the port is free (R-promises, R-srv-close)", async () => {
    const server = tcpServer();
    const { localPort, closed } = server;
    server.close();
    await deadline(closed, "closed");
    tcpServer({ localPort });
  });

  test("settles once whatever follows: error, close and calls of all kinds (R-promises)", async () => {
    const { socket, peer } = await tcpPair();
    let settled = 0;
    const count = () => {
      settled += 1;
      socket.close();
      socket.reset();
    };
    socket.closed.then(count, count);
    socket.onerror = () => socket.reset();
    peer.resetAndDestroy();
    await once(socket, "close");
    await settle();
    expect(settled).toBe(1);
  });
});

describe("promises of their own accord", () => {
  test("reject nowhere that nobody looks: no unhandled rejection, and no warning of an unheard error (R-promises, R-unheard)", async () => {
    const { code, stderr, reports } = await run(`
      process.on("unhandledRejection", (reason) => report(String(reason)));
      const socket = new TCPSocket("127.0.0.1", 1);
      void socket.opened;
      void socket.closed;
      void socket.readable;
      void socket.writable;
      const datagrams = new UDPSocket();
      void datagrams.closed;
      datagrams.send(new Uint8Array(70000), "127.0.0.1", 9);`);
    expect({ code, stderr, reports }).toEqual({ code: 0, stderr: "", reports: [] });
  });

  test("that somebody follows reject as any promise does: without a handler the process ends (R-promises)", async () => {
    const { code, stderr } = await run(`
      (async () => { await new TCPSocket("127.0.0.1", 1).opened; })();`);
    expect(code).toBe(1);
    expect(stderr).toContain("ECONNREFUSED");
  });

  test("reject with a TypeError for another object, where other members throw (R-shape, R-promises)", async () => {
    for (const { prototype } of [TCPSocket, TCPServerSocket, UDPSocket]) {
      for (const name of ["opened", "closed"]) {
        const { get, set, enumerable } = Object.getOwnPropertyDescriptor(prototype, name);
        expect({ set, enumerable, name: get.name, length: get.length }).toEqual({
          set: undefined,
          enumerable: true,
          name: `get ${name}`,
          length: 0,
        });
        for (const stranger of [{}, prototype, null, undefined, 7]) {
          expect((await reasonOf(get.call(stranger))).name).toBe("TypeError");
        }
      }
      expect((await reasonOf(prototype[asyncDispose].call({}))).name).toBe("TypeError");
    }
  });
});

describe("Symbol.asyncDispose", () => {
  test("calls close() and is fulfilled when closed settles (R-dispose)", async () => {
    const { socket, peer } = await tcpPair();
    peer.resume();
    socket.send("last words");
    await deadline(socket[asyncDispose](), "the disposal");
    expect(socket.readyState).toBe("closed");
    for (const one of [udp(), tcpServer()]) {
      expect(await one[asyncDispose]()).toBe(undefined);
      expect(one.readyState).toBe("closed");
    }
  });

  test("is fulfilled where closed is rejected, and once closed (R-dispose)", async () => {
    const { socket, peer } = await tcpPair();
    peer.resetAndDestroy();
    await deadline(socket[asyncDispose](), "the disposal");
    await deadline(socket[asyncDispose](), "the second disposal");
    const failing = tcp("127.0.0.1", await refusedPort());
    await deadline(failing[asyncDispose](), "the disposal of what failed");
    expect(failing.readyState).toBe("closed");
  });

  // Node 20's and 22's parsers do not know the statement.
  const hasUsing = (() => {
    try {
      return Boolean(new Function("return async () => { await using x = null; }")); // eslint-disable-line no-new-func
    } catch {
      return false;
    }
  })();

  (hasUsing ? test : test.skip)("await using closes what a block has opened (R-dispose)", async () => {
    const { code, reports, stderr } = await run(`
      (async () => {
        let kept;
        {
          await using server = new TCPServerSocket();
          await using socket = new UDPSocket();
          kept = [server, socket];
        }
        report(kept.map((one) => one.readyState));
      })();`);
    expect({ code, reports, stderr }).toEqual({ code: 0, reports: [["closed", "closed"]], stderr: "" });
  });
});
