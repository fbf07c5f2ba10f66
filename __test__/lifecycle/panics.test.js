"use strict";

// A panic in the native half is a bug, and never more than the error of the socket that it befell: Node lives, nobody hears of an event
// that was none, nobody waits for ever, and the others go on.

const { describeWithHooks, runWithHooks } = require("../helpers/hooks");

const internal = (name, point) => expect.stringMatching(new RegExp(`^${name} error NetworkError: .*internal error: test hook ${point}$`));

/** A UDP socket that has had a message hears another one while `point` panics; what it told, and whether others work. */
async function udpMessage(point) {
  const { result } = await runWithHooks(`
    const socket = told("udp", new UDPSocket({ localAddress: "127.0.0.1" }));
    socket.send("one", "127.0.0.1", socket.localPort);
    await until(() => log.includes("udp message one"));
    socket.send("two", "127.0.0.1", socket.localPort);
    panicAt("${point}", 0);
    await until(() => log.length > 1);
    const other = await otherWorks();
    const { readyState } = socket;
    socket.close();
    return { log, other, readyState };`);
  return result;
}

describeWithHooks("in the turn", () => {
  test.each(["step", "stepped", "describe"])("%s: the socket's error instead of its message, and no message that was none", async (point) => {
    expect(await udpMessage(point)).toEqual({
      log: ["udp message one", internal("udp", point)],
      other: "still here",
      readyState: "closed",
    });
  });

  test.each(["ready", "flush"])("%s: the socket's error, once", async (point) => {
    const { log, other, readyState } = await udpMessage(point);
    expect(log.filter((line) => line.includes("error"))).toEqual([internal("udp", point)]);
    expect(log.filter((line) => line.includes("message one"))).toHaveLength(1);
    expect({ other, readyState }).toEqual({ other: "still here", readyState: "closed" });
  });

  test.each(["begin", "next", "watch"])("%s: of no socket, and nothing is lost or told twice", async (point) => {
    expect(await udpMessage(point)).toEqual({
      log: ["udp message one", "udp message two"],
      other: "still here",
      readyState: "open",
    });
  });

  test.each(["step", "stepped", "ready", "flush"])("%s: a connection is lost, with error and close, and its peer sees the end", async (point) => {
    const { result } = await runWithHooks(`
      const [dialled, accepted] = await pair();
      panicAt("${point}", 0);
      dialled.send("hello");
      await until(() => log.includes("client close") && log.includes("accepted close"));
      return { log, other: await otherWorks() };`);
    const failed = result.log.filter((line) => line.includes("internal error"));
    expect(failed).toHaveLength(1);
    const [name] = failed[0].split(" ");
    const own = result.log.filter((line) => line.startsWith(name));
    expect(own.slice(-2)).toEqual([internal(name, point), `${name} close`]);
    expect(result.other).toBe("still here");
  });

  test("describe: a connection's message, and no message of before in its place", async () => {
    const { result } = await runWithHooks(`
      const [dialled, accepted] = await pair();
      dialled.send("one");
      await until(() => log.includes("accepted message one"));
      panicAt("describe", 0);
      dialled.send("two");
      await until(() => log.includes("client close") && log.includes("accepted close"));`);
    expect(result.filter((line) => line.startsWith("accepted"))).toEqual([
      "accepted message one",
      internal("accepted", "describe"),
      "accepted close",
    ]);
  });

  test.each(["describe", "stepped"])("%s of open: a failed attempt, with error alone", async (point) => {
    const { result } = await runWithHooks(`
      const peers = net.createServer((peer) => peer.on("error", () => {}).resume());
      await new Promise((resolve) => peers.listen(0, "127.0.0.1", resolve));
      panicAt("${point}", 0);
      const dialled = client(peers.address().port);
      const settled = await Promise.all([dialled.opened, dialled.closed].map((promise) => promise.then(() => "fulfilled", () => "rejected")));
      const other = await otherWorks();
      peers.close();
      return { log, settled, other };`);
    expect(result).toEqual({ log: [internal("client", point)], settled: ["rejected", "rejected"], other: "still here" });
  });

  test("describe: a connection that cannot be told of is ended, and its server has the error", async () => {
    const { result } = await runWithHooks(`
      const listening = server();
      panicAt("describe", 0);
      const peer = net.connect(listening.localPort, "127.0.0.1").resume();
      await new Promise((resolve) => peer.on("error", () => {}).once("close", resolve));
      await until(() => log.length > 0);
      return { log, accepted: listening.accepted.length, readyState: listening.readyState, other: await otherWorks() };`);
    expect(result).toEqual({ log: [internal("server", "describe")], accepted: 0, readyState: "closed", other: "still here" });
  });

  (process.platform === "win32" ? test.skip : test)("describe: so is a connection of a Unix socket", async () => {
    const { result } = await runWithHooks(`
      const [fs, os, path] = ["node:fs", "node:os", "node:path"].map((name) => require(name));
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tus-"));
      const listening = told("server", new UnixServerSocket({ path: path.join(folder, "socket") }));
      panicAt("describe", 0);
      const peer = net.connect(listening.localPath).resume();
      await new Promise((resolve) => peer.on("error", () => {}).once("close", resolve));
      await until(() => log.length > 0);
      fs.rmSync(folder, { recursive: true });
      return { log, readyState: listening.readyState, other: await otherWorks() };`);
    expect(result).toEqual({ log: [internal("server", "describe")], readyState: "closed", other: "still here" });
  });

  test("closing: what close() has broken tells of it, and is over then", async () => {
    const { result } = await runWithHooks(`
      const socket = told("udp", new UDPSocket());
      const listening = told("server", new TCPServerSocket());
      const [dialled] = await pair();
      for (const [name, broken] of [["udp", socket], ["server", listening], ["client", dialled]]) {
        panicAt("closing", 0);
        broken.close();
        await until(() => log.some((line) => line.startsWith(name + " error")));
      }
      const settled = Promise.allSettled([socket.closed, listening.closed, dialled.closed]);
      const closed = await Promise.race([settled, new Promise((resolve) => setTimeout(resolve, 2000, []).unref())]);
      return { log, closed: closed.map(({ status }) => status), other: await otherWorks() };`);
    for (const name of ["udp", "server", "client"]) {
      expect(result.log).toContainEqual(internal(name, "closing"));
    }
    expect(result).toMatchObject({ closed: ["rejected", "rejected", "rejected"], other: "still here" });
  });

  test("describe: a socket's last event is told all the same", async () => {
    const { result } = await runWithHooks(`
      const [dialled] = await pair();
      dialled.reset();
      panicAt("describe", 0);
      await Promise.race([dialled.closed, until(() => log.includes("client close"))]);
      await until(() => log.includes("accepted close"));`);
    expect(result.filter((line) => line.startsWith("client"))).toEqual(["client close"]);
  });

  test("end: a worker ends all the same, and its other sockets with it", async () => {
    const { result } = await runWithHooks(`
      const { Worker } = require("node:worker_threads");
      const gone = [];
      const peers = net.createServer((peer) => peer.resume().on("error", () => {}).on("close", () => gone.push(1)));
      await new Promise((resolve) => peers.listen(0, "127.0.0.1", resolve));
      const worker = new Worker(\`
        const { TCPSocket } = require(process.cwd());
        const { parentPort, workerData } = require("node:worker_threads");
        const sockets = [1, 2, 3].map(() => new TCPSocket("127.0.0.1", workerData));
        Promise.all(sockets.map((socket) => socket.opened)).then(() => parentPort.postMessage("open"));\`,
        { eval: true, workerData: peers.address().port });
      await new Promise((resolve) => worker.once("message", resolve));
      panicAt("end", 1);
      await worker.terminate();
      await until(() => gone.length === 3);
      peers.close();
      return { gone: gone.length, other: await otherWorks() };`);
    expect(result).toEqual({ gone: 3, other: "still here" });
  });

  test("deadline: a promise that waits for it rejects", async () => {
    const { result } = await runWithHooks(`
      panicAt("deadline", 0);
      const outcome = await connect("a.example", 1, { lookup: () => new Promise(() => {}), connectTimeout: 30 }).catch((error) => error);
      return { name: outcome.name, message: outcome.message, other: await otherWorks() };`);
    expect(result).toEqual({
      name: "NetworkError",
      message: expect.stringContaining("internal error: test hook deadline"),
      other: "still here",
    });
  });
});

