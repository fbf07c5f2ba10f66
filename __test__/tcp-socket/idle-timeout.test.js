"use strict";

// idleTimeout (R-idle), over TCP, Unix sockets and TLS; and userTimeout (operations TCPOptions).

const {
  acceptedPair, expectIsDOMException, families, listen, once, pattern, record, settle, sleep, tcpPair, tcpServer, track,
} = require("../helpers");
const { authority } = require("../helpers/certificates");
const { inNamespace, namespaceTest, setups } = require("../helpers/netns");
const { secureAccepted, secureBoth } = require("../helpers/tls");
const { expendable, tcp } = require("../helpers/sockets");
const { relay } = require("../..");

const { ca, server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };

/** The limit of most tests, in ms. */
const IDLE = 250;
const MIB = 1024 * 1024;

/**
 * Waits for the loss by idleTimeout, and checks the events. Returns the time since `start`.
 *
 * @param {ReturnType<typeof record>} log of `error` and `close`
 * @param {number} start performance.now()
 */
async function expectIdle(log, start, milliseconds = IDLE) {
  const { event, readyState } = await log.until("error");
  const after = performance.now() - start;
  expect(readyState).toBe("closed");
  expectIsDOMException(event.error, "NetworkError", "ETIMEDOUT");
  expect(event.error.message).toMatch(new RegExp(`no byte came or went for idleTimeout \\(${milliseconds} ms\\)`));
  await log.until("close");
  expect(log.types).toEqual(["error", "close"]);
  return after;
}

describe.each(families)("idleTimeout of a $name (R-idle)", ({ pair, acceptedPair: accept, seesReset, name }) => {
  test("the connection is lost and reset when no byte comes or goes for so long: error, close", async () => {
    const start = performance.now();
    const { socket, peer } = await pair({ options: { idleTimeout: IDLE } });
    const reset = seesReset(peer.resume());
    const log = record(socket, ["error", "close"]);
    expect(await expectIdle(log, start)).toBeGreaterThanOrEqual(IDLE);
    await reset;
  });

  test("each byte that is sent or received starts it again", async () => {
    const { socket, peer } = await pair({ options: { idleTimeout: IDLE } });
    socket.onmessage = () => {};
    peer.resume();
    const log = record(socket, ["error", "close"]);
    let last = 0;
    for (const [one, other] of [[socket, "send"], [peer, "write"], [socket, "send"], [peer, "write"]]) {
      await sleep(IDLE * 0.6);
      one[other]("x");
      last = performance.now();
    }
    expect(log.types).toEqual([]);
    expect(await expectIdle(log, last)).toBeGreaterThanOrEqual(IDLE - 1);
  });

  test("an accepted socket has its server's; 0 is none", async () => {
    const start = performance.now();
    const { socket } = await accept({ options: { idleTimeout: IDLE } });
    await expectIdle(record(socket, ["error", "close"]), start);
    const { socket: endless } = await accept({ options: { idleTimeout: 0 } });
    await sleep(IDLE * 2);
    expect(endless.readyState).toBe("open");
  });

  test("suspended or without a listener: bytes that the system holds do not count, and the loss does not wait for them", async () => {
    for (const make of [(socket) => socket.suspend(), () => {}]) {
      const { socket, peer } = await pair({ options: { idleTimeout: IDLE } });
      if (make) make(socket);
      const start = performance.now();
      peer.on("error", () => {});
      peer.write("unread");
      const log = record(socket, ["error", "close"]);
      await expectIdle(log, start);
    }
  });

  test("a flush to a peer that reads nothing is idle too, also while closing", async () => {
    for (const end of ["", "close"]) {
      const { socket, peer } = await pair({ options: { idleTimeout: IDLE } });
      peer.pause();
      peer.on("error", () => {});
      socket.send(pattern(16 * MIB));
      if (end) socket[end]();
      const log = record(socket, ["error", "close"]);
      await expectIdle(log, performance.now());
    }
  });

  test("setOptions() sets it, makes it shorter or longer, and takes it away; the time since the last byte counts (R-live)", async () => {
    const { socket } = await pair();
    const log = record(socket, ["error", "close"]);
    socket.setOptions({ idleTimeout: 100 });
    socket.setOptions({ idleTimeout: 0 });
    await sleep(200);
    socket.setOptions({ idleTimeout: 10_000 });
    await sleep(IDLE * 1.2);
    expect(log.types).toEqual([]);
    const start = performance.now();
    socket.setOptions({ idleTimeout: IDLE });
    // It has passed already.
    expect(await expectIdle(log, start)).toBeLessThan(IDLE);
  });

  test("close() of an idle connection is no loss, however long the peer takes to end", async () => {
    const { socket, peer } = await pair({ options: { idleTimeout: IDLE }, peer: { allowHalfOpen: true } });
    const log = record(socket, ["error", "close"]);
    peer.resume();
    socket.close();
    await sleep(IDLE * 2);
    peer.end();
    await log.until("close");
    expect(log.types).toEqual(["close"]);
    expect(name).toMatch(/Socket$/);
  });
});

