"use strict";

const { connect } = require("../..");
const { eventually, expendable, once, record, runJSON, settle, track } = require("../helpers");
const { blackHoleTest, places } = require("../helpers/black-hole");

const rejection = (promise) => promise.then((value) => Promise.reject(new Error(`fulfilled with ${String(value)}`)), (reason) => reason);

describe("the option signal of connect() (R-abort)", () => {
  test("aborted already: it rejects with the reason, and nothing is looked up or connected to", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const asked = [];
    const options = { lookup: async (host) => asked.push(host), allowAddress: (address) => asked.push(address) > 0 };
    for (const reason of ["any value", null, new Error("mine")]) {
      const signal = AbortSignal.abort(reason);
      expect(await rejection(connect("127.0.0.1", at.port, { ...options, signal }))).toBe(reason);
      expect(await rejection(connect("any.test", at.port, { ...options, signal }))).toBe(reason);
    }
    expect((await rejection(connect("127.0.0.1", at.port, { signal: AbortSignal.abort() }))).name).toBe("AbortError");
    await settle();
    expect(asked).toEqual([]);
    expect(at["127.0.0.1"].waiting).toBe(0);
  });

  test("during the look-up, the system's or the caller's own", async () => {
    const reason = { any: "value" };
    for (const options of [{}, { lookup: () => new Promise(() => {}) }]) {
      const controller = new AbortController();
      const promise = connect("localhost", 9, { ...options, signal: controller.signal });
      controller.abort(reason);
      expect(await rejection(promise)).toBe(reason);
    }
  });

  test("in lookup itself, and in allowAddress", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const reason = new Error("mine");
    const first = new AbortController();
    const lookup = async () => {
      first.abort(reason);
      return ["127.0.0.1"];
    };
    expect(await rejection(connect("any.test", at.port, { lookup, signal: first.signal }))).toBe(reason);
    const second = new AbortController();
    const allowAddress = () => {
      second.abort(reason);
      return true;
    };
    expect(await rejection(connect("127.0.0.1", at.port, { allowAddress, signal: second.signal }))).toBe(reason);
    await settle();
    expect(at["127.0.0.1"].waiting).toBe(0);
  });

  blackHoleTest("during the attempts: all of them are given up", async () => {
    const at = await places({ "127.0.0.2": "silent", "127.0.0.3": "silent" });
    const controller = new AbortController();
    const attempts = [];
    const promise = connect("any.test", at.port, {
      lookup: async () => ["127.0.0.2", "127.0.0.3"],
      allowAddress: (address) => attempts.push(address) > 0,
      attemptDelay: 10,
      signal: controller.signal,
    });
    await eventually(() => attempts.length === 2);
    controller.abort("enough");
    expect(await rejection(promise)).toBe("enough");
    at["127.0.0.2"].answer();
    at["127.0.0.3"].answer();
    await new Promise((resolve) => setTimeout(resolve, 1300));
    expect([...at["127.0.0.2"].connections, ...at["127.0.0.3"].connections]).toEqual([]);
  });

  test("once it is open the socket follows it: error with ABORT_ERR and the reason, then close", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const controller = new AbortController();
    const socket = track(await connect("127.0.0.1", at.port, { signal: controller.signal }));
    const peer = await at["127.0.0.1"].next();
    const reset = once(peer, "error");
    const log = record(socket, ["error", "close"]);
    const reason = new Error("mine");
    controller.abort(reason);
    expect(socket.readyState).toBe("closed");
    await log.until("close");
    expect(log.types).toEqual(["error", "close"]);
    expect(log.entries[0].event.error).toMatchObject({ code: "ABORT_ERR", cause: reason });
    expect((await reset).code).toBe("ECONNRESET");
  });

  test("aborted between winning and the caller's next line, the socket is closed by then", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const controller = new AbortController();
    const promise = connect("127.0.0.1", at.port, { signal: controller.signal });
    promise.then(() => controller.abort());
    const socket = expendable(await promise.then((value) => value));
    expect(socket.readyState).toBe("closed");
  });

  test("AbortSignal.timeout() as the only thing under way: the process waits for it", async () => {
    const name = await runJSON(`
      connect("any.test", 9, { lookup: () => new Promise(() => {}), signal: AbortSignal.timeout(50) })
        .catch((reason) => report(reason.name));`);
    expect(name).toBe("TimeoutError");
  });

  test("one signal serves thousands, and is let go of by those that failed, that were closed and that are refused", async () => {
    const result = await runJSON(
      `const { getEventListeners } = require("node:events");
      const warnings = [];
      process.on("warning", (warning) => warnings.push(warning.message));
      const controller = new AbortController();
      const { signal } = controller;
      (async () => {
        const failing = Array.from({ length: 2000 }, () => connect("127.0.0.1", 1, { signal }).catch(({ code }) => code));
        const most = getEventListeners(signal, "abort").length;
        const codes = await Promise.all(failing);
        const server = net.createServer((peer) => peer.on("error", () => {})).listen(0, "127.0.0.1");
        await once(server, "listening");
        const socket = await connect("localhost", server.address().port, { signal });
        const open = getEventListeners(signal, "abort").length;
        socket.reset();
        await once(socket, "close");
        const after = getEventListeners(signal, "abort").length;
        server.close();
        report({ codes: [...new Set(codes)], most, open, after, warnings });
      })();`,
    );
    expect(result).toEqual({ codes: ["ECONNREFUSED"], most: 1, open: 1, after: 0, warnings: [] });
  });
});

describe("a socket of connect()'s is like any other (R-promises, R-streams)", () => {
  test("opened is fulfilled at once with its ends and streams", async () => {
    const at = await places({ "127.0.0.1": "answers" });
    const socket = track(await connect("localhost", at.port, { dnsQueryType: "ipv4" }));
    const { readable, writable, ...ends } = await socket.opened;
    const peer = await at["127.0.0.1"].next();
    expect(ends).toEqual({
      remoteAddress: "127.0.0.1",
      remotePort: at.port,
      localAddress: "127.0.0.1",
      localPort: peer.remotePort,
    });
    peer.end("pong");
    const writer = writable.getWriter();
    await writer.write("ping");
    await writer.close();
    let text = "";
    for await (const chunk of readable) {
      text += Buffer.from(chunk).toString();
    }
    expect(text).toBe("pong");
    await socket.closed;
  });
});