describeWithHooks("in a call", () => {
  test.each([
    ["readyState", "socket.readyState", "closed"],
    ["bufferedAmount", "socket.bufferedAmount", 0],
    ["suspend", "socket.suspend() ?? null", null],
    ["listen", "socket.addEventListener('drain', () => {}) ?? socket.addEventListener('message', () => {}) ?? null", null],
    ["send", "thrown(() => socket.send(new Uint8Array(3)))", "InvalidStateError"],
    ["sendScratch", "thrown(() => socket.send('abc'))", "InvalidStateError"],
    ["sendString", "thrown(() => socket.send('abc'.repeat(10000)))", "InvalidStateError"],
    ["sendBlob", "thrown(() => socket.send(new Blob(['abc'])))", "InvalidStateError"],
    ["close", "socket.close() ?? null", null],
    ["reset", "socket.reset() ?? null", null],
    ["halfclose", "socket.halfclose() ?? null", null],
  ])("%s answers with what it may answer with, and the error follows", async (name, call, answer) => {
    const { result } = await runWithHooks(`
      const thrown = (act) => { try { return act(); } catch (error) { return error.name; } };
      const listening = server();
      const socket = new TCPSocket("127.0.0.1", listening.localPort);
      for (const type of ["error", "close"]) {
        socket.addEventListener(type, ({ error }) => log.push(["client", type, ...(error ? [error.name + ": " + error.message] : [])].join(" ")));
      }
      await until(() => socket.readyState === "open" && listening.accepted.length === 1);
      listening.close();
      panicAt("${name}", 0);
      const answer = ${call};
      await until(() => log.includes("client close"));
      return { answer, log: log.filter((line) => line.startsWith("client")), other: await otherWorks() };`);
    expect(result).toEqual({ answer, log: [internal("client", name), "client close"], other: "still here" });
  });

  test.each(["readyState", "bufferedAmount", "close", "sendTo", "sendScratchTo", "join"])("%s of a UDPSocket", async (name) => {
    const { result } = await runWithHooks(`
      const socket = told("udp", new UDPSocket({ localAddress: "127.0.0.1" }));
      const thrown = (act) => { try { return act() ?? null; } catch (error) { return error.message; } };
      panicAt("${name}", 0);
      const answer = thrown({
        readyState: () => socket.readyState,
        bufferedAmount: () => socket.bufferedAmount,
        close: () => socket.close(),
        sendTo: () => socket.send(new Uint8Array(3), "127.0.0.1", 9),
        sendScratchTo: () => socket.send("abc", "127.0.0.1", 9),
        join: () => socket.joinMulticastGroup("239.1.2.3"),
      }["${name}"]);
      const other = await otherWorks();
      socket.close();
      await socket.closed.catch(() => {});
      return { answer, other };`);
    const answers = { readyState: "closed", bufferedAmount: 0, close: null };
    expect(result).toEqual({
      answer: name in answers ? answers[name] : expect.stringContaining(`internal error: test hook ${name}`),
      other: "still here",
    });
  });

  test.each([
    ["attach", "new UDPSocket()"],
    ["openUdp", "new UDPSocket()"],
    ["openServer", "new TCPServerSocket()"],
    ["openTcp", "new TCPSocket('127.0.0.1', 9)"],
    ["parseAddress", "await connect('127.0.0.1', 9)"],
    ["openTimer", "await connect('localhost', 9, { connectTimeout: 1000 })"],
    ["openLookup", "await connect('localhost', 9)"],
  ])("%s: what it was called for throws, and the next one works", async (name, call) => {
    const { result } = await runWithHooks(`
      panicAt("${name}", 0);
      let message;
      try {
        ${call};
      } catch (error) {
        message = error.message;
      }
      return { message, other: await otherWorks() };`);
    expect(result).toEqual({ message: expect.stringContaining(`internal error: test hook ${name}`), other: "still here" });
  });
});

