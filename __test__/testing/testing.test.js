"use strict";

// tcp-udp-sockets/testing: openSockets(), closeAll() and socketPair().

const net = require("node:net");
const { TCPServerSocket, TCPSocket, UDPSocket, datagrams, hasIPv6, listen, once, record, runJSON, settle, start, tcpServer, text, track, udp } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { defer } = require("../helpers/cleanup");
const { UnixServerSocket, socketPath, unix, unixTest } = require("../helpers/unix");
const { closeAll, openSockets, socketPair } = require("../../testing");
const { connect, relay } = require("../..");

const { ca, server: certificate } = authority();

afterEach(async () => {
  await closeAll();
  expect(openSockets()).toHaveLength(0);
});

const isEach = (found, expected) => found.length === expected.length && found.every((socket, index) => socket === expected[index]);

describe("openSockets()", () => {
  test("gives what is not closed, in the order of opening", async () => {
    expect(openSockets()).toEqual([]);
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const first = new UDPSocket({ localAddress: "127.0.0.1" });
    const client = new TCPSocket("127.0.0.1", server.localPort);
    expect(isEach(openSockets(), [server, first, client])).toBe(true);
    const [{ connectedSocket }] = await Promise.all([once(server, "connect"), once(client, "open")]);
    const last = new UDPSocket();
    expect(isEach(openSockets(), [server, first, client, connectedSocket, last])).toBe(true);
    first.close();
    const second = new UDPSocket();
    expect(isEach(openSockets(), [server, client, connectedSocket, last, second])).toBe(true);
    server.close();
    client.reset();
    expect(isEach(openSockets(), [connectedSocket, last, second])).toBe(true);
    connectedSocket.onerror = () => {};
  });

  test("gives a new array each time, without sockets that could not be opened", () => {
    expect(() => new TCPServerSocket({ localAddress: "no address" })).toThrow("address");
    expect(openSockets()).not.toBe(openSockets());
    const socket = new UDPSocket();
    openSockets().pop();
    expect(isEach(openSockets(), [socket])).toBe(true);
  });

  test("has a socket that closes, until it is closed", async () => {
    const { port, next } = await listen({ host: "127.0.0.1", allowHalfOpen: true });
    const client = new TCPSocket("127.0.0.1", port);
    await Promise.all([once(client, "open"), next()]);
    client.close();
    expect(client.readyState).toBe("closing");
    expect(isEach(openSockets(), [client])).toBe(true);
  });

  test("does not have sockets of another package instance", async () => {
    let other;
    jest.isolateModules(() => {
      other = require("../../testing");
    });
    const [mine] = await socketPair();
    expect(other.openSockets()).toEqual([]);
    await other.closeAll();
    expect(mine.readyState).toBe("open");
  });
});

