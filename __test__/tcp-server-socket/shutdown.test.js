"use strict";

const { both, tcpFamily } = require("../helpers/families");
const { deadline, families, once, record, collect, settle, track, expendable, tcpServer, TCPServerSocket, dialLater, pattern, sha256, turn } = require("../helpers");

/** A server with `count` accepted sockets whose clients are the package's. Nobody reads. */
async function served({ serve, connectTo }, count, options) {
  const server = serve(options);
  const accepted = [];
  const clients = [];
  for (let i = 0; i < count; i++) {
    const connect = once(server, "connect");
    const client = expendable(connectTo(server));
    const [{ connectedSocket }] = await Promise.all([connect, once(client, "open")]);
    accepted.push(expendable(connectedSocket));
    clients.push(client);
  }
  return { server, accepted, clients };
}

/** Whether the promise is settled by now. */
async function isSettled(promise) {
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);
  await turn();
  return settled;
}

describe("shutdown() (R-shutdown)", () => {
  test.each(families)("$name: without connections it closes the server, and is fulfilled with undefined", async ({ serve }) => {
    const server = serve();
    const promise = server.shutdown();
    expect(server.readyState).toBe("closed");
    expect(await promise).toBe(undefined);
    await server.closed;
  });

  test.each(families)("$name: each open socket is closed at once by default, and what it sent arrives", async (family) => {
    const { server, accepted, clients } = await served(family, 3);
    const bytes = pattern(300_000);
    const inboxes = clients.map((client) => collect(client));
    accepted.forEach((socket) => socket.send(bytes));
    const promise = server.shutdown();
    expect(accepted.map((socket) => socket.readyState)).toEqual(["closing", "closing", "closing"]);
    expect(() => accepted[0].send("x")).toThrow(/shutdown\(\) of its server/);
    await promise;
    expect(accepted.map((socket) => socket.readyState)).toEqual(["closed", "closed", "closed"]);
    for (const inbox of inboxes) {
      await inbox.until(bytes.length);
      expect(sha256(inbox.bytes())).toBe(sha256(bytes));
    }
  });

  test.each(families)("$name: it is fulfilled after the `close` event of the last socket", async (family) => {
    const { server, accepted, clients } = await served(family, 2);
    clients.forEach((client) => collect(client));
    const order = [];
    accepted.forEach((socket) => socket.addEventListener("close", () => order.push("close")));
    await server.shutdown().then(() => order.push("shutdown"));
    expect(order).toEqual(["close", "close", "shutdown"]);
  });

  test.each(families)("$name: in `grace` connections go on; those that end by themselves are not touched", async (family) => {
    const { server, accepted, clients } = await served(family, 2);
    const promise = server.shutdown({ grace: 60_000, timeout: 120_000 });
    const inbox = collect(clients[0]);
    accepted[0].send("more");
    await inbox.until(4);
    expect(accepted.map((socket) => socket.readyState)).toEqual(["open", "open"]);
    expect(await isSettled(promise)).toBe(false);
    collect(accepted[0]);
    collect(accepted[1]);
    clients.forEach((client) => client.close());
    await promise;
  });

  test.each(families)("$name: after `grace` it closes what is open, and half-closed", async (family) => {
    const { server, accepted, clients } = await served(family, 2);
    accepted[1].halfclose();
    clients.forEach((client) => {
      client.onhalfclose = () => {};
    });
    const start = performance.now();
    const promise = server.shutdown({ grace: 80, timeout: 60_000 });
    clients.forEach((client) => collect(client));
    await once(clients[0], "halfclose");
    expect(performance.now() - start).toBeGreaterThan(75);
    expect(accepted.map((socket) => socket.readyState)).toEqual(["closing", "closing"]);
    clients.forEach((client) => client.close());
    await promise;
  });

  test.each(families)("$name: after `timeout` it resets what does not end: a client that never reads", async (family) => {
    const { server, accepted, clients } = await served(family, 1);
    accepted[0].send(new Uint8Array(16 * 1024 * 1024));
    const log = record(accepted[0], ["close", "error"]);
    const start = performance.now();
    await server.shutdown({ timeout: 150 });
    expect(performance.now() - start).toBeGreaterThan(145);
    expect(log.types).toEqual(["close"]);
    expect(accepted[0].bufferedAmount).toBeGreaterThan(0);
    clients[0].reset();
  });

  test.each(families)("$name: a `timeout` of 0 resets at once (R-range)", async (family) => {
    const { server, accepted } = await served(family, 2);
    const promise = server.shutdown({ timeout: 0 });
    expect(accepted.map((socket) => socket.readyState)).toEqual(["closed", "closed"]);
    await promise;
  });

  test.each([100, 60])("where `timeout` is not over `grace` (%i), nothing is closed before: all is reset then", async (timeout) => {
    const { server, accepted, clients } = await served(tcpFamily, 1);
    const promise = server.shutdown({ grace: 100, timeout });
    const ended = once(clients[0], "error");
    collect(clients[0]);
    expect(accepted[0].readyState).toBe("open");
    await promise;
    expect((await ended).error.code).toBe("ECONNRESET");
  });

  test("called again, the promise is the same", async () => {
    const server = tcpServer();
    const promise = server.shutdown();
    expect(server.shutdown()).toBe(promise);
    await promise;
    expect(server.shutdown({ grace: 5, timeout: 10 })).toBe(promise);
  });

  test("called again, earlier deadlines win: a shorter `timeout`", async () => {
    const { server, accepted } = await served(tcpFamily, 1);
    const promise = server.shutdown({ grace: 60_000, timeout: 60_000 });
    server.shutdown({ grace: 60_000, timeout: 30 });
    server.shutdown({ grace: 60_000, timeout: 60_000 });
    await promise;
    expect(accepted[0].readyState).toBe("closed");
  });

  test("called again, earlier deadlines win: a shorter `grace`", async () => {
    const { server, accepted, clients } = await served(tcpFamily, 1);
    clients[0].onmessage = () => {};
    const promise = server.shutdown({ grace: 60_000, timeout: 90_000 });
    expect(accepted[0].readyState).toBe("open");
    server.shutdown({ grace: 0, timeout: 90_000 });
    expect(accepted[0].readyState).toBe("closing");
    await promise;
  });

  test("called again with later deadlines changes nothing", async () => {
    const { server } = await served(tcpFamily, 1);
    const start = performance.now();
    const promise = server.shutdown({ grace: 50, timeout: 50 });
    server.shutdown({ grace: 60_000, timeout: 60_000 });
    await promise;
    expect(performance.now() - start).toBeLessThan(4000);
  });

  test.each(families)("$name: after close() it ends the connections all the same", async (family) => {
    const { server, accepted, clients } = await served(family, 2);
    clients.forEach((client) => collect(client));
    server.close();
    await settle();
    expect(accepted.map((socket) => socket.readyState)).toEqual(["open", "open"]);
    await server.shutdown();
    expect(accepted.map((socket) => socket.readyState)).toEqual(["closed", "closed"]);
  });

  test("after an abort of the server's signal it ends the connections all the same", async () => {
    const controller = new AbortController();
    const { server, accepted, clients } = await served(tcpFamily, 1, { signal: controller.signal });
    clients[0].onmessage = () => {};
    controller.abort();
    expect(server.readyState).toBe("closed");
    await server.shutdown();
    expect(accepted[0].readyState).toBe("closed");
  });

  test("it is not rejected for a connection's loss", async () => {
    const { server, accepted, clients } = await served(tcpFamily, 2);
    const lost = once(accepted[0], "error");
    const promise = server.shutdown({ grace: 60_000, timeout: 90_000 });
    clients[0].reset();
    expect((await lost).error.code).toBe("ECONNRESET");
    clients[1].reset();
    await promise;
  });

  test("it leaves the sockets of other servers, and clients, alone", async () => {
    const first = await served(tcpFamily, 1);
    const second = await served(tcpFamily, 1);
    await first.server.shutdown({ timeout: 0 });
    await settle();
    expect([second.server, second.accepted[0], second.clients[0]].map((socket) => socket.readyState)).toEqual(["open", "open", "open"]);
  });

  test("close() and reset() of a socket by the program count, and no socket is closed twice", async () => {
    const { server, accepted, clients } = await served(tcpFamily, 3);
    clients.forEach((client) => collect(client));
    const logs = accepted.map((socket) => record(socket, ["close", "error"]));
    accepted[0].close();
    accepted[1].reset();
    const promise = server.shutdown();
    accepted[2].reset();
    await promise;
    expect(logs.map((log) => log.types)).toEqual([["close"], ["close"], ["close"]]);
  });

  test("the keys of a relay count: close() of one closes both", async () => {
    const { relay } = require("../..");
    const { server, accepted, clients } = await served(tcpFamily, 1);
    const other = await both(tcpFamily);
    clients[0].onmessage = () => {};
    other.accepted.onmessage = () => {};
    const relayed = relay(accepted[0], other.client);
    await server.shutdown();
    await relayed;
    expect(other.client.readyState).toBe("closed");
  });

  test("`connections` keeps its last value (R-task)", async () => {
    const { server } = await served(tcpFamily, 2);
    const promise = server.shutdown({ timeout: 0 });
    expect(server.connections).toBe(2);
    await promise;
    expect(server.connections).toBe(2);
  });

  test("the port is free when it returns, and further clients are refused", async () => {
    const server = tcpServer();
    const { localPort } = server;
    server.shutdown();
    expect((await once(dialLater(localPort), "error")).code).toBe("ECONNREFUSED");
    expect(tcpServer({ localPort }).localPort).toBe(localPort);
  });

  test("it ends loops and the `readable`", async () => {
    const server = tcpServer();
    const loop = (async () => {
      for await (const socket of server) {
        track(socket);
      }
    })();
    const other = tcpServer();
    const reader = other.readable.getReader();
    const read = reader.read();
    await Promise.all([server.shutdown(), other.shutdown()]);
    await deadline(loop, "the end of the loop");
    expect((await read).done).toBe(true);
  });

  test("it can be called in a `connect` handler", async () => {
    const server = tcpServer();
    const client = expendable(tcpFamily.connectTo(server));
    client.onmessage = () => {};
    const promise = new Promise((resolve) => {
      server.onconnect = ({ connectedSocket }) => {
        track(connectedSocket);
        resolve(server.shutdown());
      };
    });
    await deadline(promise, "shutdown()");
  });
});

describe("shutdown() and bad input (R-shape)", () => {
  test("options that are no dictionary, and bad members, reject with TypeError and change nothing", async () => {
    const server = tcpServer();
    for (const options of [1, "x", true]) {
      await expect(server.shutdown(options)).rejects.toThrow(TypeError);
    }
    for (const value of [-1, 2 ** 32, NaN, Infinity, "x", {}]) {
      await expect(server.shutdown({ grace: value })).rejects.toThrow(TypeError);
      await expect(server.shutdown({ timeout: value })).rejects.toThrow(TypeError);
    }
    expect(server.readyState).toBe("open");
  });

  test("on anything but a server it rejects with TypeError", async () => {
    for (const value of [{}, null, undefined, new EventTarget()]) {
      await expect(TCPServerSocket.prototype.shutdown.call(value)).rejects.toThrow(TypeError);
    }
  });

  test("its `length` is 0", () => {
    expect(TCPServerSocket.prototype.shutdown.length).toBe(0);
  });
});
