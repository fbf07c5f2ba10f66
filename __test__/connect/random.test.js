"use strict";

const { runJSON } = require("../helpers");

// Whatever comes together, each connect() settles once, as it may, and leaves nothing behind: the process ends by itself.
const script = (seed, rounds) => `
  let state = ${seed};
  const random = (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  const pick = (...values) => values[random(values.length)];
  const wrong = [];
  process.on("unhandledRejection", (reason) => wrong.push("unhandled: " + reason));
  process.on("warning", ({ name, message }) => name === "UnheardSocketError" || wrong.push(message));
  const reason = new Error("the signal's");
  const thrown = new Error("thrown");

  async function one(port, silent) {
    const addresses = Array.from({ length: random(5) }, () =>
      pick("127.0.0.1", "127.0.0.2", "127.0.0.3", "::1", "127.0.0.4", "255.255.255.255"),
    );
    const controller = new AbortController();
    const abort = () => controller.abort(reason);
    const later = (act) => pick(act, queueMicrotask, setImmediate, (f) => setTimeout(f, random(40)))(act);
    let asked = 0;
    const options = {
      attemptDelay: pick(undefined, 0, 10, 20),
      connectTimeout: pick(undefined, 0, 1, 5, 30, 100),
      dnsQueryType: pick(undefined, undefined, "ipv4", "ipv6"),
      localAddress: pick(undefined, undefined, undefined, "127.0.0.1", "::1"),
      lookup: pick(
        () => addresses,
        async () => addresses,
        () => new Promise((resolve) => later(() => resolve(addresses))),
        () => new Promise((resolve, reject) => later(() => reject(thrown))),
        async () => [...addresses, "no address"],
        () => {
          throw thrown;
        },
      ),
      allowAddress: pick(undefined, undefined, () => true, () => random(3) > 0, () => {
        if (random(4) === 0) throw thrown;
        if (random(4) === 0) abort();
        return asked++ < 2;
      }),
      signal: pick(undefined, undefined, controller.signal),
    };
    // What nothing ends would wait for the system.
    options.connectTimeout ||= silent ? 150 : options.connectTimeout;
    const host = pick("any.test", "any.test", "localhost", "127.0.0.1", "::1", "127.0.0.3");
    const promise = connect(host, port, options);
    if (random(3) === 0) {
      later(abort);
    }
    const settled = await promise.then(
      (socket) => {
        if (!["open", "closed"].includes(socket.readyState)) wrong.push("fulfilled while " + socket.readyState);
        socket.onerror = () => {};
        socket.onmessage = ({ data }) => data.byteLength === 2 || wrong.push("bytes");
        pick(() => socket.reset(), () => socket.close(), () => setTimeout(() => socket.close(), random(20)))();
        return "open";
      },
      (error) => {
        if (error === reason) return "aborted";
        if (error === thrown) return "thrown";
        if (error.name === "InvalidAccessError") return error.name;
        if (error.name !== "NetworkError") {
          wrong.push(String(error.stack ?? error));
          return "?";
        }
        if (!error.message.includes(host)) wrong.push("no host in " + error.message);
        if (error.cause === thrown) return "look-up";
        const { errors } = error.cause ?? {};
        if (errors !== undefined) {
          if (errors.length === 0 || errors.some(({ code }) => typeof code !== "string")) wrong.push("cause of " + error.message);
          if (!errors.some(({ code }) => code === error.code)) wrong.push("code of " + error.message);
        }
        return error.code;
      },
    );
    controller.abort();
    return settled;
  }

  const peers = (socket) => {
    socket.on("error", () => {});
    socket.end("hi");
  };
  const first = net.createServer(peers).listen(0, "127.0.0.1", async () => {
    const { port } = first.address();
    const second = net.createServer(peers).listen(port, "127.0.0.2");
    // Nobody takes its connections, and few fit.
    const silent = new TCPServerSocket({ localAddress: "127.0.0.3", localPort: port, backlog: 1 });
    const results = {};
    for (let round = 0; round < ${rounds}; round++) {
      for (const settled of await Promise.all(Array.from({ length: 40 }, () => one(port, true)))) {
        results[settled] = (results[settled] ?? 0) + 1;
      }
    }
    first.close();
    second.close();
    silent.close();
    process.on("exit", () => report({ wrong, results }));
  });`;

test.each([1, 2, 3])("any combination settles, and leaves nothing behind (R-connect), seed %i", async (seed) => {
  const { wrong, results } = await runJSON(script(seed, 12), { timeout: 25_000 });
  expect(wrong).toEqual([]);
  expect(Object.values(results).reduce((sum, count) => sum + count)).toBe(480);
  // The dice reach every kind of end.
  const ends = ["ECONNREFUSED", "ENOTFOUND", "ERR_ADDRESS_BLOCKED", "ETIMEDOUT", "InvalidAccessError", "aborted", "look-up", "open", "thrown"];
  expect(Object.keys(results)).toEqual(expect.arrayContaining(ends));
});
