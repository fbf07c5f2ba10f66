"use strict";

// R-tls-end: close_notify, FIN without it, and the ends of both directions.

const net = require("node:net");
const { Worker } = require("node:worker_threads");
const { collect, dial, eventually, keep, listen, once, pattern, record, settle, sha256, tcp, track } = require("../helpers");
const { defer } = require("../helpers/cleanup");
const { authority } = require("../helpers/certificates");
const { dialTLSLater, listenTLS, opened, secureAccepted, secureBoth, secureClient, securePair, secureServer } = require("../helpers/tls");

const { ca, server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };
const trust = { ca: ca.cert };
const versions = ["TLSv1.2", "TLSv1.3"];

/**
 * A node:net relay before a port, through which TLS goes unseen. `cut()` ends the server's direction with a FIN without
 * close_notify, `reset()` both with RST; `bytes` counts what went from the server to the client.
 */
async function between(port) {
  const server = await listen({ allowHalfOpen: true });
  const state = { port: server.port, bytes: 0, joined: undefined };
  state.joined = server.next().then((front) => {
    const back = keep(net.connect({ port, host: "127.0.0.1", allowHalfOpen: true }));
    defer(() => front.destroy());
    front.on("data", (data) => back.write(data));
    front.on("end", () => back.end());
    back.on("data", (data) => {
      state.bytes += data.length;
      if (!state.isCut) {
        front.write(data);
      }
    });
    back.on("end", () => {
      if (!state.isCut) {
        front.end();
      }
    });
    return { front, back };
  });
  state.cut = async () => {
    const { front } = await state.joined;
    state.isCut = true;
    front.end();
  };
  state.reset = async () => {
    const { front } = await state.joined;
    state.isCut = true;
    front.resetAndDestroy();
  };
  /** What a FIN cuts off: the last bytes that come from the server. */
  state.dropFromNowOn = () => {
    state.isCut = true;
  };
  return state;
}

/** A client of ours, through between(), at a node:tls server; one word each way has been said. */
async function cuttable(options, version) {
  const server = await listenTLS({ ...own, minVersion: version, maxVersion: version, allowHalfOpen: true });
  const way = await between(server.port);
  const socket = tcp("127.0.0.1", way.port, { secureTransport: { ...trust }, ...options });
  const [peer] = await Promise.all([server.next(), opened(socket)]);
  return { socket, peer, way };
}

describe("R-tls-end: the peer ends with close_notify", () => {
  test.each(versions)("without a halfclose listener the socket closes, cleanly (%s)", async (version) => {
    const { socket, peer } = await securePair({ identity, secureTransport: trust, peer: { minVersion: version, maxVersion: version } });
    const log = record(socket, ["message", "error", "close"]);
    socket.send("a word");
    await once(peer, "data");
    peer.end("and out");
    await log.until("close");
    expect(log.types).toEqual(["message", "close"]);
    expect(socket.readyState).toBe("closed");
  });

  test.each(versions)("with one, halfclose fires behind the data and sending goes on (R-tcp-fin, %s)", async (version) => {
    const peerOptions = { minVersion: version, maxVersion: version, allowHalfOpen: true };
    const { socket, peer } = await securePair({ identity, secureTransport: trust, peer: peerOptions });
    const log = record(socket, ["message", "halfclose", "error", "close"]);
    const inbox = collect(peer);
    socket.send("a word");
    await inbox.until(6);
    peer.end("that was all");
    expect((await log.until("halfclose")).readyState).toBe("open");
    expect(log.types).toEqual(["message", "halfclose"]);
    socket.send(", and the answer");
    await inbox.until(22);
    socket.close();
    await log.until("close");
    expect(log.types).toEqual(["message", "halfclose", "close"]);
  });

  test("the end is told at close_notify: nobody waits for the FIN that may follow late", async () => {
    const { client, accepted } = await secureBoth({ server: own, client: trust });
    const log = record(client, ["halfclose", "error", "close"]);
    accepted.halfclose();
    await log.until("halfclose");
    const inbox = collect(accepted);
    client.send("still");
    await inbox.until(5);
    client.close();
    await log.until("close");
    expect(log.types).toEqual(["halfclose", "close"]);
  });

  test("unread bytes before it hold it back; the end comes after them (R-tcp-message)", async () => {
    const { socket, peer } = await securePair({ identity, secureTransport: trust });
    const log = record(socket, ["halfclose", "error", "close"]);
    socket.send("a word");
    await once(peer, "data");
    peer.end("unread");
    await settle();
    expect(log.types).toEqual([]);
    const inbox = collect(socket);
    await log.until("halfclose");
    expect(inbox.text()).toBe("unread");
  });

  test("with no unread bytes it is told at once, listener or not", async () => {
    const { socket, peer } = await securePair({ identity, secureTransport: trust });
    const closed = once(socket, "close");
    socket.send("a word");
    await once(peer, "data");
    peer.end();
    await closed;
  });
});

