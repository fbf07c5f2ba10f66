"use strict";

// Handshakes that wait for certificateFor end cleanly, whatever ends them (R-srv-secure, R-srv-close, R-srv-error, R-end-of-life).

const { collect, dial, eventually, expendable, once, record, runJSON, settle, start } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { clientHello } = require("../helpers/client-hello");
const { acceptingServer, dialTLSLater, secureServer, shownFor } = require("../helpers/tls");

const all = authority();
const { server: identity } = all;
const own = { cert: identity.cert, key: identity.key };
const given = all.issue({ dns: ["a.test"] });
const answer = { cert: given.cert, key: given.key };

/** A server whose certificateFor does not answer: `questions` holds what settles each of its promises. */
function silent(serverOptions = {}) {
  const questions = [];
  const certificateFor = (name) => new Promise((resolve, reject) => questions.push({ name, resolve, reject }));
  const server = acceptingServer({ ...own, certificateFor }, serverOptions);
  return { server, questions, log: record(server, ["connect", "error"]) };
}

/** A plain connection that has sent the hello of a client, and whose question is asked. */
async function waiting({ server, questions }) {
  const before = questions.length;
  const peer = await dial(server.localPort, { allowHalfOpen: true });
  peer.on("error", () => {});
  const inbox = collect(peer);
  peer.write(await clientHello("a.test"));
  await eventually(() => questions.length > before);
  return { peer, inbox };
}

/** What comes of it if the question of a client that has gone is answered. */
async function answerLate({ questions: [question], log }, types) {
  question.resolve(answer);
  await settle();
  expect(log.types).toEqual(types);
}

describe("R-srv-close: close() while a question is open", () => {
  test("resets the client; no event fires, and a late answer is ignored", async () => {
    const asking = silent();
    const { peer, inbox } = await waiting(asking);
    const reset = once(peer, "error");
    asking.server.close();
    expect((await reset).code).toBe("ECONNRESET");
    expect([inbox.bytes().length, asking.server.connections]).toEqual([0, 1]);
    await answerLate(asking, []);
  });

  test.each([
    ["a rejection", (question) => question.reject(new Error("late"))],
    ["garbage", (question) => question.resolve(42)],
    ["a bad certificate", (question) => question.resolve({ ...answer, key: own.key })],
  ])("late %s is ignored, too", async (_, settleLate) => {
    const asking = silent();
    const { peer } = await waiting(asking);
    const closed = once(peer, "close");
    asking.server.close();
    await closed;
    settleLate(asking.questions[0]);
    await settle();
    expect(asking.log.types).toEqual([]);
  });

  test("in certificateFor itself", async () => {
    let calls = 0;
    const server = acceptingServer({
      ...own,
      certificateFor() {
        calls += 1;
        server.close();
        return answer;
      },
    });
    const log = record(server, ["connect", "error"]);
    const clients = await Promise.all(["a.test", "b.test", "a.test"].map((name) => shownFor(server, name)));
    expect(clients).toEqual(Array(3).fill("ECONNRESET"));
    expect(calls).toBe(1);
    expect(log.types).toEqual([]);
  });

  test("what is to be asked in the same turn is not asked any more", async () => {
    const asked = [];
    const server = expendable(secureServer({
      ...own,
      certificateFor(name) {
        asked.push(name);
        return new Promise(() => {});
      },
    }));
    const clients = [dialTLSLater(server.localPort, { servername: "a.test" }), dialTLSLater(server.localPort, { servername: "b.test" })];
    const closed = clients.map((client) => once(client, "close"));
    clients.forEach((client) => client.on("error", () => {}));
    server.onconnect = () => {};
    await eventually(() => asked.length > 0);
    server.close();
    const before = [...asked];
    await Promise.all(closed);
    await settle();
    expect(asked).toEqual(before);
  });
});

