"use strict";

// The channels of node:diagnostics_channel (R-diagnostics).

const { AsyncLocalStorage } = require("node:async_hooks");
const diagnostics = require("node:diagnostics_channel");
const net = require("node:net");
const { TCPSocket, ROOT, datagrams, expendable, once, runJSON, settle, start, tcp, tcpServer, track, udp } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { defer } = require("../helpers/cleanup");
const { refusedPort } = require("../helpers/peers");
const { opened } = require("../helpers/tls");
const { unix, unixServer, unixTest } = require("../helpers/unix");

const { connect, once: next } = require(ROOT);

const SOCKETS = ["tcp.client.socket", "tcp.server.socket", "udp.socket", "unix.client.socket", "unix.server.socket"];
const OPERATION = ["start", "end", "asyncStart", "asyncEnd", "error"];

const { ca, server: certificate } = authority();
const serving = { cert: certificate.cert, key: certificate.key, alpn: ["h2"] };
const trusting = { ca: ca.cert, alpn: ["h2"] };

/** Records what is published on the channels of these names. */
function observe(names) {
  const published = [];
  for (const name of names) {
    const channel = /^[\w.]+:/.test(name) ? `tracing:tcp-udp-sockets:${name}` : `tcp-udp-sockets:${name}`;
    const take = (message) => {
      published.push({ name, message, copy: { ...message } });
    };
    diagnostics.subscribe(channel, take);
    defer(() => diagnostics.unsubscribe(channel, take));
  }
  return {
    published,
    names: () => published.map(({ name }) => name),
    only: (name) => published.filter((each) => each.name === name).map(({ message }) => message),
  };
}

const operation = (name) => OPERATION.map((event) => `${name}:${event}`);

test("a TCPSocket and the accepted one are published before their events (R-diagnostics)", async () => {
  const log = observe(SOCKETS);
  const server = tcpServer();
  const accepted = new Promise((resolve) => {
    server.onconnect = ({ connectedSocket }) => resolve([track(connectedSocket), log.only("tcp.server.socket").length]);
  });
  const client = tcp("127.0.0.1", server.localPort);
  expect(log.published.map(({ name, message }) => [name, message])).toEqual([["tcp.client.socket", { socket: client }]]);
  expect(log.published[0].message.socket).toBe(client);
  const [socket, count] = await accepted;
  expect(count).toBe(1);
  expect(log.names()).toEqual(["tcp.client.socket", "tcp.server.socket"]);
  expect(log.only("tcp.server.socket")[0].socket).toBe(socket);
});

test("connect() publishes its socket alone, and a refused constructor none", async () => {
  const log = observe(SOCKETS);
  const server = tcpServer();
  const socket = track(await connect("127.0.0.1", server.localPort));
  expect(() => new TCPSocket("no address", 1)).toThrow("address");
  await expect(connect("127.0.0.1", await refusedPort())).rejects.toThrow("refused");
  expect(log.only("tcp.client.socket")).toEqual([{ socket }]);
  expect(log.only("tcp.client.socket")[0].socket).toBe(socket);
});

test("a UDPSocket is published with its attributes in place", () => {
  const ports = [];
  const take = ({ socket }) => ports.push(socket.localPort);
  diagnostics.subscribe("tcp-udp-sockets:udp.socket", take);
  const socket = udp();
  diagnostics.unsubscribe("tcp-udp-sockets:udp.socket", take);
  udp();
  expect(ports).toEqual([socket.localPort]);
});

unixTest("Unix sockets have channels of their own", async () => {
  const log = observe([...SOCKETS, ...operation("connect"), "close"]);
  const server = unixServer();
  const client = unix(server.localPath);
  const { connectedSocket } = await once(server, "connect");
  track(connectedSocket);
  expect(log.names().filter((name) => !name.startsWith("connect:"))).toEqual(["unix.client.socket", "unix.server.socket"]);
  expect(log.only("unix.client.socket")[0].socket).toBe(client);
  expect(log.only("unix.server.socket")[0].socket).toBe(connectedSocket);
  const closed = next(client, "close");
  client.close();
  await closed;
  expect(log.only("close").filter(({ socket }) => socket === client)).toEqual([{ socket: client, bytesRead: 0, bytesWritten: 0 }]);
  expect(log.only("connect:asyncStart")).toEqual([{ path: server.localPath, socket: client, result: client }]);
});

