"use strict";

// once() of a UDPSocket and of a TCPServerSocket (R-once).

const { ROOT, dial, dialLater, once: next, runJSON, settle, tcpServer, text, track, udp } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { dialTLSLater, secureServer } = require("../helpers/tls");
const { failed, isPending } = require("./failed");
const { once } = require(ROOT);

const never = { name: "InvalidStateError", code: 11 };

describe("once() of a UDPSocket (R-once)", () => {
  test("message, drain and error are fulfilled with the event", async () => {
    const socket = udp();
    socket.send("x", "127.0.0.1", socket.localPort);
    const { data, remotePort } = await once(socket, "message");
    expect([text(data), remotePort]).toEqual(["x", socket.localPort]);
    const small = udp({ highWaterMark: 0 });
    expect(small.send("x", "127.0.0.1", socket.localPort)).toBe(false);
    expect((await once(small, "drain")).target).toBe(small);
  });

  test("a loop of once() takes each datagram once, in order (R-listen)", async () => {
    const [from, to] = [udp(), udp()];
    for (let i = 0; i < 60; i++) from.send(String(i), "127.0.0.1", to.localPort);
    for (let i = 0; i < 60; i++) expect(text((await once(to, "message")).data)).toBe(String(i));
  });

  test("an error that leaves the socket open fulfils error, and ends nothing else (R-udp-neterr)", async () => {
    const socket = udp();
    const [message, error] = [once(socket, "message"), once(socket, "error")];
    // Not asked for: EACCES.
    socket.send("x", "255.255.255.255", 9);
    expect((await error).error).toMatchObject({ name: "NetworkError", code: "EACCES" });
    await settle();
    expect(await isPending(message)).toBe(true);
    socket.send("y", "127.0.0.1", socket.localPort);
    expect(text((await message).data)).toBe("y");
  });

  test("a datagram too long closes it: the exception of its error (R-udp-toolong)", async () => {
    const socket = udp();
    const [message, drain, error] = [failed(once(socket, "message")), failed(once(socket, "drain")), once(socket, "error")];
    socket.send(new Uint8Array(70_000), "127.0.0.1", 9);
    expect(socket.readyState).toBe("closed");
    const [lateMessage, lateError] = [failed(once(socket, "message")), once(socket, "error")];
    expect(await lateMessage).toMatchObject(never);
    const { error: exception } = await error;
    expect(exception.code).toBe("EMSGSIZE");
    expect((await lateError).error).toBe(exception);
    expect([await message, await drain]).toEqual([exception, exception]);
    for (const type of ["message", "drain", "error"]) {
      expect(await failed(once(socket, type))).toMatchObject({ ...never, cause: exception });
    }
  });

  test("close() ends all of them, though no event fires (R-udp-close)", async () => {
    const socket = udp();
    const waits = Promise.all(["message", "drain", "error"].map((type) => failed(once(socket, type))));
    socket.close();
    const after = Promise.all(["message", "drain", "error"].map((type) => failed(once(socket, type))));
    for (const error of [...(await waits), ...(await after)]) {
      expect(error).toMatchObject(never);
      expect(error.message).toMatch(/^once\(\): no \w+ event comes any more: the socket is "closed": close\(\) was called$/);
      expect(error.cause).toBe(undefined);
    }
  });

  test.each([
    ["a UDPSocket", "new UDPSocket({ signal })", "message"],
    ["a TCPServerSocket", "new TCPServerSocket({ signal })", "connect"],
    ["a TCPSocket", 'new TCPSocket("127.0.0.1", new TCPServerSocket().localPort, { signal })', "open"],
  ])("one signal for %s and for once() on it: its reason, and no other rejection (R-abort, R-once)", async (_, make, type) => {
    const told = await runJSON(`
      const packageOnce = require(${JSON.stringify(ROOT)}).once;
      const told = [];
      process.on("unhandledRejection", (error) => told.push("unhandled: " + error));
      const ask = (signal, socket) => packageOnce(socket, ${JSON.stringify(type)}, { signal }).catch((error) => told.push(error.message));
      const controllers = [0, 1].map(() => new AbortController());
      // Who follows the signal first hears it first: the socket, another wait, this wait.
      const [{ signal }] = controllers;
      ask(signal, ${make});
      {
        const { signal } = controllers[1];
        packageOnce(new UDPSocket(), "message", { signal }).catch((error) => told.push(error.message));
        ask(signal, ${make});
      }
      controllers.forEach((controller, at) => controller.abort(new Error("enough " + at)));
      setTimeout(() => {
        report(told.sort());
        process.exit(0);
      }, 100);`);
    expect(told).toEqual(["enough 0", "enough 1", "enough 1"]);
  });

  test("its signal closes it: the same (R-abort)", async () => {
    const controller = new AbortController();
    const socket = udp({ signal: controller.signal });
    const wait = failed(once(socket, "message"));
    controller.abort();
    expect(await wait).toMatchObject({ ...never, message: expect.stringContaining("its signal was aborted") });
  });

  test("its signal closes a server: that is said (R-abort)", async () => {
    const controller = new AbortController();
    const wait = failed(once(tcpServer({ signal: controller.signal }), "error"));
    controller.abort();
    expect(await wait).toMatchObject({ ...never, message: expect.stringContaining("its signal was aborted") });
  });

  test("message, where readable was taken; a loop takes only while it waits (R-streams, R-iterate)", async () => {
    const socket = udp();
    const looping = socket[Symbol.asyncIterator]().next();
    const wait = once(socket, "message");
    for (const data of ["for the loop", "for the wait"]) socket.send(data, "127.0.0.1", socket.localPort);
    expect(text((await looping).value.data)).toBe("for the loop");
    expect(text((await wait).data)).toBe("for the wait");
    const late = failed(once(socket, "message"));
    void socket.readable;
    expect(await late).toMatchObject(never);
    expect((await failed(once(socket, "message"))).message).toContain("its readable was taken");
  });
});