describe("R-srv-error: the client ends while a question is open", () => {
  test("a reset is one error, and the answer is ignored", async () => {
    const asking = silent();
    const { peer } = await waiting(asking);
    const { localPort } = peer;
    peer.resetAndDestroy();
    const { event: { error } } = await asking.log.until("error");
    expect(error).toMatchObject({ name: "NetworkError", code: "ECONNRESET", address: "127.0.0.1", port: localPort });
    await answerLate(asking, ["error"]);
    expect(asking.server.connections).toBe(0);
  });

  test("so is an end", async () => {
    const asking = silent();
    const { peer, inbox } = await waiting(asking);
    const closed = once(peer, "close");
    peer.end();
    const { event: { error } } = await asking.log.until("error");
    expect(error.code).toBe("ERR_TLS_HANDSHAKE_ENDED");
    // It gets an alert, and no certificate.
    await closed;
    expect([inbox.bytes()[0], inbox.bytes().length]).toEqual([0x15, 7]);
    await answerLate(asking, ["error"]);
  });

  test("a client that sends without end is not read without end", async () => {
    const asking = silent();
    const { peer } = await waiting(asking);
    peer.write(Buffer.alloc(8 * 1024 * 1024, 0x17));
    const { event: { error } } = await asking.log.until("error");
    expect(error.code).toMatch(/^ERR_TLS_/);
    await answerLate(asking, ["error"]);
  });

  test("it counts against maxConnections only as long as it waits", async () => {
    const asking = silent({ maxConnections: 1 });
    const { peer } = await waiting(asking);
    expect(asking.server.connections).toBe(1);
    peer.resetAndDestroy();
    await asking.log.until("error");
    expect(asking.server.connections).toBe(0);
    asking.questions[0].resolve(answer);
    expect(await shownFor(asking.server, "")).toBe(identity.fingerprint);
  });
});

describe("R-srv-error: handshakeTimeout covers the wait for the answer", () => {
  test("a promise that never settles: one error, and the client is ended without a certificate", async () => {
    const asking = silent({ handshakeTimeout: 150 });
    const { peer, inbox } = await waiting(asking);
    const ended = once(peer, "end");
    const { event: { error } } = await asking.log.until("error");
    expect(error).toMatchObject({ name: "NetworkError", code: "ERR_TLS_HANDSHAKE_TIMEOUT", port: peer.localPort });
    await ended;
    expect(inbox.bytes()).toHaveLength(0);
    await answerLate(asking, ["error"]);
  });

  test("the next client shares the question that is still open, and its answer", async () => {
    const asking = silent({ handshakeTimeout: 150 });
    await waiting(asking);
    await asking.log.until("error");
    const second = shownFor(asking.server, "a.test");
    await settle();
    expect(asking.questions).toHaveLength(1);
    asking.questions[0].resolve(answer);
    expect(await second).toBe(given.fingerprint);
  });

  test("0 is none", async () => {
    const asking = silent({ handshakeTimeout: 0 });
    const client = shownFor(asking.server, "a.test");
    await eventually(() => asking.questions.length === 1);
    await settle(200);
    asking.questions[0].resolve(answer);
    expect(await client).toBe(given.fingerprint);
  });

  test("it covers the hello, too", async () => {
    const asking = silent({ handshakeTimeout: 100 });
    const peer = await dial(asking.server.localPort);
    peer.on("error", () => {});
    peer.resume();
    const ended = once(peer, "close");
    peer.write((await clientHello("a.test")).subarray(0, 40));
    const { event: { error } } = await asking.log.until("error");
    expect(error.code).toBe("ERR_TLS_HANDSHAKE_TIMEOUT");
    await ended;
    expect(asking.questions).toHaveLength(0);
  });
});

describe("R-srv-error: what is no hello fails as without certificateFor", () => {
  test.each([
    ["an HTTP request", "GET / HTTP/1.1\r\n\r\n", "ERR_TLS_NOT_TLS"],
    ["the beginning of one, and the end", "GET", "ERR_TLS_NOT_TLS"],
    ["nothing", "", "ERR_TLS_HANDSHAKE_ENDED"],
    ["a record that is too long", Buffer.from([0x16, 3, 1, 0xff, 0xff, 1, 2, 3]), "ERR_TLS_PROTOCOL"],
    ["an alert: close_notify", Buffer.from([0x15, 3, 3, 0, 2, 1, 0]), /^ERR_TLS_/],
    ["another handshake message", Buffer.from([0x16, 3, 3, 0, 4, 14, 0, 0, 0]), "ERR_TLS_PROTOCOL"],
    ["a hello of TLS 1.0", undefined, /^ERR_TLS_(NO_COMMON_\w+|PROTOCOL)$/],
  ])("%s", async (_, bytes, code) => {
    const asking = silent();
    const peer = await dial(asking.server.localPort);
    peer.on("error", () => {});
    collect(peer);
    // Version 3.1 in the record and in the hello, and no extensions.
    const old = Buffer.concat([Buffer.from([0x16, 3, 1, 0, 45, 1, 0, 0, 41, 3, 1]), Buffer.alloc(32, 7), Buffer.from([0, 0, 2, 0, 0x2f, 1, 0])]);
    peer.end(bytes ?? old);
    const { event: { error } } = await asking.log.until("error");
    expect(error.code).toMatch(code);
    expect(asking.questions).toHaveLength(0);
  });
});