describe("close", () => {
  test("tells the figures, once for each socket", async () => {
    const log = observe(["error", "close"]);
    const server = tcpServer();
    const client = tcp("127.0.0.1", server.localPort);
    const { connectedSocket } = await once(server, "connect");
    track(connectedSocket).send("12345");
    await next(client, "message");
    client.send("123");
    await next(connectedSocket, "message");
    const ends = Promise.all([next(client, "close"), next(connectedSocket, "close")]);
    client.close();
    await ends;
    server.close();
    await server.closed;
    const of = (socket) => log.only("close").filter((message) => message.socket === socket);
    expect(of(client)).toEqual([{ socket: client, bytesRead: 5, bytesWritten: 3 }]);
    expect(of(connectedSocket)).toEqual([{ socket: connectedSocket, bytesRead: 3, bytesWritten: 5 }]);
    expect(of(server)).toEqual([{ socket: server }]);
    expect(log.names()).toEqual(["close", "close", "close"]);
  });

  test("of a UDPSocket comes when its datagrams are sent", async () => {
    const peer = await datagrams();
    const log = observe(["error", "close"]);
    const socket = udp();
    socket.send("four", peer.host, peer.port);
    socket.close();
    await socket.closed;
    expect(log.published.map(({ message }) => message)).toEqual([{ socket, bytesRead: 0, bytesWritten: 4, datagramsDropped: 0 }]);
  });

  test("of a socket that never opened has its error, after `error`, and comes once", async () => {
    const log = observe(["error", "close"]);
    const client = expendable(new TCPSocket("127.0.0.1", await refusedPort()));
    const { error } = await once(client, "error");
    await settle();
    expect(log.published.map(({ name, message }) => [name, message])).toEqual([
      ["error", { socket: client, error }],
      ["close", { socket: client, error, bytesRead: 0, bytesWritten: 0 }],
    ]);
    expect(log.published[0].message.error).toBe(error);
  });

  test("of a lost connection has its error", async () => {
    const log = observe(["error", "close"]);
    const server = tcpServer();
    const client = expendable(new TCPSocket("127.0.0.1", server.localPort));
    const { connectedSocket } = await once(server, "connect");
    const lost = once(client, "error");
    connectedSocket.reset();
    const { error } = await lost;
    expect(log.only("error")).toEqual([{ socket: client, error }]);
    await settle();
    expect(log.only("close").filter(({ socket }) => socket === client)).toEqual([{ socket: client, error, bytesRead: 0, bytesWritten: 0 }]);
  });

  test("of a UDPSocket that a datagram has closed has its error", async () => {
    const log = observe(["error", "close"]);
    const socket = expendable(udp());
    const failing = once(socket, "error");
    expect(socket.send(new Uint8Array(70_000), "127.0.0.1", 9)).toBe(false);
    const { error } = await failing;
    expect(log.names()).toEqual(["error", "close"]);
    expect(log.only("close")[0]).toMatchObject({ socket, error });
  });
});

test("an error that leaves the socket open is published, too", async () => {
  const log = observe(["error", "close"]);
  const server = tcpServer({ maxConnections: 1 });
  server.onconnect = ({ connectedSocket }) => track(connectedSocket);
  const [first, second] = [net.connect(server.localPort, "127.0.0.1"), net.connect(server.localPort, "127.0.0.1")];
  defer(() => [first, second].forEach((each) => each.destroy()));
  second.on("error", () => {});
  const { error } = await once(server, "error");
  expect(log.published.map(({ name, message }) => [name, message])).toEqual([["error", { socket: server, error }]]);
});