describe("closeAll()", () => {
  test("closes everything, whatever its state, and waits for the end", async () => {
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const connecting = new TCPSocket("127.0.0.1", server.localPort);
    const [a, b] = await socketPair();
    const [c, d] = await socketPair();
    const [suspended, closing] = await socketPair();
    relay(c, d).catch(() => {});
    suspended.suspend();
    closing.send(new Uint8Array(100_000));
    closing.close();
    a.send("never read");
    const bound = new UDPSocket({ localAddress: "127.0.0.1" });
    const all = [server, connecting, a, b, c, d, suspended, closing, bound];
    const log = record(a, ["close", "error"]);
    expect(await closeAll()).toBeUndefined();
    expect(all.map(({ readyState }) => readyState)).toEqual(all.map(() => "closed"));
    expect(log.types).toEqual(["close"]);
    new UDPSocket({ localAddress: "127.0.0.1", localPort: bound.localPort }).close();
    new TCPServerSocket({ localAddress: "127.0.0.1", localPort: server.localPort }).close();
  });

  test("is fulfilled at once where nothing is open", async () => {
    await closeAll();
  });

  test("prints no warning for a socket that is connecting, and nobody's error", async () => {
    const { code, stderr } = await start(`
      const { closeAll } = require(${JSON.stringify(require.resolve("../../testing"))});
      const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
      new TCPSocket("127.0.0.1", server.localPort);
      closeAll().then(() => console.log("done"));`).done;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  });

  test("resets: a peer elsewhere sees it at once", async () => {
    const { port, next } = await listen({ host: "127.0.0.1", allowHalfOpen: true });
    const client = new TCPSocket("127.0.0.1", port);
    const [peer] = await Promise.all([next(), once(client, "open")]);
    const lost = once(peer, "error");
    await closeAll();
    expect((await lost).code).toBe("ECONNRESET");
  });

  test("sends what a UDPSocket has buffered first, also of one that was closed before", async () => {
    const peer = await datagrams();
    const [one, two] = [new UDPSocket({ localAddress: "127.0.0.1" }), new UDPSocket({ localAddress: "127.0.0.1" })];
    one.send("one", peer.host, peer.port);
    two.send("two", peer.host, peer.port);
    two.close();
    await closeAll();
    const arrived = [await peer.next(), await peer.next()].map(({ data }) => text(data)).sort();
    expect(arrived).toEqual(["one", "two"]);
  });

  test("ends connects in progress, at every stage", async () => {
    const hole = net.createServer().listen(0, "127.0.0.1");
    await once(hole, "listening");
    defer(() => hole.close());
    hole.on("connection", (socket) => {
      defer(() => socket.destroy());
      socket.on("error", () => {});
    });
    const { port } = hole.address();
    const attempts = [
      // A look-up that never answers, a TCP attempt that has just begun, and a TLS handshake that gets no answer.
      connect("localhost", port, { lookup: () => new Promise(() => {}) }),
      connect("127.0.0.1", port),
      connect("127.0.0.1", port, { secureTransport: { rejectUnauthorized: false } }),
    ].map((promise) => promise.then(() => "connected", (error) => [error.name, error.code, error.message]));
    const connected = once(hole, "connection");
    const ending = closeAll();
    const aborted = ["NetworkError", "ECONNABORTED", "connect(): closeAll() was called"];
    expect(await Promise.all(attempts)).toEqual([aborted, aborted, aborted]);
    await ending;
    await connected.catch(() => {});
    const secure = connect("127.0.0.1", port, { secureTransport: { rejectUnauthorized: false } }).catch((error) => error.code);
    await once(hole, "connection");
    await settle();
    await closeAll();
    expect(await secure).toBe("ECONNABORTED");
    expect(openSockets()).toEqual([]);
  });

  test("called again while it runs, both are fulfilled", async () => {
    const [a] = await socketPair();
    const ends = [closeAll(), closeAll()];
    let third;
    a.onclose = () => {
      third = closeAll();
    };
    await Promise.all(ends);
    await third;
    expect(a.readyState).toBe("closed");
  });

  test("may be called in handlers, also of `error`", async () => {
    const [a, b] = await socketPair();
    const closed = new Promise((resolve) => {
      a.onerror = () => resolve(closeAll());
    });
    b.reset();
    await closed;
    expect(a.readyState).toBe("closed");
  });

  test("closes what handlers open meanwhile, and what a server still delivers", async () => {
    const opened = [];
    const [a] = await socketPair();
    a.onclose = () => opened.push(new UDPSocket());
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const peer = net.connect(server.localPort, "127.0.0.1");
    defer(() => peer.destroy());
    peer.on("error", () => {});
    await once(peer, "connect");
    server.onconnect = ({ connectedSocket }) => opened.push(connectedSocket);
    await closeAll();
    expect(opened.map(({ readyState }) => readyState)).toEqual(opened.map(() => "closed"));
    expect(opened.length).toBeGreaterThan(0);
  });

  test("calls the package's own methods, whatever a program has put in front", async () => {
    class Mine extends UDPSocket {
      close() {
        throw new Error("not this one");
      }

      get closed() {
        throw new Error("nor this");
      }
    }
    const socket = new Mine();
    await closeAll();
    expect(socket.readyState).toBe("closed");
  });

  unixTest("closes Unix sockets and removes their files", async () => {
    const path = socketPath();
    const server = new UnixServerSocket({ path });
    const client = unix(path);
    const { connectedSocket } = await once(server, "connect");
    expect(isEach(openSockets(), [server, client, connectedSocket])).toBe(true);
    await closeAll();
    expect([server, client, connectedSocket].map(({ readyState }) => readyState)).toEqual(["closed", "closed", "closed"]);
    expect(require("node:fs").existsSync(path)).toBe(false);
  });

  test("ends in a worker and with fake timers, too", async () => {
    jest.useFakeTimers();
    try {
      const [a] = await socketPair();
      await closeAll();
      expect(a.readyState).toBe("closed");
    } finally {
      jest.useRealTimers();
    }
    const seen = await runJSON(`
      const { Worker } = require("node:worker_threads");
      const testing = ${JSON.stringify(require.resolve("../../testing"))};
      const worker = new Worker(\`
        const { closeAll, openSockets, socketPair } = require(\${JSON.stringify(testing)});
        socketPair().then(async () => {
          const open = openSockets().length;
          await closeAll();
          require("node:worker_threads").parentPort.postMessage([open, openSockets().length]);
        });\`, { eval: true });
      worker.on("message", report);`);
    expect(seen).toEqual([2, 0]);
  });
});