describe("R-end-of-life, R-keep: processes and workers", () => {
  const handed = JSON.stringify({ ...own, ca: all.ca.cert });
  const prelude = `
    const { cert, key } = ${handed};
    const tls = require("node:tls");
    /** A client that asks for this name, and may fail. */
    function visit(port, servername) {
      const client = tls.connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
      client.on("error", () => {});
      return client;
    }`;

  test("worker.terminate() while questions are open, again and again: the clients see the end, nothing crashes", async () => {
    const result = await runJSON(
      `${prelude}
      const { Worker } = require("node:worker_threads");
      const source = \`
        const { TCPServerSocket } = require(\${JSON.stringify(process.cwd())});
        const { parentPort, workerData } = require("node:worker_threads");
        let count = 0;
        const certificateFor = () => { count += 1; if (count === 5) parentPort.postMessage("asked"); return new Promise(() => {}); };
        const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { ...workerData, certificateFor } });
        server.onconnect = () => {};
        server.onerror = () => {};
        parentPort.postMessage(server.localPort);\`;
      (async () => {
        let ended = 0;
        for (let round = 0; round < 5; round++) {
          const worker = new Worker(source, { eval: true, workerData: { cert, key } });
          const messages = [];
          let wake = () => {};
          worker.on("message", (message) => { messages.push(message); wake(); });
          const next = async () => { while (messages.length === 0) await new Promise((resolve) => { wake = resolve; }); return messages.shift(); };
          const port = await next();
          const clients = Array.from({ length: 5 }, (_, index) => visit(port, "name" + index + ".test"));
          const closed = clients.map((client) => new Promise((resolve) => client.once("close", resolve)));
          await next();
          await worker.terminate();
          await Promise.all(closed);
          ended += 1;
        }
        report(ended);
      })();`,
      { timeout: 20_000 },
    );
    expect(result).toBe(5);
  });

  test("process.exit() while a question is open: the client sees the end", async () => {
    const child = start(`${prelude}
      const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key, certificateFor: () => { setTimeout(() => process.exit(0), 20); return new Promise(() => {}); } } });
      server.onconnect = () => {};
      report(server.localPort);`);
    const port = await child.next();
    const client = dialTLSLater(port, { servername: "a.test" });
    client.on("error", () => {});
    const gone = once(client, "close", 8000);
    const { code, signal } = await child.done;
    expect([code, signal]).toEqual([0, null]);
    await gone;
  });

  test("a server that is closed with a question open keeps neither the process nor memory", async () => {
    const result = await runJSON(
      `${prelude}
      const forever = [];
      (async () => {
        const refs = [];
        for (let round = 0; round < 30; round++) {
          await (async () => {
            let asked;
            const question = new Promise((resolve) => { asked = resolve; });
            // The program holds the promise: it may still be settled.
            const certificateFor = () => { const promise = new Promise(() => {}); forever.push(promise); asked(); return promise; };
            const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: { cert, key, certificateFor } });
            server.onconnect = () => {};
            refs.push(new WeakRef(server));
            const client = visit(server.localPort, "a.test");
            const closed = new Promise((resolve) => client.once("close", resolve));
            await question;
            server.close();
            await closed;
          })();
        }
        for (let i = 0; i < 10; i++) { await new Promise((resolve) => setTimeout(resolve, 20)); global.gc(); }
        report({ alive: refs.filter((ref) => ref.deref() !== undefined).length, promises: forever.length });
      })();`,
      { nodeArgs: ["--expose-gc"], timeout: 20_000 },
    );
    expect(result.promises).toBe(30);
    expect(result.alive).toBeLessThan(5);
  });
});