describe("connect", () => {
  test("of a constructor: its call is start to end, its result comes with `open`", async () => {
    const log = observe([...operation("connect"), "tcp.client.socket"]);
    const server = tcpServer();
    const client = tcp("127.0.0.1", server.localPort);
    const target = { host: "127.0.0.1", port: server.localPort };
    expect(log.names()).toEqual(["connect:start", "tcp.client.socket", "connect:end"]);
    expect(log.published[0].copy).toEqual(target);
    expect(log.published[2].copy).toEqual({ ...target, socket: client });
    let count;
    client.onopen = () => {
      count = log.published.length;
    };
    await once(client, "open");
    expect(log.names().slice(3)).toEqual(["connect:asyncStart", "connect:asyncEnd"]);
    expect(count).toBe(5);
    expect(log.published[3].copy).toEqual({ ...target, socket: client, result: client });
    expect(new Set(log.published.filter(({ name }) => name !== "tcp.client.socket").map(({ message }) => message)).size).toBe(1);
  });

  test.each([
    ["is refused", async () => expendable(new TCPSocket("127.0.0.1", await refusedPort()))],
    ["is closed while it connects", async () => {
      const socket = expendable(new TCPSocket("127.0.0.1", await refusedPort()));
      socket.close();
      return socket;
    }],
    ["is aborted", async () => {
      const controller = new AbortController();
      const socket = expendable(new TCPSocket("127.0.0.1", await refusedPort(), { signal: controller.signal }));
      controller.abort();
      return socket;
    }],
  ])("of a constructor whose socket %s", async (_, make) => {
    const log = observe(operation("connect"));
    const client = await make();
    const { error } = await once(client, "error");
    expect(log.names()).toEqual(["connect:start", "connect:end", "connect:error", "connect:asyncStart", "connect:asyncEnd"]);
    expect(log.published[4].message.error).toBe(error);
    expect(log.published[4].message).not.toHaveProperty("result");
  });

  test("of a constructor that throws", () => {
    const log = observe(operation("connect"));
    let thrown;
    try {
      new TCPSocket("no address", 80);
    } catch (error) {
      thrown = error;
    }
    expect(log.names()).toEqual(["connect:start", "connect:error", "connect:end"]);
    expect(log.published[1].message).toEqual({ host: "no address", port: 80, error: thrown });
  });

  test("of connect(), as a whole", async () => {
    const log = observe(operation("connect"));
    const server = tcpServer();
    const promise = connect("localhost", server.localPort, { lookup: () => ["127.0.0.9", "127.0.0.1"] });
    expect(log.names()).toEqual(["connect:start", "connect:end"]);
    const socket = track(await promise);
    expect(log.names()).toEqual(["connect:start", "connect:end", "connect:asyncStart", "connect:asyncEnd"]);
    expect(log.published[3].message).toEqual({ host: "localhost", port: server.localPort, socket, result: socket });
  });

  test("of a connect() that rejects, also at once", async () => {
    const log = observe(operation("connect"));
    const port = await refusedPort();
    const error = await connect("127.0.0.1", port).catch((reason) => reason);
    const events = ["connect:start", "connect:end", "connect:error", "connect:asyncStart", "connect:asyncEnd"];
    expect(log.names()).toEqual(events);
    expect(log.published[4].message).toEqual({ host: "127.0.0.1", port, error });
    const refused = await connect("127.0.0.1", port, { allowAddress: () => false }).catch((reason) => reason);
    expect(log.names().slice(5)).toEqual(events);
    expect(log.published[9].message.error).toBe(refused);
  });

  test("works with tracingChannel() and its bound stores, and leaves the socket's context alone (R-context)", async () => {
    const store = new AsyncLocalStorage();
    const channel = diagnostics.tracingChannel("tcp-udp-sockets:connect");
    const seen = [];
    channel.start.bindStore(store, ({ host }) => `to ${host}`);
    const subscribers = { start() {}, end() {}, asyncStart: () => seen.push(store.getStore()), asyncEnd() {}, error() {} };
    channel.subscribe(subscribers);
    defer(() => {
      channel.start.unbindStore(store);
      channel.unsubscribe(subscribers);
    });
    const server = tcpServer();
    await store.run("the program's", async () => {
      const socket = track(await connect("localhost", server.localPort, {
        lookup: () => {
          seen.push(store.getStore());
          return ["127.0.0.1"];
        },
      }));
      const message = new Promise((resolve) => {
        socket.onmessage = () => resolve(store.getStore());
      });
      track((await once(server, "connect")).connectedSocket).send("x");
      expect(await message).toBe("the program's");
    });
    // The call itself has the bound store, and nothing that follows.
    expect(seen).toEqual(["to localhost", "the program's"]);
    const inCall = [];
    const take = () => inCall.push(store.getStore());
    channel.end.subscribe(take);
    defer(() => channel.end.unsubscribe(take));
    expect(() => new TCPSocket("no address", 1)).toThrow("address");
    expect(inCall).toEqual(["to no address"]);
  });
});