describe("R-tls-end: halfclose() and close() send close_notify, then FIN (R-tcp-halfclose)", () => {
  test.each(versions)("a node:tls peer sees a clean end, not a truncation (%s)", async (version) => {
    const { socket, peer } = await securePair({
      identity,
      secureTransport: trust,
      peer: { minVersion: version, maxVersion: version, allowHalfOpen: true },
    });
    const errors = [];
    peer.on("error", (error) => errors.push(error.code));
    const [inbox, back] = [collect(peer), collect(socket)];
    socket.send("the last");
    socket.halfclose();
    expect(socket.readyState).toBe("halfclosed");
    await inbox.end();
    expect(inbox.text()).toBe("the last");
    const closed = once(socket, "close");
    peer.end("answered");
    await closed;
    expect([back.text(), errors]).toEqual(["answered", []]);
  });

  test("the record before the FIN is an alert: close_notify is on the wire", async () => {
    const { socket, way } = await cuttable({}, "TLSv1.2");
    const { front } = await way.joined;
    const records = [];
    front.on("data", (data) => records.push(data));
    socket.close();
    await once(front, "end");
    // TLS 1.2 shows the type of a record: 21 is an alert.
    expect(Buffer.concat(records)[0]).toBe(21);
  });

  test("both at once, each with data under way", async () => {
    const { client, accepted } = await secureBoth({ server: own, client: trust });
    const logs = [client, accepted].map((socket) => record(socket, ["error", "close"]));
    const inboxes = [collect(client), collect(accepted)];
    for (const socket of [client, accepted]) {
      socket.addEventListener("halfclose", () => {});
      socket.send(pattern(200_000));
      socket.halfclose();
    }
    await Promise.all(logs.map((log) => log.until("close")));
    expect(logs.map(({ types }) => types)).toEqual([["close"], ["close"]]);
    expect(inboxes.map((inbox) => inbox.sha256())).toEqual([sha256(pattern(200_000)), sha256(pattern(200_000))]);
  });

  test("close() with data buffered flushes all of it first (R-tcp-close)", async () => {
    const { client, accepted } = await secureBoth({ server: own, client: trust });
    const inbox = collect(accepted);
    const closed = [once(client, "close", 10_000), once(accepted, "close", 10_000)];
    client.send(pattern(2_000_000));
    client.close();
    expect(client.readyState).toBe("closing");
    expect(client.bufferedAmount).toBeGreaterThan(0);
    await Promise.all(closed);
    expect([inbox.length, inbox.sha256()]).toEqual([2_000_000, sha256(pattern(2_000_000))]);
    expect(client.bufferedAmount).toBe(0);
  });

  test("close() while the peer goes on sending: it gets no reset, and loses nothing of ours", async () => {
    const { client, accepted } = await secureBoth({ server: own, client: trust });
    const inbox = collect(accepted);
    const log = record(accepted, ["halfclose", "error", "close"]);
    client.send("the last word");
    client.close();
    accepted.send(pattern(100_000));
    await log.until("halfclose");
    accepted.send(pattern(100_000));
    accepted.close();
    await log.until("close");
    expect(log.types).toEqual(["halfclose", "close"]);
    expect(inbox.text()).toBe("the last word");
  });
});