describeWithHooks("in tasks and threads", () => {
  const keys = `const { ca, server: identity } = authority();
    const own = { secureTransport: { cert: identity.cert, key: identity.key } };
    const trust = { secureTransport: { ca: ca.cert, sni: "localhost" } };`;

  test.each(["tls read", "tls write", "tls wait", "tls reports"])("%s: the connection is lost, and others speak TLS as before", async (point) => {
    const { result } = await runWithHooks(`
      ${keys}
      const [dialled, accepted] = await pair(own, trust);
      panicAt("${point}", 0);
      dialled.send("hello");
      await until(() => log.includes("client close") && log.includes("accepted close"));
      const lost = [...log];
      const [again, peer] = await pair(own, trust);
      again.send("exactly this");
      await until(() => log.includes("accepted message exactly this"));
      again.close();
      await until(() => log.includes("client close") && log.includes("accepted close"));
      return { lost, later: log };`);
    const failed = result.lost.filter((line) => line.includes("internal error"));
    expect(failed).toHaveLength(1);
    const [name] = failed[0].split(" ");
    expect(result.lost.filter((line) => line.startsWith(name)).slice(-2)).toEqual([internal(name, point), `${name} close`]);
    expect(result.later.filter((line) => line.includes("error"))).toEqual([]);
  });

  test.each(["tls read", "tls wait", "tls reports"])("%s in a handshake: a failed attempt, and the server goes on", async (point) => {
    const { result } = await runWithHooks(`
      ${keys}
      const listening = server(own);
      panicAt("${point}", 0);
      const first = client(listening.localPort, trust);
      await until(() => log.some((line) => line.startsWith("client error")) && log.some((line) => line.startsWith("server error")));
      const lost = [...log];
      log.length = 0;
      const second = client(listening.localPort, trust);
      second.send;
      await until(() => log.includes("client open") && log.includes("server connect"));
      second.close();
      listening.close();
      return { lost, later: log };`);
    expect(result.lost.filter((line) => line.includes(`internal error: test hook ${point}`))).toHaveLength(1);
    expect(result.later.filter((line) => line.includes("error"))).toEqual([]);
  });

  test("tls hello, while a server reads whom a client asks for: a failed attempt, and the server goes on", async () => {
    const { result } = await runWithHooks(`
      ${keys}
      const asked = [];
      const certificateFor = (name) => { asked.push(name); return { cert: identity.cert, key: identity.key }; };
      const listening = server({ secureTransport: { certificateFor } });
      panicAt("tls hello", 0);
      const first = client(listening.localPort, trust);
      await until(() => log.some((line) => line.startsWith("client error")) && log.some((line) => line.startsWith("server error")));
      const lost = [...log];
      log.length = 0;
      const second = client(listening.localPort, trust);
      await until(() => log.includes("client open") && log.includes("server connect"));
      second.close();
      listening.close();
      return { lost, later: log, asked };`);
    expect(result.lost).toContainEqual(internal("server", "tls hello"));
    expect(result.later.filter((line) => line.includes("error"))).toEqual([]);
    expect(result.asked).toEqual(["localhost"]);
  });

  test("begin: what a TLS task has reported then is served all the same", async () => {
    const { result } = await runWithHooks(`
      ${keys}
      const [dialled] = await pair(own, trust);
      for (let count = 1; count <= 60; count++) {
        // The task's report comes in one of the next turns.
        panicAt("begin", count % 4);
        dialled.send("number " + count);
        await until(() => log.length === count);
      }
      dialled.close();
      return log.filter((line) => !line.startsWith("accepted message"));`, { TCP_UDP_SOCKETS_TLS: "task" });
    expect(result).toEqual([]);
  });

  test("what a dead TLS connection was about to send goes out on no other of its thread", async () => {
    const { result } = await runWithHooks(`
      // One processor, one thread of the runtime, whatever this host has.
      require("node:child_process").spawnSync("taskset", ["-a", "-c", "-p", "0", String(process.pid)]);
      ${keys}
      // The peer is Node's: no other task of ours comes by before the next connection begins.
      const peer = require("node:tls").createServer({ cert: identity.cert, key: identity.key }, (socket) => socket.resume().on("error", () => {}));
      await new Promise((resolve) => peer.listen(0, "127.0.0.1", resolve));
      const dialled = client(peer.address().port, trust);
      await until(() => dialled.readyState === "open");
      // Its session tickets come, and are read.
      await new Promise((resolve) => setImmediate(resolve));
      panicAt("tls write", 0);
      dialled.send("a secret of the dead one");
      await until(() => log.includes("client close"));
      peer.close();
      const died = log.slice(-2);
      const firsts = [];
      const peers = net.createServer((peer) => peer.once("data", (data) => {
        firsts.push(data);
        peer.destroy();
      }).on("error", () => {}));
      await new Promise((resolve) => peers.listen(0, "127.0.0.1", resolve));
      for (let count = 1; count <= 4; count++) {
        const next = client(peers.address().port, trust);
        await until(() => firsts.length === count && next.readyState === "closed");
      }
      peers.close();
      // Each is one record, a handshake's, and nothing besides.
      return { died, firsts: firsts.map((data) => ({ type: data[0], rest: data.length - 5 - data.readUInt16BE(3) })) };`);
    expect(result.died).toEqual([internal("client", "tls write"), "client close"]);
    expect(result.firsts).toEqual(Array(4).fill({ type: 22, rest: 0 }));
  });

  test("what was found of a dead TLS connection's peer is said of no other of its thread", async () => {
    const { result } = await runWithHooks(`
      require("node:child_process").spawnSync("taskset", ["-a", "-c", "-p", "0", String(process.pid)]);
      ${keys}
      const tls = require("node:tls");
      const peer = tls.createServer({ cert: identity.cert, key: identity.key }, (socket) => socket.resume().on("error", () => {}));
      peer.on("tlsClientError", () => {});
      await new Promise((resolve) => peer.listen(0, "127.0.0.1", resolve));
      const authorized = [];
      // At each step of the handshake, until one comes through it.
      for (let steps = 0; ; steps++) {
        panicAt("tls reports", steps);
        const dying = new TCPSocket("127.0.0.1", peer.address().port, trust);
        const outcome = await dying.opened.then(() => "open", ({ message }) => message);
        if (outcome === "open") {
          dying.close();
          break;
        }
        if (!outcome.includes("internal error")) throw new Error(outcome);
        const listening = server(own);
        const visitor = tls.connect({ port: listening.localPort, host: "127.0.0.1", rejectUnauthorized: false }).on("error", () => {});
        await until(() => listening.accepted.length === 1);
        const [accepted] = listening.accepted;
        authorized.push(accepted.secureTransportInfo.authorized);
        accepted.reset();
        listening.close();
        visitor.destroy();
      }
      peer.close();
      return authorized;`);
    expect(result.length).toBeGreaterThan(3);
    expect(result).toEqual(result.map(() => false));
  });

  // Elsewhere relay() has no task.
  (process.platform === "linux" ? test : test.skip)("relay: both sockets are lost and the promise rejects", async () => {
    const { result } = await runWithHooks(`
      const [a, ofA] = await pair();
      const [b, ofB] = await pair();
      panicAt("relay", 1);
      const { relay } = require(".");
      const outcome = relay(ofA, b).catch((error) => error.message);
      a.send("hello");
      const closed = Promise.allSettled([a.closed, ofA.closed, b.closed, ofB.closed]);
      const message = await outcome;
      await closed;
      return { message, other: await otherWorks() };`);
    expect(result).toEqual({ message: expect.stringContaining("internal error: test hook relay"), other: "still here" });
  });

  test("look-up: connect() rejects, and the next one finds its address", async () => {
    const { result } = await runWithHooks(`
      const listening = server();
      panicAt("look-up", 0);
      const first = await connect("localhost", listening.localPort).catch((error) => error.message);
      const second = await connect("localhost", listening.localPort, { dnsQueryType: "ipv4" });
      second.close();
      listening.close();
      return { first, state: second.readyState };`);
    expect(result).toEqual({ first: expect.stringContaining("internal error: test hook look-up"), state: "closing" });
  });

  test("look-up delivered: who else waits for an answer gets it, and so do later ones", async () => {
    const { result } = await runWithHooks(`
      const listening = server();
      panicAt("look-up delivered", 0);
      const dial = () => connect("localhost", listening.localPort, { dnsQueryType: "ipv4" });
      const sockets = await Promise.all([dial(), dial(), dial()]);
      sockets.push(await dial());
      sockets.forEach((socket) => socket.close());
      listening.close();
      return sockets.length;`);
    expect(result).toBe(4);
  });

  test("timer task: deadlines come all the same", async () => {
    const { result } = await runWithHooks(`
      panicAt("timer task", 0);
      const late = () => connect("a.example", 1, { lookup: () => new Promise(() => {}), connectTimeout: 30 }).catch(({ code }) => code);
      return [await late(), await late()];`);
    expect(result).toEqual(["ETIMEDOUT", "ETIMEDOUT"]);
  });

  test("wake batcher: no wake-up of several TLS connections is lost", async () => {
    const { result } = await runWithHooks(`
      ${keys}
      const sockets = [];
      for (let count = 0; count < 4; count++) sockets.push((await pair(own, trust))[0]);
      panicAt("wake batcher", 0);
      sockets.forEach((socket, index) => socket.send("number " + index));
      await until(() => log.filter((line) => line.includes("message")).length === 4);
      const heard = log.filter((line) => line.includes("message")).sort();
      sockets.forEach((socket) => socket.close());
      await Promise.all(sockets.map((socket) => socket.closed));
      return { heard, errors: log.filter((line) => line.includes("error")) };`);
    expect(result).toEqual({ heard: [0, 1, 2, 3].map((index) => `accepted message number ${index}`), errors: [] });
  });
});