describe("tls.handshake", () => {
  const ALL = ["tls.handshake:start", "tls.handshake:end", "tls.handshake:asyncStart", "tls.handshake:asyncEnd"];
  const FAILED = ["tls.handshake:start", "tls.handshake:end", "tls.handshake:error", "tls.handshake:asyncStart", "tls.handshake:asyncEnd"];
  const last = (log, name = "tls.handshake:asyncEnd") => log.only(name).at(-1);

  test("of a constructor's and an accepted socket: all of it when it is done", async () => {
    const log = observe(operation("tls.handshake"));
    const server = tcpServer({ secureTransport: serving });
    const client = tcp("127.0.0.1", server.localPort, { secureTransport: trusting });
    const accepting = once(server, "connect");
    await opened(client);
    const { connectedSocket } = await accepting;
    expendable(connectedSocket);
    const of = (socket) => log.published.filter(({ message }) => message.socket === socket);
    expect(of(client).map(({ name }) => name)).toEqual(ALL);
    expect(of(client)[3].message).toEqual({ socket: client, result: client.secureTransportInfo });
    expect(of(connectedSocket).map(({ name }) => name)).toEqual(ALL);
    expect(of(connectedSocket)[3].message).toEqual({ socket: connectedSocket, server, result: connectedSocket.secureTransportInfo });
  });

  test("that fails, at both ends", async () => {
    const log = observe(operation("tls.handshake"));
    const server = expendable(tcpServer({ secureTransport: serving }));
    const client = expendable(new TCPSocket("127.0.0.1", server.localPort, { secureTransport: { alpn: ["h2"] } }));
    server.onconnect = () => {};
    const [{ error }, { error: told }] = await Promise.all([once(client, "error"), once(server, "error")]);
    const of = (end) => log.published.filter(({ message }) => message.socket === end || message.server === end);
    expect(of(client).map(({ name }) => name)).toEqual(FAILED);
    expect(of(client)[4].message).toEqual({ socket: client, error });
    expect(of(server).map(({ name }) => name)).toEqual(FAILED);
    expect(of(server)[4].message).toEqual({ server, error: told });
  });

  test("that a reset breaks off, at both ends", async () => {
    const log = observe(operation("tls.handshake"));
    const cutting = net.createServer((peer) => peer.once("data", () => peer.resetAndDestroy())).listen(0, "127.0.0.1");
    defer(() => cutting.close());
    await once(cutting, "listening");
    const client = expendable(new TCPSocket("127.0.0.1", cutting.address().port, { secureTransport: trusting }));
    expect((await once(client, "error")).error.code).toBe("ECONNRESET");
    const server = expendable(tcpServer({ secureTransport: serving }));
    server.onconnect = () => {};
    const peer = net.connect(server.localPort, "127.0.0.1");
    peer.on("error", () => {});
    await once(peer, "connect");
    // The beginning of a record, so that the server is in its handshake.
    await new Promise((resolve) => {
      peer.write(Buffer.from([22, 3, 1, 0, 200, 1, 0]), resolve);
    });
    const failing = once(server, "error");
    peer.resetAndDestroy();
    expect((await failing).error.code).toBe("ECONNRESET");
    const of = (end) => log.published.filter(({ message }) => message.socket === end || message.server === end);
    expect(of(client).map(({ name }) => name)).toEqual(FAILED);
    expect(of(server).map(({ name }) => name)).toEqual(FAILED);
  });

  test("is none where the connection itself fails", async () => {
    const log = observe(operation("tls.handshake"));
    const port = await refusedPort();
    await once(expendable(new TCPSocket("127.0.0.1", port, { secureTransport: trusting })), "error");
    const controller = new AbortController();
    const aborted = expendable(new TCPSocket("127.0.0.1", port, { secureTransport: trusting, signal: controller.signal }));
    controller.abort();
    await once(aborted, "error");
    await expect(connect("127.0.0.1", port, { secureTransport: trusting })).rejects.toThrow("refused");
    expect(log.published).toEqual([]);
  });

  test("of connect() begins when the connection is there", async () => {
    const log = observe([...operation("connect"), "tls.handshake:start", "tls.handshake:end", "tls.handshake:asyncStart"]);
    const server = tcpServer({ secureTransport: serving });
    server.onconnect = ({ connectedSocket }) => expendable(connectedSocket);
    const socket = track(await connect("127.0.0.1", server.localPort, { secureTransport: trusting }));
    const ours = log.published.filter(({ message }) => message.host === "127.0.0.1");
    expect(ours.map(({ name }) => name)).toEqual([
      "connect:start", "connect:end", "tls.handshake:start", "tls.handshake:end", "tls.handshake:asyncStart", "connect:asyncStart", "connect:asyncEnd",
    ]);
    expect(ours[4].message).toEqual({ host: "127.0.0.1", port: server.localPort, socket, result: socket.secureTransportInfo });
  });

  test("of connect() that fails", async () => {
    const log = observe(operation("tls.handshake"));
    const server = expendable(tcpServer({ secureTransport: serving }));
    server.onconnect = () => {};
    const error = await connect("127.0.0.1", server.localPort, { secureTransport: { alpn: ["h2"] } }).catch((reason) => reason);
    const ours = log.published.filter(({ message }) => message.host === "127.0.0.1");
    expect(ours.map(({ name }) => name)).toEqual(FAILED);
    expect(ours[4].message.error).toBe(error);
  });

  test("of startTls(), with its result or its error", async () => {
    const server = tcpServer();
    const client = expendable(new TCPSocket("127.0.0.1", server.localPort));
    const [{ connectedSocket }] = await Promise.all([once(server, "connect"), opened(client)]);
    expendable(connectedSocket);
    const log = observe(operation("tls.handshake"));
    await expect(client.startTls({ alpn: [""] })).rejects.toThrow("alpn");
    expect(log.names()).toEqual(["tls.handshake:start", "tls.handshake:error", "tls.handshake:end"]);
    log.published.length = 0;
    const [info] = await Promise.all([client.startTls(trusting), connectedSocket.startTls(serving)]);
    const of = (socket) => log.published.filter(({ message }) => message.socket === socket).map(({ name }) => name);
    expect(of(client)).toEqual(ALL);
    expect(of(connectedSocket)).toEqual(ALL);
    expect(log.only("tls.handshake:asyncEnd").find(({ socket }) => socket === client).result).toBe(info);
  });

  test.each([
    ["fails", (peer) => peer.send("this is no TLS record")],
    ["is cut off by close()", (_, socket) => socket.close()],
  ])("of startTls() that %s", async (_, end) => {
    const server = tcpServer();
    const client = expendable(new TCPSocket("127.0.0.1", server.localPort));
    const [{ connectedSocket }] = await Promise.all([once(server, "connect"), opened(client)]);
    expendable(connectedSocket);
    const log = observe(operation("tls.handshake"));
    const upgrading = client.startTls(trusting).catch((reason) => reason);
    end(connectedSocket, client);
    connectedSocket.close();
    const error = await upgrading;
    expect(error).toBeInstanceOf(DOMException);
    expect(log.names()).toEqual(FAILED);
    expect(last(log)).toEqual({ socket: client, error });
  });
});

