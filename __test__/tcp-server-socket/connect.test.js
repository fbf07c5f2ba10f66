"use strict";

const {
  families,
  track,
  expendable,
  tcpServer,
  acceptedPair,
  dial,
  once,
  record,
  collect,
  settle,
  hasIPv6,
  text,
  pattern,
  sha256,
} = require("../helpers");

const testIPv6 = hasIPv6 ? test : test.skip;
const PATIENT = 20_000;

test.each(families)("$name: a connection fires a ConnectEvent with a connectedSocket (draft: new successful connection)", async ({ Socket, serve, dial }) => {
  const server = serve();
  const connect = once(server, "connect");
  await dial(server);
  const event = await connect;
  track(event.connectedSocket);
  expect(event).toBeInstanceOf(Event);
  expect(Object.prototype.toString.call(event)).toBe("[object ConnectEvent]");
  expect(event.type).toBe("connect");
  expect(event.target).toBe(server);
  expect(event.bubbles).toBe(false);
  expect(event.cancelable).toBe(false);
  expect(event.connectedSocket).toBeInstanceOf(Socket);
  expect(event.connectedSocket).toBe(event.connectedSocket);
});

test("connectedSocket is open, with the addresses and ports of both ends and nothing buffered (draft, R-srv-connect)", async () => {
  const { server, socket, peer } = await acceptedPair();
  expect(socket.readyState).toBe("open");
  expect(socket.remoteAddress).toBe("127.0.0.1");
  expect(socket.remotePort).toBe(String(peer.localPort));
  expect(socket.localAddress).toBe("127.0.0.1");
  expect(socket.localPort).toBe(server.localPort);
  expect(socket.bufferedAmount).toBe(0);
  expect(socket.hasRef()).toBe(true);
});

test.each(families)("$name: its open event does not fire (R-srv-connect)", async ({ serve, dial }) => {
  const server = serve();
  let log;
  server.onconnect = ({ connectedSocket }) => {
    log = record(track(connectedSocket), ["open", "error", "close"]);
  };
  await dial(server);
  await settle();
  expect(log.types).toEqual([]);
});

test("the addresses are those of the connection, not of the server (draft, R-srv-connect)", async () => {
  const { socket } = await acceptedPair({ options: { localAddress: "0.0.0.0" } });
  expect(socket.localAddress).toBe("127.0.0.1");
  expect(socket.remoteAddress).toBe("127.0.0.1");
});

testIPv6("on a dual-stack server an IPv4 client is reported as IPv4, an IPv6 one as IPv6 (R-address)", async () => {
  const server = tcpServer({ localAddress: "::" });
  for (const host of ["127.0.0.1", "::1"]) {
    const connect = once(server, "connect");
    await dial(server.localPort, { host });
    const { connectedSocket } = await connect;
    track(connectedSocket);
    expect(connectedSocket.remoteAddress).toBe(host);
    expect(connectedSocket.localAddress).toBe(host);
  }
});

test.each(families)("$name: the draft's echo server echoes (draft example)", async ({ serve, connectTo }) => {
  const server = serve();
  server.onconnect = (connectEvent) => {
    const { connectedSocket } = connectEvent;
    track(connectedSocket);
    connectedSocket.onmessage = (messageEvent) => {
      connectedSocket.send(messageEvent.data);
    };
  };
  const client = connectTo(server);
  const answer = once(client, "message");
  client.onopen = () => client.send("Hello World");
  expect(text((await answer).data)).toBe("Hello World");
});

describe("what the client sent early", () => {
  test.each(families)("$name: waits for a listener added in the connect handler (R-srv-connect)", async ({ serve, dial }) => {
    const server = serve();
    const peer = await dial(server);
    peer.write("early");
    await settle();
    const { connectedSocket } = await once(server, "connect");
    const inbox = collect(track(connectedSocket));
    await inbox.until(5);
    expect(inbox.text()).toBe("early");
  });

  test.each(families)("$name: waits for a listener added after an await (R-srv-connect)", async ({ serve, dial }) => {
    const server = serve();
    const peer = await dial(server);
    peer.end("early");
    const { connectedSocket } = await once(server, "connect");
    const log = record(track(connectedSocket), ["halfclose", "error"]);
    await settle();
    expect(log.types).toEqual([]);
    const inbox = collect(connectedSocket);
    await log.until("halfclose");
    expect(inbox.text()).toBe("early");
  });
});

test("connections wait for the first connect listener (R-listen)", async () => {
  const server = tcpServer();
  const peers = [await dial(server.localPort), await dial(server.localPort), await dial(server.localPort)];
  await settle();
  const ports = [];
  server.onconnect = ({ connectedSocket }) => ports.push(track(connectedSocket).remotePort);
  await settle();
  expect(ports).toEqual(peers.map((peer) => String(peer.localPort)));
});