describe("once() of a TCPServerSocket (R-once)", () => {
  test("connect is fulfilled with the event; a loop misses nobody (R-listen)", async () => {
    const server = tcpServer();
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await dial(server.localPort));
    for (const client of clients) {
      const { connectedSocket } = await once(server, "connect");
      expect(track(connectedSocket).remotePort).toBe(String(client.localPort));
    }
  });

  test("an error leaves it open: it fulfils error, and ends no connect (R-srv-error)", async () => {
    const server = tcpServer({ maxConnections: 0 });
    const [connect, error] = [once(server, "connect"), once(server, "error")];
    dialLater(server.localPort);
    expect((await error).error.code).toBe("ECONNREFUSED");
    await settle();
    expect(await isPending(connect)).toBe(true);
    const end = failed(connect);
    server.close();
    expect(await end).toMatchObject(never);
  });

  test("close() ends all of them, and its signal (R-srv-close, R-abort)", async () => {
    const controller = new AbortController();
    const servers = [tcpServer(), tcpServer({ signal: controller.signal })];
    const waits = Promise.all(servers.flatMap((server) => ["connect", "error"].map((type) => failed(once(server, type)))));
    servers[0].close();
    controller.abort();
    for (const error of await waits) expect(error).toMatchObject(never);
    for (const server of servers) {
      for (const type of ["connect", "error"]) expect(await failed(once(server, type))).toMatchObject(never);
    }
  });

  test("connections that close() still delivers are given, one by one, and then it rejects (R-srv-close)", async () => {
    const { server: identity } = authority();
    const server = secureServer({ cert: identity.chain, key: identity.key });
    const clients = [1, 2, 3].map(() => dialTLSLater(server.localPort));
    await Promise.all(clients.map((client) => next(client, "connect")));
    const given = [];
    // All three are accepted in one turn.
    const { connectedSocket } = await once(server, "connect");
    given.push(track(connectedSocket));
    const others = clients.filter((client) => String(client.localPort) !== connectedSocket.remotePort);
    // Both handshakes are done, and nobody has asked for them.
    await Promise.all(others.map((client) => (client.secureConnecting ? next(client, "secureConnect") : undefined)));
    await settle();
    let wait = once(server, "connect");
    server.close();
    let end;
    while (end === undefined) {
      await wait.then(
        ({ connectedSocket: socket }) => given.push(track(socket)),
        (reason) => {
          end = reason;
        },
      );
      wait = once(server, "connect");
      wait.catch(() => {});
    }
    expect(end).toMatchObject(never);
    const ports = (sockets, key) => sockets.map((socket) => String(socket[key])).sort();
    expect(ports(given, "remotePort")).toEqual(ports(clients, "localPort"));
  });

  test("connect, where readable was taken (R-streams)", async () => {
    const server = tcpServer();
    const wait = failed(once(server, "connect"));
    void server.readable;
    expect(await wait).toMatchObject(never);
    expect((await failed(once(server, "connect"))).message).toContain("its readable was taken, and gets the connections");
    // Its errors are still told.
    expect(await isPending(once(server, "error"))).toBe(true);
  });
});