test("without a subscriber nothing is published", async () => {
  const names = [...SOCKETS, "error", "close"].map((name) => `tcp-udp-sockets:${name}`);
  const calls = [];
  for (const name of names) {
    const channel = diagnostics.channel(name);
    expect(channel.hasSubscribers).toBe(false);
    channel.publish = () => calls.push(name);
    defer(() => delete channel.publish);
  }
  const server = tcpServer();
  const client = expendable(new TCPSocket("127.0.0.1", server.localPort));
  track((await once(server, "connect")).connectedSocket).reset();
  await once(client, "close");
  udp().close();
  expect(calls).toEqual([]);
});

test("publishing takes no stream, counts no listener and keeps no process (R-diagnostics)", async () => {
  const { code, stdout, stderr } = await start(`
    const diagnostics = require("node:diagnostics_channel");
    const messages = [];
    for (const name of ["tcp.client.socket", "tcp.server.socket", "error", "close"]) {
      diagnostics.subscribe("tcp-udp-sockets:" + name, ({ socket }) => messages.push(name));
    }
    for (const event of ["start", "end", "asyncStart", "asyncEnd", "error"]) {
      diagnostics.subscribe("tracing:tcp-udp-sockets:connect:" + event, () => messages.push(event));
    }
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const client = new TCPSocket("127.0.0.1", server.localPort);
    server.onconnect = ({ connectedSocket }) => {
      connectedSocket.send("hello");
      server.close();
      connectedSocket.close();
    };
    client.onmessage = ({ data }) => console.log(new TextDecoder().decode(data));
    process.on("exit", () => console.log(messages.join(" ")));`).done;
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const [first, published] = stdout.split("\n");
  expect(first).toBe("hello");
  expect(published).toMatch(/^start tcp\.client\.socket end /);
  const rest = ["asyncEnd", "asyncStart", "close", "close", "close", "tcp.server.socket"];
  expect(published.split(" ").slice(3).sort()).toEqual(rest);
});