test("await once(server, 'connect') in a loop loses no connection, and takes them in order (R-listen)", async () => {
  const server = tcpServer();
  const peers = [];
  for (let i = 0; i < 10; i++) {
    peers.push(await dial(server.localPort));
  }
  const ports = [];
  for (let i = 0; i < 10; i++) {
    const { connectedSocket } = await once(server, "connect");
    ports.push(track(connectedSocket).remotePort);
    if (i % 3 === 0) {
      await settle(5);
    }
  }
  expect(ports).toEqual(peers.map((peer) => String(peer.localPort)));
});

test.each(families)("$name: after the last listener is removed connections wait again (R-listen)", async ({ serve, dial }) => {
  const server = serve();
  const log = record(server, ["connect"]);
  await dial(server);
  await log.until("connect");
  log.stop();
  await dial(server);
  await settle();
  expect(log.count("connect")).toBe(1);
  const { connectedSocket } = await once(server, "connect");
  expect(connectedSocket.readyState).toBe("open");
  track(connectedSocket);
  track(log.entries[0].event.connectedSocket);
});

test.each(families)("$name: 500 clients at once are all served, each with its own socket (draft: new successful connection)", async ({ serve, dialLater }) => {
  const server = serve({ backlog: 1024 });
  const sockets = [];
  server.onconnect = ({ connectedSocket }) => {
    sockets.push(track(connectedSocket));
    connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
  };
  const answers = await Promise.all(
    Array.from({ length: 500 }, async (_, i) => {
      const peer = dialLater(server);
      await once(peer, "connect", PATIENT);
      const inbox = collect(peer);
      peer.write(`client ${i}`);
      await inbox.until(`client ${i}`.length, PATIENT);
      return inbox.text();
    }),
  );
  expect(answers).toEqual(Array.from({ length: 500 }, (_, i) => `client ${i}`));
  expect(new Set(sockets).size).toBe(500);
}, PATIENT);

test("a client that is gone before it is accepted is a socket that ends, or none; the server goes on (R-srv-error)", async () => {
  const server = tcpServer();
  const gone = await dial(server.localPort);
  gone.resetAndDestroy();
  await settle();
  const log = record(server, ["connect", "error"]);
  server.addEventListener("connect", ({ connectedSocket }) => expendable(connectedSocket));
  await dial(server.localPort);
  await log.atLeast(1, "connect");
  await settle();
  expect(server.readyState).toBe("open");
});

describe("options for accepted sockets", () => {
  test.each(families)("$name: highWaterMark (extensions TCPServerOptions)", async ({ acceptedPair }) => {
    const { socket } = await acceptedPair({ options: { highWaterMark: 3 } });
    expect(socket.send("abc")).toBe(true);
    expect(socket.send("d")).toBe(false);
  });

  test.each(families)("$name: highWaterMark is 65,536 unless said (extensions TCPServerOptions)", async ({ acceptedPair }) => {
    const { socket } = await acceptedPair();
    expect(socket.send(new Uint8Array(65_536))).toBe(true);
    expect(socket.send("x")).toBe(false);
  });

  test.each(families)("$name: allowHalfOpen: true keeps them open at the client's FIN (extensions TCPServerOptions, R-tcp-fin)", async ({ acceptedPair }) => {
    const { socket, peer } = await acceptedPair({ options: { allowHalfOpen: true }, peer: { allowHalfOpen: true } });
    const inbox = collect(peer);
    peer.end();
    await settle();
    expect(socket.readyState).toBe("open");
    socket.send("still here");
    await inbox.until(10);
  });

  test.each(families)("$name: allowHalfOpen absent: without a halfclose listener they close with the client (R-tcp-fin)", async ({ acceptedPair }) => {
    const { socket, peer } = await acceptedPair();
    const log = record(socket, ["close", "error"]);
    peer.end();
    await log.until("close");
    expect(log.types).toEqual(["close"]);
  });

  test.each(families)("$name: noDelay (extensions TCPServerOptions)", async ({ acceptedPair }) => {
    const { socket, peer } = await acceptedPair({ options: { noDelay: false } });
    const inbox = collect(peer);
    socket.send("hello");
    await inbox.until(5);
  });
});

test.each(families)("$name: a server and a client socket of this package move 16 MiB to each other (draft)", async ({ serve, connectTo }) => {
  const server = serve();
  const connect = once(server, "connect");
  const client = connectTo(server);
  const [{ connectedSocket }] = await Promise.all([connect, once(client, "open")]);
  track(connectedSocket);
  const bytes = pattern(16 * 1024 * 1024);
  const inboxes = [collect(client), collect(connectedSocket)];
  client.send(bytes);
  connectedSocket.send(new Blob([bytes]));
  await Promise.all(inboxes.map((inbox) => inbox.until(bytes.length, PATIENT)));
  expect(inboxes.map((inbox) => inbox.sha256())).toEqual([sha256(bytes), sha256(bytes)]);
}, PATIENT);