describe("socketPair()", () => {
  test("gives two ends of one connection, both open, and leaves no server behind", async () => {
    const pair = await socketPair();
    expect(pair).toHaveLength(2);
    const [client, accepted] = pair;
    expect([client.readyState, accepted.readyState]).toEqual(["open", "open"]);
    expect(isEach(openSockets(), [client, accepted])).toBe(true);
    expect([accepted.localPort, accepted.remotePort]).toEqual([Number(client.remotePort), String(client.localPort)]);
    expect(client.remoteAddress).toBe("127.0.0.1");
    client.send("to the accepted one");
    expect(text((await once(accepted, "message")).data)).toBe("to the accepted one");
    accepted.send("to the client");
    expect(text((await once(client, "message")).data)).toBe("to the client");
  });

  test("takes the options of both constructors", async () => {
    const [client, accepted] = await socketPair({ client: { highWaterMark: 0 }, server: { highWaterMark: 1_000_000 } });
    expect(client.send("x")).toBe(false);
    expect(accepted.send("x")).toBe(true);
    if (hasIPv6) {
      const [six] = await socketPair({ server: { localAddress: "::" } });
      expect(six.remoteAddress).toBe("::1");
    }
  });

  test("does a TLS handshake", async () => {
    const [client, accepted] = await socketPair({
      client: { secureTransport: { ca: ca.cert } },
      server: { secureTransport: { cert: certificate.cert, key: certificate.key } },
    });
    expect([client.secureTransportInfo.protocol, accepted.secureTransportInfo.protocol]).toEqual(["TLSv1.3", "TLSv1.3"]);
  });

  test.each([
    ["a wrong option of the client", { client: { localPort: -1 } }, "InvalidAccessError"],
    ["a wrong option of the server", { server: { localAddress: "nowhere" } }, "InvalidAccessError"],
    ["no dictionary", 7, "TypeError"],
    ["a member that is no object", { client: 7 }, "TypeError"],
    ["an aborted signal", { client: { signal: AbortSignal.abort() } }, "AbortError"],
    ["TLS at the client alone", { client: { secureTransport: { alpn: ["h2"] } } }, "InvalidAccessError"],
    ["TLS at the server alone", { server: { secureTransport: { cert: certificate.cert, key: certificate.key } } }, "InvalidAccessError"],
    ["a local port that is taken", () => ({ client: { localAddress: "127.0.0.1", localPort: tcpServer().localPort } }), "InvalidAccessError"],
  ])("rejects with %s, and leaves nothing behind", async (_, options, name) => {
    const before = typeof options === "function" ? 1 : 0;
    await expect(socketPair(typeof options === "function" ? options() : options)).rejects.toMatchObject({ name });
    expect(openSockets()).toHaveLength(before);
  });

  test.each([1, 2, 3, 4])("rejects where both ends do TLS and one refuses the other (%#)", async () => {
    const secureTransport = { cert: certificate.cert, key: certificate.key };
    await expect(socketPair({ client: { secureTransport: {} }, server: { secureTransport } })).rejects.toMatchObject({ name: "NetworkError" });
    expect(openSockets()).toHaveLength(0);
  });

  test("rejects when closeAll() comes first", async () => {
    const pair = socketPair();
    const ended = pair.catch((error) => error.code);
    await closeAll();
    expect(await ended).toBe("ECONNABORTED");
  });

  test("many at once do not mix", async () => {
    const pairs = await Promise.all(Array.from({ length: 20 }, () => socketPair()));
    for (const [client, accepted] of pairs) {
      expect(accepted.remotePort).toBe(String(client.localPort));
      expect(Number(client.remotePort)).toBe(accepted.localPort);
    }
  });
});

test("they cannot be called with `new`", () => {
  for (const each of [closeAll, openSockets, socketPair]) {
    expect(() => new each()).toThrow(TypeError);
  }
});

test("sockets of the helpers are among them", () => {
  const [socket, server] = [udp(), tcpServer()];
  expect(isEach(openSockets(), [socket, server])).toBe(true);
  track(socket);
});
