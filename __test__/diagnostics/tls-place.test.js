"use strict";

// The channel tcp-udp-sockets:tls.place: in which place a TLS connection is driven, and each move to the other one (R-diagnostics). The place is
// forced in child processes.

const { runJSON } = require("../helpers");

jest.setTimeout(60_000);

const PRELUDE = `
  const diagnostics = require("node:diagnostics_channel");
  const { authority } = require(${JSON.stringify(require.resolve("../helpers/certificates"))});
  const { ca, server: { cert, key } } = authority();
  const own = { cert, key };
  const trusting = { ca: ca.cert, sni: "localhost" };
  const fail = (error) => { console.error(error); process.exit(1); };
  const published = [];
  const take = (message) => published.push({ ...message });
  const placesOf = (socket) => published.filter((message) => message.socket === socket).map(({ place }) => place);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  async function until(condition) {
    for (const end = Date.now() + 20_000; !condition(); await pause(5)) {
      if (Date.now() > end) fail(new Error("it never happens: " + JSON.stringify(published.map(({ place }) => place))));
    }
  }
  const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: own });
  /** What was known of an accepted socket when its connect event fired. */
  const early = [];
  const accepted = [];
  server.onconnect = ({ connectedSocket }) => {
    accepted.push(connectedSocket);
    early.push(placesOf(connectedSocket).length > 0);
    connectedSocket.onmessage = ({ data }) => new Uint8Array(data).at(-1) === 97 && connectedSocket.send("a");
  };
  const open = async () => {
    const socket = new TCPSocket("127.0.0.1", server.localPort, { secureTransport: trusting });
    await once(socket, "open");
    await until(() => accepted.length > 0);
    return [socket, accepted[0]];
  };
  const ping = async (socket) => {
    socket.send("a");
    await once(socket, "message");
  };
  /** Sends much in one direction, zeros, so that the receiver is in bulk. */
  async function bulk(socket) {
    const piece = new Uint8Array(1 << 20);
    for (let n = 0; n < 64; n++) {
      if (!socket.send(piece)) await once(socket, "drain");
    }
  }
`;

const run = (place, script) =>
  runJSON(`${PRELUDE} (async () => { ${script} process.exit(0); })().catch(fail);`, {
    env: { TCP_UDP_SOCKETS_TLS: place },
    timeout: 40_000,
  });

const SUBSCRIBE = 'diagnostics.subscribe("tcp-udp-sockets:tls.place", take);';

test.each(["turn", "task"])("forced to the %s, each connection stays there once it is established", async (place) => {
  const result = await run(
    place,
    `${SUBSCRIBE}
    const [client, peer] = await open();
    await ping(client);
    await bulk(client);
    await ping(client);
    report([placesOf(client).at(-1), placesOf(peer).at(-1), placesOf(client).length <= 2, placesOf(peer).length <= 2, early]);`,
  );
  expect(result).toEqual([place, place, true, true, [true]]);
});

test("a connection that goes into bulk moves to a task, and back when it is quiet", async () => {
  const { first, later, alternates } = await run(
    "both",
    `${SUBSCRIBE}
    const [client, peer] = await open();
    await ping(client);
    await until(() => placesOf(peer).at(-1) === "turn");
    const first = placesOf(peer).length;
    await bulk(client);
    await until(() => placesOf(peer).at(-1) === "task");
    // The bulk may end after the move, so the pings that follow count.
    while (placesOf(peer).at(-1) !== "turn") await ping(client);
    const places = placesOf(peer);
    report({ first: places.slice(0, first), later: places.slice(first, first + 2), alternates: places.every((place, at) => place !== places[at - 1]) });`,
  );
  expect(first.at(-1)).toBe("turn");
  expect(later).toEqual(["task", "turn"]);
  expect(alternates).toBe(true);
});

test("connect() and startTls() publish it, too, before their promises are fulfilled", async () => {
  const result = await run(
    "task",
    `${SUBSCRIBE}
    const one = await connect("127.0.0.1", server.localPort, { secureTransport: trusting });
    const counts = [placesOf(one)];
    const plain = new TCPSocket("127.0.0.1", server.localPort, { secureTransport: "starttls" });
    await once(plain, "open");
    counts.push(placesOf(plain));
    await plain.startTls(trusting);
    counts.push(placesOf(plain));
    report(counts);`,
  );
  expect(result).toEqual([["task"], [], ["task"]]);
});

test("a connection whose handshake was done without a subscriber is not followed, and publishing changes no figure", async () => {
  const result = await run(
    "both",
    `const [client, peer] = await open();
    ${SUBSCRIBE}
    await bulk(client);
    await ping(client);
    await until(() => peer.bytesRead === (64 << 20) + 1);
    report([published.length, client.bytesWritten === peer.bytesRead, client.bytesRead]);`,
  );
  expect(result).toEqual([0, true, 1]);
});

test("what a subscriber throws is an uncaught exception, and the connection goes on", async () => {
  const result = await run(
    "both",
    `const thrown = [];
    process.on("uncaughtException", (error) => thrown.push(error.message));
    diagnostics.subscribe("tcp-udp-sockets:tls.place", () => { throw new Error("by a subscriber"); });
    const [client] = await open();
    await ping(client);
    await pause(20);
    report([thrown.length > 0, thrown.every((message) => message === "by a subscriber"), client.readyState]);`,
  );
  expect(result).toEqual([true, true, "open"]);
});