describe("R-tls-end: a FIN without close_notify is a lost connection", () => {
  test.each(versions)("ERR_TLS_TRUNCATED, error and close; what came before it is delivered first (%s)", async (version) => {
    const { socket, peer, way } = await cuttable({}, version);
    const log = record(socket, ["message", "halfclose", "error", "close"]);
    peer.write("all but the end");
    await log.until("message");
    await way.cut();
    await log.until("close");
    expect(log.types).toEqual(["message", "error", "close"]);
    const { error } = log.entries[1].event;
    expect(error).toMatchObject({ name: "NetworkError", code: "ERR_TLS_TRUNCATED", address: "127.0.0.1", port: way.port });
    expect(error.message).toMatch(/close_notify/);
  });

  test("with unread bytes before it too: they come first, once somebody listens", async () => {
    const { socket, peer, way } = await cuttable();
    const log = record(socket, ["error", "close"]);
    socket.suspend();
    const inbox = collect(socket);
    const { bytes } = way;
    peer.write("unread");
    await eventually(() => way.bytes > bytes, "the record on its way");
    await settle();
    await way.cut();
    await settle();
    expect(log.types).toEqual([]);
    socket.resume();
    await log.until("close");
    expect([inbox.text(), log.types]).toEqual(["unread", ["error", "close"]]);
  });

  test("half a record before it is no data: nothing of it is delivered", async () => {
    const server = await listenTLS(own);
    const front = await listen({ allowHalfOpen: true });
    const socket = secureClient(front.port, trust);
    const near = await front.next();
    const far = keep(net.connect(server.port, "127.0.0.1"));
    near.on("data", (data) => far.write(data));
    let limit = Infinity;
    far.on("data", (data) => {
      const part = data.subarray(0, Math.max(0, Math.min(data.length, limit)));
      limit -= part.length;
      near.write(part);
      if (limit <= 0) {
        near.end();
      }
    });
    const [peer] = await Promise.all([server.next(), opened(socket)]);
    socket.send("hello");
    await once(peer, "data");
    await settle();
    const log = record(socket, ["message", "error", "close"]);
    limit = 500;
    peer.write(Buffer.alloc(1000));
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error.code).toBe("ERR_TLS_TRUNCATED");
  });

  test("an accepted socket: the same", async () => {
    const server = secureServer(own);
    const connect = once(server, "connect");
    const way = await between(server.localPort);
    const peer = dialTLSLater(way.port);
    const [{ connectedSocket }] = await Promise.all([connect, once(peer, "secureConnect")]);
    const log = record(track(connectedSocket), ["message", "error", "close"]);
    const inbox = collect(peer);
    connectedSocket.send("a word");
    await inbox.until(6);
    const { back } = await way.joined;
    // The relay's own connection to our server ends, without what TLS ends with.
    back.end();
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error.code).toBe("ERR_TLS_TRUNCATED");
  });

  test("while halfclosed too: only closing forgives it", async () => {
    const { socket, way } = await cuttable();
    const log = record(socket, ["error", "close"]);
    socket.halfclose();
    await way.cut();
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error.code).toBe("ERR_TLS_TRUNCATED");
  });

  test("while closing it is an end like any other", async () => {
    const { socket, way } = await cuttable();
    const log = record(socket, ["error", "close"]);
    socket.close();
    await way.cut();
    await log.until("close");
    expect(log.types).toEqual(["close"]);
  });

  test("after close_notify came, FIN is nothing new", async () => {
    const { socket, peer, way } = await cuttable();
    const log = record(socket, ["halfclose", "error", "close"]);
    const inbox = collect(peer);
    socket.send("a word");
    await inbox.until(6);
    peer.end();
    await log.until("halfclose");
    await way.cut();
    await settle();
    expect(log.types).toEqual(["halfclose"]);
    expect(socket.readyState).toBe("open");
  });
});