test("a subscriber that throws is an uncaught exception, and disturbs no socket", async () => {
  const result = await runJSON(`
    const diagnostics = require("node:diagnostics_channel");
    const uncaught = [];
    process.on("uncaughtException", ({ message }) => uncaught.push(message));
    const fail = (name) => () => { throw new Error(name); };
    for (const name of ["tcp.client.socket", "tcp.server.socket", "close"]) diagnostics.subscribe("tcp-udp-sockets:" + name, fail(name));
    for (const event of ["start", "end", "asyncStart", "asyncEnd"]) diagnostics.subscribe("tracing:tcp-udp-sockets:connect:" + event, fail(event));
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const client = new TCPSocket("127.0.0.1", server.localPort);
    const events = [];
    for (const type of ["open", "message", "close"]) client.addEventListener(type, () => events.push(type));
    server.onconnect = ({ connectedSocket }) => { connectedSocket.send("x"); connectedSocket.close(); server.close(); };
    client.addEventListener("close", () => setImmediate(() => report({ events, uncaught: uncaught.sort() })));`);
  expect(result.events).toEqual(["open", "message", "close"]);
  expect(result.uncaught).toEqual(expect.arrayContaining(["asyncEnd", "asyncStart", "close", "end", "start", "tcp.client.socket", "tcp.server.socket"]));
});

test("a runtime without diagnostics_channel works as well, and the module is asked for once, with the first socket", async () => {
  const result = await runJSON(`
    const Module = require("node:module");
    const { _load } = Module;
    let asked = 0;
    Module._load = (name, ...rest) => {
      if (name === "node:diagnostics_channel") { asked += 1; throw new Error("no such module"); }
      return _load(name, ...rest);
    };
    const { TCPSocket, TCPServerSocket } = require(${JSON.stringify(ROOT)});
    const { report } = require(${JSON.stringify(require.resolve("../helpers/report"))});
    const seen = [asked];
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    seen.push(asked);
    const client = new TCPSocket("127.0.0.1", server.localPort);
    server.onconnect = ({ connectedSocket }) => { connectedSocket.close(); server.close(); };
    client.onclose = () => report([...seen, asked]);`, { bare: true });
  expect(result).toEqual([0, 1, 1]);
});