describe("idleTimeout and TLS (R-idle)", () => {
  test("it begins at `open`, after the handshake, and bytes of both directions start it again", async () => {
    const { client, accepted } = await secureBoth({ server: own, client: { ca: ca.cert }, clientOptions: { idleTimeout: IDLE } });
    accepted.onmessage = () => {};
    client.onmessage = () => {};
    accepted.onerror = () => {};
    const log = record(client, ["error", "close"]);
    await sleep(IDLE * 0.6);
    client.send("x");
    await sleep(IDLE * 0.6);
    accepted.send("x");
    const last = performance.now();
    await sleep(IDLE * 0.6);
    expect(log.types).toEqual([]);
    expect(await expectIdle(log, last)).toBeGreaterThanOrEqual(IDLE - 1);
  });

  test("a server's holds for its sockets", async () => {
    const { socket, peer } = await secureAccepted({ secureTransport: own, options: { idleTimeout: IDLE }, peer: { ca: ca.cert } });
    peer.on("error", () => {});
    await expectIdle(record(socket, ["error", "close"]), performance.now());
  });

  test("a slow handshake does not count: the limit begins at `open`", async () => {
    const silent = await listen();
    const client = expendable(tcp("127.0.0.1", silent.port, { idleTimeout: IDLE, connectTimeout: 60_000, secureTransport: "on" }));
    const log = record(client, ["error", "close"]);
    await sleep(IDLE * 2);
    expect(log.types).toEqual([]);
    expect(client.readyState).toBe("connecting");
  });
});

describe("idleTimeout and relay() (R-idle, R-relay)", () => {
  /** A relay between two peers, in a task or (with TLS on one side) in turns. */
  async function relayed(options, isSecure) {
    const first = isSecure
      ? await secureAccepted({ secureTransport: own, options, peer: { ca: ca.cert } })
      : await acceptedPair({ options });
    const second = await tcpPair();
    const outcome = relay(first.socket, second.socket).catch((error) => error);
    return { a: first.peer, b: second.peer, outcome };
  }

  test.each([["in a task", false], ["in turns, with TLS", true]])("%s: bytes that pass keep it alive; then both are lost", async (_, isSecure) => {
    const { a, b, outcome } = await relayed({ idleTimeout: IDLE }, isSecure);
    for (const peer of [a, b]) peer.resume().on("error", () => {});
    let settled = false;
    outcome.then(() => {
      settled = true;
    });
    for (const from of [a, b, a, b]) {
      await sleep(IDLE * 0.6);
      from.write("x");
    }
    await settle();
    expect(settled).toBe(false);
    const start = performance.now();
    const error = await outcome;
    expectIsDOMException(error, "NetworkError", "ETIMEDOUT");
    expect(performance.now() - start).toBeGreaterThanOrEqual(IDLE - 60);
  });
});

describe("userTimeout (operations TCPOptions)", () => {
  namespaceTest("sent bytes that stay unacknowledged for so long end the connection (ETIMEDOUT), a client's and an accepted socket's", async () => {
    const result = await inNamespace(
      `const server = new TCPServerSocket({ userTimeout: 1500 });
      const accepted = once(server, "connect");
      const client = new TCPSocket(HERE, server.localPort, { userTimeout: 1500, localAddress: "127.0.0.1" });
      const { connectedSocket } = await accepted;
      await client.opened;
      const cut = Date.now();
      execFileSync("ip", ["link", "set", "lo", "down"]);
      const outcomes = await Promise.all([client, connectedSocket].map((socket) => {
        socket.send("into the void");
        return socket.closed.then(() => "closed", ({ name, code }) => ({ name, code, after: Date.now() - cut }));
      }));
      report(outcomes);
      process.exit(0);`,
      { setup: setups.link, timeout: 35_000 },
    );
    for (const outcome of result) {
      expect(outcome).toMatchObject({ name: "NetworkError", code: "ETIMEDOUT" });
      expect(outcome.after).toBeGreaterThanOrEqual(1_400);
      expect(outcome.after).toBeLessThan(10_000);
    }
  }, 40_000);
});

test("a server with TLS takes all limits for its sockets", async () => {
  const server = tcpServer({ secureTransport: own, idleTimeout: 60_000, keepAliveDelay: 1000 });
  const client = tcp("127.0.0.1", server.localPort, { secureTransport: { ca: ca.cert } });
  const [{ connectedSocket }] = await Promise.all([once(server, "connect"), once(client, "open")]);
  track(connectedSocket).setOptions({ idleTimeout: IDLE });
  client.onerror = () => {};
  await expectIdle(record(connectedSocket, ["error", "close"]), performance.now());
});