describe("R-tcp-lost, R-reset: losses over TLS", () => {
  test("a reset is ECONNRESET: error, then close", async () => {
    const { socket, way } = await cuttable();
    const log = record(socket, ["error", "close"]);
    await way.reset();
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error).toMatchObject({ name: "NetworkError", code: "ECONNRESET" });
  });

  test("what came before a reset is delivered first where the system still has it", async () => {
    const { socket, peer, way } = await cuttable();
    const log = record(socket, ["message", "error", "close"]);
    socket.send("a word");
    await once(peer, "data");
    await new Promise((resolve) => {
      peer.write("before it", resolve);
    });
    await log.until("message");
    await way.reset();
    await log.until("close");
    expect(log.types).toEqual(["message", "error", "close"]);
  });

  test("reset(): RST at the peer, close and no error here, bufferedAmount keeps its count", async () => {
    const { client, accepted } = await secureBoth({ server: own, client: trust });
    const log = record(client, ["error", "close"]);
    const peer = record(accepted, ["error", "close"]);
    accepted.suspend();
    client.send(pattern(8_000_000));
    const { bufferedAmount } = client;
    client.reset();
    expect([client.readyState, client.bufferedAmount]).toEqual(["closed", bufferedAmount]);
    await log.until("close");
    accepted.resume();
    await peer.until("close");
    expect(log.types).toEqual(["close"]);
    expect(peer.types).toEqual(["error", "close"]);
    expect(peer.entries[0].event.error.code).toBe("ECONNRESET");
  });

  test("a peer that dies without a word (destroy) ends the connection with an error, once", async () => {
    const { socket, peer } = await secureAccepted({ secureTransport: own });
    const log = record(socket, ["message", "error", "close"]);
    peer.write("a word");
    await log.until("message");
    peer.destroy();
    await log.until("close");
    expect(log.types.filter((type) => type !== "message")).toEqual(expect.arrayContaining(["close"]));
    expect(log.count("close")).toBe(1);
    expect(log.count("error")).toBeLessThanOrEqual(1);
  });

  test("a loss behind a truncated end costs nothing while JavaScript cannot look", async () => {
    const server = secureServer(own);
    const connect = once(server, "connect");
    // In another thread: a node:tls client, through a relay that ends with FIN alone, and then with RST.
    const worker = new Worker(
      `const net = require("node:net");
       const tls = require("node:tls");
       const { parentPort, workerData: port } = require("node:worker_threads");
       const relay = net.createServer((front) => {
         const back = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
         front.pipe(back, { end: false });
         back.pipe(front);
         parentPort.once("message", () => {
           front.unpipe(back);
           back.end();
           setTimeout(() => back.resetAndDestroy(), 50);
         });
       });
       relay.listen(0, "127.0.0.1", () => {
         tls.connect({ port: relay.address().port, rejectUnauthorized: false }, () => parentPort.postMessage("open"));
       });`,
      { eval: true, workerData: server.localPort },
    );
    defer(() => worker.terminate());
    const open = new Promise((resolve) => worker.once("message", resolve));
    const socket = track((await connect).connectedSocket);
    const log = record(socket, ["error", "close"]);
    await open;
    worker.postMessage("cut");
    const before = process.cpuUsage();
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(300);
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error.code).toBe("ERR_TLS_TRUNCATED");
  });

  test("a socket of a dead listener is refused as without TLS: ECONNREFUSED", async () => {
    const gone = await dial((await listen()).port);
    const socket = secureClient(gone.localPort, trust);
    const { error } = await once(socket, "error");
    expect(error.code).toBe("ECONNREFUSED");
  });
});
