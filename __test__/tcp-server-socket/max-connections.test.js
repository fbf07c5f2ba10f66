"use strict";

const {
  families,
  tcpServer,
  dial,
  once,
  record,
  track,
  settle,
  tcp,
  eventually,
  expectTypeError,
  expectIsDOMException,
  thrownBy,
} = require("../helpers");

/** A server that keeps what it accepts. */
function keeping(serve, options) {
  const server = serve(options);
  const accepted = [];
  server.addEventListener("connect", ({ connectedSocket }) => accepted.push(track(connectedSocket)));
  return { server, accepted };
}

describe("connections (extensions TCPServerSocket)", () => {
  test.each(families)("$name: counts the accepted sockets that are not yet \"closed\"", async ({ serve, dial }) => {
    const { server, accepted } = keeping(serve);
    expect(server.connections).toBe(0);
    const peers = [await dial(server), await dial(server)];
    await eventually(() => accepted.length === 2);
    expect(server.connections).toBe(2);
    accepted[0].reset();
    expect(server.connections).toBe(1);
    const closed = once(accepted[1], "close");
    // "closing" is not "closed".
    accepted[1].close();
    expect(server.connections).toBe(1);
    peers[1].end();
    await closed;
    expect(server.connections).toBe(0);
  });

  test("a lost connection counts until that is told", async () => {
    const { server, accepted } = keeping(tcpServer);
    const peer = await dial(server.localPort);
    await eventually(() => accepted.length === 1);
    const counts = [];
    accepted[0].onerror = () => counts.push(server.connections);
    const close = once(accepted[0], "close");
    peer.resetAndDestroy();
    await close;
    expect(counts).toEqual([0]);
  });

  test.each(families)("$name: keeps its last value once the server is closed (R-task)", async ({ serve, dial }) => {
    const { server, accepted } = keeping(serve);
    await dial(server);
    await eventually(() => accepted.length === 1);
    server.close();
    expect(server.connections).toBe(1);
    accepted[0].reset();
    expect(server.connections).toBe(1);
  });

  test("is a read-only attribute with a brand check (R-shape)", () => {
    const { get, set, enumerable } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(tcpServer()), "connections");
    expect([set, enumerable]).toEqual([undefined, true]);
    expectTypeError(() => get.call({}));
  });
});

describe("maxConnections (extensions TCPServerOptions; R-srv-error)", () => {
  test("past it each client is accepted, reset and told by one error with code ECONNREFUSED; the others go on", async () => {
    const { server, accepted } = keeping(tcpServer, { maxConnections: 1 });
    const log = record(server, ["error"]);
    const peer = await dial(server.localPort);
    await eventually(() => accepted.length === 1);
    const refused = [tcp("127.0.0.1", server.localPort), tcp("127.0.0.1", server.localPort)];
    const ends = await Promise.all(refused.map((socket) => once(socket, "error")));
    expect(ends.map(({ error }) => error.code)).toEqual(["ECONNRESET", "ECONNRESET"]);
    await log.atLeast(2);
    const errors = log.entries.map(({ event }) => event.error);
    for (const error of errors) {
      expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
      expect(error.address).toBe("127.0.0.1");
      expect(error.message).toContain("maxConnections is 1");
    }
    expect(errors.map((error) => error.port).sort()).toEqual(refused.map((socket) => socket.localPort).sort());
    expect([server.readyState, server.connections, log.count("error")]).toEqual(["open", 1, 2]);
    const message = once(accepted[0], "message");
    peer.write("still served");
    await message;
  });

  test.each(families)("$name: a permit that becomes free is taken by the next client", async ({ serve, dial }) => {
    const { server, accepted } = keeping(serve, { maxConnections: 1 });
    const first = await dial(server);
    await eventually(() => accepted.length === 1);
    const closed = once(accepted[0], "close");
    first.end();
    await closed;
    await dial(server);
    await eventually(() => accepted.length === 2);
    expect(server.connections).toBe(1);
  });

  test.each(families)("$name: nobody is refused while nobody listens, or while suspended", async ({ serve, dial }) => {
    const server = serve({ maxConnections: 0 });
    const log = record(server, ["error"]);
    const peer = await dial(server);
    await settle();
    expect(log.types).toEqual([]);
    server.suspend();
    server.onconnect = () => {};
    await settle();
    expect([log.types, peer.destroyed]).toEqual([[], false]);
    server.resume();
    await log.atLeast(1);
  });

  test("0 refuses everybody", async () => {
    const { server, accepted } = keeping(tcpServer, { maxConnections: 0 });
    const log = record(server, ["error"]);
    const client = tcp("127.0.0.1", server.localPort);
    client.onmessage = () => {};
    const error = once(client, "error");
    await log.atLeast(1);
    expect((await error).error.code).toBe("ECONNRESET");
    expect(accepted).toEqual([]);
  });

  test("out of range throws TypeError (R-range); keepAliveDelay too", () => {
    for (const name of ["maxConnections", "keepAliveDelay"]) {
      for (const value of [-1, 2 ** 32, NaN, Infinity, "many", {}, Symbol("count"), 1n]) {
        expect([name, value, thrownBy(() => tcpServer({ [name]: value })).name]).toEqual([name, value, "TypeError"]);
      }
    }
  });
});
