"use strict";

const { spawnSync } = require("node:child_process");
const { udp, datagrams, record, text, expectDOMException, expectIsDOMException, track, UDPSocket, ROOT } = require("../helpers");
const { preload } = require("../helpers/preload");
const { namespaceTest, inNamespace } = require("../helpers/netns");
const { freeUdpPort, recordAll, texts, textsOf, fence } = require("../helpers/udp");

/** A socket on the wildcard, connected to a node:dgram peer. */
function connectedTo(peer, options = {}) {
  return track(new UDPSocket({ remoteAddress: peer.host, remotePort: peer.port, connected: true, ...options }));
}

describe("UDPSocket: connected (R-udp-connected)", () => {
  test("datagrams go to the peer and come from it, with send()'s arguments and without", async () => {
    const peer = await datagrams();
    const socket = connectedTo(peer);
    const log = recordAll(socket);
    socket.send("no arguments");
    socket.send("both", peer.host, peer.port);
    socket.send("one", null, peer.port);
    expect(await texts(peer, 3)).toEqual(["no arguments", "both", "one"]);
    await peer.send("back", socket.localPort);
    await log.until("message");
    expect(textsOf(log)).toEqual(["back"]);
  });

  test("localAddress is the one that datagrams leave from, not the wildcard", async () => {
    const peer = await datagrams();
    const socket = connectedTo(peer);
    expect(socket.localAddress).toBe("127.0.0.1");
    socket.send("x");
    const { rinfo } = await peer.next();
    expect([rinfo.address, rinfo.port]).toEqual(["127.0.0.1", socket.localPort]);
    expect((await socket.opened).localAddress).toBe("127.0.0.1");
    // Without `connected` it stays the wildcard.
    expect(track(new UDPSocket({ remoteAddress: peer.host, remotePort: peer.port })).localAddress).toBe("0.0.0.0");
  });

  test("a dual-stack socket connected to an IPv4 peer reports its address as IPv4 (R-address)", async () => {
    const peer = await datagrams();
    const socket = connectedTo(peer, { localAddress: "::" });
    expect(socket.localAddress).toBe("127.0.0.1");
    const log = recordAll(socket);
    socket.send("x");
    expect(await texts(peer, 1)).toEqual(["x"]);
    await peer.send("y", socket.localPort);
    expect((await log.until("message")).event.remoteAddress).toBe("127.0.0.1");
    // It still is a socket of both families: the one that it cannot send to is refused as no peer.
    expect(expectDOMException(() => socket.send("x", "::1", peer.port), "InvalidAccessError").message).toContain("is connected to 127.0.0.1");
  });

  test("IPv6", async () => {
    const peer = await datagrams({ type: "udp6", host: "::1" });
    const socket = connectedTo(peer);
    const log = recordAll(socket);
    expect(socket.localAddress).toBe("::1");
    socket.send("x");
    expect(await texts(peer, 1)).toEqual(["x"]);
    await peer.send("y", socket.localPort);
    expect((await log.until("message")).event.remoteAddress).toBe("::1");
  });

  test("what others send is not received", async () => {
    const [peer, stranger] = [await datagrams(), await datagrams()];
    const socket = connectedTo(peer);
    const log = recordAll(socket);
    await stranger.send("stranger", socket.localPort);
    await peer.send("peer", socket.localPort);
    await log.until("message");
    await fence();
    expect(textsOf(log)).toEqual(["peer"]);
  });

  const { library, obstacle } = preload("intruding");
  (obstacle ? test.skip : test)(`what others sent between bind(2) and connect(2) is dropped${obstacle ? ` (${obstacle})` : ""}`, () => {
    const source = `
      const { UDPSocket } = require(${JSON.stringify(ROOT)});
      const dgram = require("node:dgram");
      const peer = dgram.createSocket("udp4");
      peer.bind(0, "127.0.0.1", async () => {
        const heard = [];
        for (const connected of [false, true]) {
          const socket = new UDPSocket({ remoteAddress: "127.0.0.1", remotePort: peer.address().port, connected });
          peer.send("peer", socket.localPort, "127.0.0.1");
          for await (const { data } of socket) {
            heard.push(Buffer.from(data).toString());
            if (heard.at(-1) === "peer") break;
          }
          heard.push(String(socket.bytesRead));
          socket.close();
        }
        console.log(JSON.stringify(heard));
        process.exit(0);
      });`;
    const { stdout, stderr, status } = spawnSync(process.execPath, ["-e", source], { env: { ...process.env, LD_PRELOAD: library }, encoding: "utf8", timeout: 20_000 });
    expect([status, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toEqual(["peer", "4", "peer", "4"]);
  });

  (obstacle ? test.skip : test)("the library of that test does put a datagram into the socket", () => {
    const source = `
      const dgram = require("node:dgram");
      const socket = dgram.createSocket("udp4");
      socket.on("message", (message) => { console.log(String(message)); process.exit(0); });
      socket.bind(0, "127.0.0.1", () => socket.connect(9, "127.0.0.1"));`;
    const { stdout } = spawnSync(process.execPath, ["-e", source], { env: { ...process.env, LD_PRELOAD: library }, encoding: "utf8", timeout: 20_000 });
    expect(stdout).toBe("intruder\n");
  });

  test.each([
    ["address", (peer) => ["127.0.0.2", peer.port]],
    ["port", (peer) => ["127.0.0.1", peer.port === 9 ? 10 : 9]],
  ])("another %s in send() throws InvalidAccessError, and changes nothing", async (_, elsewhere) => {
    const peer = await datagrams();
    const socket = connectedTo(peer);
    const error = expectDOMException(() => socket.send("x", ...elsewhere(peer)), "InvalidAccessError");
    expect(error.message).toContain(`connected to 127.0.0.1:${peer.port}`);
    expect([socket.bufferedAmount, socket.readyState]).toEqual([0, "open"]);
    await expect(socket.writable.getWriter().write({ data: "x", remoteAddress: "127.0.0.2" })).rejects.toMatchObject({ name: "InvalidAccessError" });
    socket.send("y");
    expect(await texts(peer, 1)).toEqual(["y"]);
    expect(peer.waiting).toBe(0);
  });

  test("runs of one size, a Blob and an empty datagram leave in order (UDP_SEGMENT)", async () => {
    const peer = await datagrams();
    const socket = connectedTo(peer);
    const expected = [];
    for (let n = 0; n < 100; n++) {
      expected.push(String(n).padStart(3, "0"));
      socket.send(expected.at(-1));
    }
    socket.send(new Blob(["a Blob"]));
    socket.send("");
    socket.send("end");
    expect(await texts(peer, 103)).toEqual([...expected, "a Blob", "", "end"]);
  });

  test.each([["with a listener for messages", ["message", "error"]], ["without one", ["error"]]])(
    "a refusal is an error that leaves the socket open, %s, and what is sent later arrives",
    async (_, types) => {
      const port = await freeUdpPort();
      const socket = connectedTo({ host: "127.0.0.1", port });
      const log = record(socket, types);
      expect(socket.send("nobody listens")).toBe(true);
      const { event, readyState } = await log.until("error");
      expectIsDOMException(event.error, "NetworkError", "ECONNREFUSED");
      expect(event.error).toMatchObject({ address: "127.0.0.1", port });
      expect(event.error.message).toContain(`127.0.0.1:${port}`);
      expect(readyState).toBe("open");
      const peer = await datagrams({ port });
      socket.send("somebody listens");
      expect(await texts(peer, 1)).toEqual(["somebody listens"]);
      await fence();
      expect(log.types).toEqual(["error"]);
    },
  );

  test("the datagram whose send(2) reports an earlier refusal is not lost", async () => {
    const port = await freeUdpPort();
    const socket = connectedTo({ host: "127.0.0.1", port });
    const log = record(socket, ["error"]);
    // The system gets 64 datagrams at once, without a turn between: their refusal waits in the socket when the next 64 are sent.
    for (let n = 0; n < 64; n++) socket.send(`refused ${n}`);
    const peer = udp({ localPort: port });
    const heard = record(peer, ["message"]);
    const expected = Array.from({ length: 64 }, (_, n) => `taken ${n}`);
    for (const one of expected) socket.send(one);
    await heard.atLeast(64);
    expect(textsOf(heard)).toEqual(expected);
    await log.until("error");
    expect(log.entries.every(({ event }) => event.error.code === "ECONNREFUSED")).toBe(true);
    expect([socket.readyState, socket.bufferedAmount]).toEqual(["open", 0]);
  });

  test.each([
    ["neither", {}],
    ["the address alone", { remoteAddress: "127.0.0.1" }],
    ["the port alone", { remotePort: 9 }],
  ])("with %s given, the constructor throws InvalidAccessError", (_, options) => {
    const error = expectDOMException(() => new UDPSocket({ connected: true, ...options }), "InvalidAccessError");
    expect(error.message).toContain("remoteAddress and remotePort");
  });

  test("false and undefined are as if it was not given", async () => {
    const stranger = await datagrams();
    for (const connected of [false, undefined]) {
      const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9, connected });
      const log = recordAll(socket);
      await stranger.send("hello", socket.localPort);
      expect(text((await log.until("message")).event.data)).toBe("hello");
    }
  });

  // Windows refuses a wildcard.
  (process.platform === "win32" ? test.skip : test)("a wildcard as remoteAddress is the loopback address, as connect(2) takes it", async () => {
    const peer = await datagrams();
    const socket = connectedTo({ host: "0.0.0.0", port: peer.port });
    const log = recordAll(socket);
    socket.send("x");
    socket.send("y", "127.0.0.1");
    expect(await texts(peer, 2)).toEqual(["x", "y"]);
    await peer.send("z", socket.localPort);
    expect(text((await log.until("message")).event.data)).toBe("z");
  });

  namespaceTest("connect(2) that fails throws NetworkError with its code, and no socket is left", async () => {
    const result = await inNamespace(`
      const fs = require("node:fs");
      const count = () => fs.readFileSync("/proc/self/net/udp", "utf8").split("\\n").length;
      const before = count();
      const errors = [];
      for (const options of [{ remoteAddress: "203.0.113.1" }, { remoteAddress: "255.255.255.255" }]) {
        try {
          new UDPSocket({ ...options, remotePort: 9, connected: true });
        } catch (error) {
          errors.push(plain(error));
        }
      }
      report({ errors, left: count() - before });`);
    expect(result.left).toBe(0);
    expect(result.errors).toMatchObject([
      { name: "NetworkError", code: "ENETUNREACH", syscall: "connect", address: "203.0.113.1", port: 9, isDOMException: true },
      { name: "NetworkError", syscall: "connect", address: "255.255.255.255", port: 9, isDOMException: true },
    ]);
  });
});
