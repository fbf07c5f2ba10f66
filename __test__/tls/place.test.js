"use strict";

// Where TLS connections are driven: in the turns of the JavaScript thread, in tasks, or in both, as much as each moves. The other files of this
// folder test what they do, in the place that is in force. Here each place is forced, and connections change theirs while bytes are under
// way: no byte is lost, overtakes another one or comes twice, and a loss is what it is elsewhere.

const { spawnSync } = require("node:child_process");
const { run, runJSON } = require("../helpers");
const { describeWithHooks, runWithHooks } = require("../helpers/hooks");

jest.setTimeout(90_000);

/** `openssl s_server`, whose port `ss` reports. */
const hasOpenSSL = ["openssl", "ss"].every((program) => spawnSync(program, ["-V"]).error === undefined);

const PLACES = ["turn", "task", "both"];

const FEATURES = "const { features } = require(process.env.PACKAGE); report([features.tlsInTurns, features.tlsInTasks]);";
const env = (place) => ({ PACKAGE: require.resolve("../.."), TCP_UDP_SOCKETS_TLS: place });

test.each([
  ["turn", [true, false]],
  ["task", [false, true]],
  ["both", [true, true]],
])("TCP_UDP_SOCKETS_TLS=%s is in force, and features says so", async (place, expected) => {
  expect(await runJSON(FEATURES, { env: env(place) })).toEqual(expected);
});

test("TCP_UDP_SOCKETS_TLS with another value makes require() throw", async () => {
  const { code, stderr } = await run(FEATURES, { env: env("turns") });
  expect(code).toBe(1);
  expect(stderr).toContain('TCP_UDP_SOCKETS_TLS is "turns"; it can be turn, task or both');
});

(process.platform === "linux" ? test : test.skip)("a process with one processor drives all in turns, one with more in both", async () => {
  const script = `
    const { execFileSync } = require("node:child_process");
    const { availableParallelism } = require("node:os");
    const ask = 'const { features } = require(process.env.PACKAGE); console.log(features.tlsInTurns, features.tlsInTasks)';
    const all = execFileSync(process.execPath, ["-e", ask], { encoding: "utf8" });
    const one = execFileSync("taskset", ["-c", "0", process.execPath, "-e", ask], { encoding: "utf8" });
    report([availableParallelism() > 1, all, one]);`;
  const [hasMore, all, one] = await runJSON(script, { env: env("") });
  expect([all, one]).toEqual([hasMore ? "true true\n" : "true false\n", "true false\n"]);
});

/** What each child uses: keys, random numbers from a seed, and phases of small and large messages, so that a connection changes its place. */
const PRELUDE = `
  const tls = require("node:tls");
  const { createHash } = require("node:crypto");
  const { authority } = require(${JSON.stringify(require.resolve("../helpers/certificates"))});
  const { ca, server: identity } = authority();
  const own = { cert: identity.cert, key: identity.key };
  const { generator } = require(${JSON.stringify(require.resolve("../helpers/random"))});
  const random = generator(Number(process.env.SEED));
  const filler = Buffer.alloc(1 << 20, Uint8Array.from({ length: 65521 }, () => random(256)));
  /** Messages: many small ones, then large ones, three times. */
  function phases() {
    const messages = [];
    for (let phase = 0; phase < 3; phase++) {
      for (let n = 20 + random(60); n > 0; n--) messages.push(filler.subarray(n, n + 1 + random(300)));
      for (let n = 4 + random(12); n > 0; n--) messages.push(filler.subarray(n, n + 1 + random(900_000)));
    }
    return messages;
  }
  const digest = (parts) => parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest("hex");
  const total = (parts) => parts.reduce((sum, part) => sum + part.length, 0);
  const fail = (error) => { console.error(error); process.exit(1); };
  const listen = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
  /** Lets the event loop go round, so that the messages before and after are not one write. */
  const pause = () => new Promise((resolve) => setImmediate(resolve));
`;

const seeds = () => Array.from({ length: 3 }, () => Math.floor(Math.random() * 2 ** 31));

describe.each(PLACES)("%s", (place) => {
  test.each(seeds())("an echo server and a client of node:tls, seed %i: every byte comes back in order", async (seed) => {
    const result = await runJSON(
      `${PRELUDE}
      (async () => {
        const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: own });
        const errors = [];
        server.onconnect = ({ connectedSocket }) => {
          connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
          connectedSocket.onerror = ({ error }) => errors.push(error.message);
          connectedSocket.onclose = () => server.close();
        };
        const peer = tls.connect({ port: server.localPort, host: "127.0.0.1", ca: ca.cert, servername: "localhost" });
        peer.on("error", fail);
        const closed = new Promise((resolve) => peer.once("close", resolve));
        const messages = phases();
        const got = [];
        peer.on("data", (data) => {
          got.push(data);
          if (total(got) === total(messages)) peer.end();
        });
        for (const message of messages) {
          if (!peer.write(message)) await Promise.race([closed, new Promise((resolve) => peer.once("drain", resolve))]);
          else if (random(3) === 0) await pause();
        }
        await closed;
        report([total(got) === total(messages), digest(got) === digest(messages), errors]);
      })().catch(fail);`,
      { env: { ...env(place), SEED: String(seed) }, timeout: 30_000 },
    );
    expect(result).toEqual([true, true, []]);
  });

  test.each(seeds())("a client and an echo server of node:tls, seed %i, with pauses in reading: every byte comes back in order", async (seed) => {
    const result = await runJSON(
      `${PRELUDE}
      (async () => {
        const server = tls.createServer(own, (peer) => peer.on("error", fail).pipe(peer));
        const port = await listen(server);
        const socket = new TCPSocket("127.0.0.1", port, { secureTransport: { ca: ca.cert, sni: "localhost" } });
        socket.onerror = ({ error }) => fail(error);
        await socket.opened;
        const messages = phases();
        const got = [];
        const all = new Promise((resolve) => {
          socket.onmessage = ({ data }) => {
            got.push(Buffer.from(data));
            if (random(20) === 0) {
              socket.suspend();
              setTimeout(() => socket.resume(), random(5));
            }
            if (total(got) === total(messages)) resolve();
          };
        });
        for (const message of messages) {
          if (!socket.send(message)) await once(socket, "drain", 20_000);
          else if (random(3) === 0) await pause();
        }
        await all;
        const { bufferedAmount } = socket;
        socket.close();
        await socket.closed;
        server.close();
        report([digest(got) === digest(messages), bufferedAmount, socket.bytesRead === total(messages), socket.bytesWritten === total(messages)]);
      })().catch(fail);`,
      { env: { ...env(place), SEED: String(seed) }, timeout: 30_000 },
    );
    expect(result).toEqual([true, 0, true, true]);
  });

  test.each(seeds())("close() right behind the last byte, seed %i: the peer gets all of it and close_notify (R-tls-end)", async (seed) => {
    const result = await runJSON(
      `${PRELUDE}
      (async () => {
        const rounds = [];
        for (let round = 0; round < 6; round++) {
          const messages = phases().slice(random(100));
          const received = new Promise((resolve) => {
            const server = tls.createServer(own, (peer) => {
              const got = [];
              peer.on("error", fail).on("data", (data) => got.push(data)).on("end", () => { server.close(); resolve(got); });
              peer.write("a word first");
            });
            listen(server).then((port) => {
              const socket = new TCPSocket("127.0.0.1", port, { secureTransport: { ca: ca.cert, sni: "localhost" } });
              socket.onerror = ({ error }) => fail(error);
              socket.onmessage = () => {
                for (const message of messages) socket.send(message);
                socket.close();
              };
            });
          });
          rounds.push(digest(await received) === digest(messages));
        }
        report(rounds);
      })().catch(fail);`,
      { env: { ...env(place), SEED: String(seed) }, timeout: 30_000 },
    );
    expect(result).toEqual(Array(6).fill(true));
  });

  // Something between breaks off while much is under way: just then the connection may be about to change its place.
  test.each([
    ["a FIN without close_notify", "near.end()", "ERR_TLS_TRUNCATED"],
    ["a reset", "near.resetAndDestroy()", "ECONNRESET"],
  ])("%s after a random part of a transfer: a lost connection, and nothing but the bytes before it", async (_, breakOff, code) => {
    const rounds = 15;
    const result = await runJSON(
      `${PRELUDE}
      (async () => {
        const outcomes = [];
        for (let round = 0; round < ${rounds}; round++) {
          const messages = phases();
          const sent = Buffer.concat(messages);
          const server = tls.createServer(own, (peer) => {
            peer.on("error", () => {});
            for (const message of messages) peer.write(message);
          });
          const port = await listen(server);
          // At least the handshake passes.
          let left = 5_000 + random(sent.length - 10_000);
          const between = net.createServer((near) => {
            const far = net.connect(port, "127.0.0.1");
            near.on("error", () => {}).pipe(far.on("error", () => {}));
            far.on("data", (data) => {
              if (left <= 0) return;
              const part = data.subarray(0, left);
              left -= part.length;
              near.write(part);
              if (left > 0) return;
              ${breakOff};
              far.destroy();
              server.close();
              between.close();
            });
          });
          const socket = new TCPSocket("127.0.0.1", await listen(between), { secureTransport: { ca: ca.cert, sni: "localhost" } });
          const got = [];
          socket.onmessage = ({ data }) => got.push(Buffer.from(data));
          const error = await new Promise((resolve) => { socket.onerror = (event) => resolve(event.error); });
          await new Promise((resolve) => { socket.onclose = resolve; });
          const bytes = Buffer.concat(got);
          outcomes.push([error.code, bytes.length < sent.length, bytes.equals(sent.subarray(0, bytes.length)), socket.readyState]);
        }
        report(outcomes);
      })().catch(fail);`,
      { env: { ...env(place), SEED: String(Math.floor(Math.random() * 2 ** 31)) }, timeout: 60_000 },
    );
    expect(result).toEqual(Array(rounds).fill([code, true, true, "closed"]));
  });

  (hasOpenSSL ? test : test.skip)("openssl: what s_server sends in bulk and in small pieces comes whole, and what it gets", async () => {
    const result = await runJSON(
      `${PRELUDE}
      const { spawn } = require("node:child_process");
      const { mkdtempSync, writeFileSync, rmSync } = require("node:fs");
      const path = require("node:path");
      (async () => {
        const folder = mkdtempSync(path.join(require("node:os").tmpdir(), "place-"));
        process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
        writeFileSync(path.join(folder, "key.pem"), own.key);
        writeFileSync(path.join(folder, "cert.pem"), own.cert);
        const peer = spawn("openssl", ["s_server", "-quiet", "-naccept", "1", "-accept", "127.0.0.1:0", "-key", "key.pem", "-cert", "cert.pem"], { cwd: folder });
        const port = await new Promise((resolve) => {
          const look = () => {
            const { stdout } = require("node:child_process").spawnSync("ss", ["-Htlnp"], { encoding: "utf8" });
            const line = stdout.split("\\n").find((line) => line.includes("pid=" + peer.pid + ","));
            if (line) resolve(Number(/127[.]0[.]0[.]1:([0-9]+)/.exec(line)[1]));
            else setTimeout(look, 20);
          };
          look();
        });
        const socket = new TCPSocket("127.0.0.1", port, { secureTransport: { ca: ca.cert, sni: "localhost" } });
        socket.onerror = ({ error }) => fail(error);
        await socket.opened;
        const [there, back] = [phases(), phases()];
        const [got, gave] = [[], []];
        peer.stdout.on("data", (data) => got.push(data));
        socket.onmessage = ({ data }) => gave.push(Buffer.from(data));
        for (let n = 0; n < Math.max(there.length, back.length); n++) {
          if (there[n] && !socket.send(there[n])) await once(socket, "drain", 20_000);
          if (back[n]) await new Promise((resolve) => peer.stdin.write(back[n], resolve));
          if (random(3) === 0) await pause();
        }
        while (total(got) < total(there) || total(gave) < total(back)) await new Promise((resolve) => setTimeout(resolve, 5));
        socket.close();
        peer.kill();
        report([digest(got) === digest(there), digest(gave) === digest(back)]);
      })().catch(fail);`,
      { env: { ...env(place), SEED: String(Math.floor(Math.random() * 2 ** 31)) }, timeout: 60_000 },
    );
    expect(result).toEqual([true, true]);
  });
});

describeWithHooks("a connection changes its place", () => {
  const script = `
    const { ca, server: identity } = authority();
    const [dialled, accepted] = await pair({ secureTransport: { cert: identity.cert, key: identity.key } }, { secureTransport: { ca: ca.cert, sni: "localhost" } });`;

  // A panic at the point shows that it was passed, and that it is the error of that one connection.
  test.each(["tls to task", "tls to turn"])("%s: in bulk, and back; a panic there is the connection's error", async (point) => {
    const { result } = await runWithHooks(
      `${script}
      if (${JSON.stringify(point)} === "tls to task") panicAt("tls to task", 0);
      const bulk = Buffer.alloc(4_000_000);
      accepted.onmessage = () => {};
      dialled.send(bulk);
      await until(() => accepted.bytesRead === bulk.length || log.includes("accepted close"));
      if (${JSON.stringify(point)} === "tls to turn") {
        panicAt("tls to turn", 0);
        for (let n = 0; n < 200 && !log.some((line) => line.includes("internal error")); n++) {
          if (dialled.readyState === "open") dialled.send("small");
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }
      await until(() => log.some((line) => line.includes("internal error")));
      return log.filter((line) => line.includes("internal error"));`,
      { TCP_UDP_SOCKETS_TLS: "both" },
    );
    expect(result).toEqual([expect.stringContaining(`internal error: test hook ${point}`)]);
  });

  test.each(["turn", "task"])("with TCP_UDP_SOCKETS_TLS=%s it does not", async (place) => {
    const { result } = await runWithHooks(
      `${script}
      panicAt("tls to task", 0);
      ${place === "task" ? 'panicAt("tls to turn", 0);' : ""}
      accepted.onmessage = () => {};
      dialled.send(Buffer.alloc(4_000_000));
      await until(() => accepted.bytesRead === 4_000_000);
      dialled.reset();
      await until(() => accepted.readyState === "closed");
      return log.filter((line) => line.includes("internal error"));`,
      { TCP_UDP_SOCKETS_TLS: place },
    );
    expect(result).toEqual([]);
  });
});

test("in the turn, what waits is read into messages of 64 KiB, each without a copy", async () => {
  // A message that does not fill its memory is copied into a smaller one.
  const result = await runJSON(
    `${PRELUDE}
    (async () => {
      const server = new TCPServerSocket({ localAddress: "127.0.0.1", secureTransport: own, receiveBufferSize: 4 << 20 });
      const accepted = once(server, "connect");
      const peer = tls.connect({ port: server.localPort, host: "127.0.0.1", ca: ca.cert, servername: "localhost" });
      peer.on("error", fail);
      const socket = (await accepted).connectedSocket;
      const sizes = [];
      socket.suspend();
      const all = new Promise((resolve) => {
        let left = 3 << 20;
        socket.onmessage = ({ data }) => {
          sizes.push(data.byteLength);
          left -= data.byteLength;
          if (left === 0) resolve();
        };
      });
      // The system takes all of it before the first byte is read.
      if (!peer.authorized) await new Promise((resolve) => peer.once("secureConnect", resolve));
      // Records of this size, with what they add, do not fill a read of 256 KiB.
      peer.setMaxSendFragment(4096);
      await new Promise((resolve) => peer.write(Buffer.alloc(3 << 20), resolve));
      socket.resume();
      await all;
      peer.destroy();
      socket.close();
      server.close();
      const full = sizes.filter((size) => size === 65536).length;
      report([full, sizes.length]);
    })().catch(fail);`,
    { env: { ...env("turn"), SEED: "1" }, timeout: 30_000 },
  );
  const [full, count] = result;
  // The first bytes may come one read earlier than the others. Without this, each record of the read before ends a message.
  expect(count - full).toBeLessThanOrEqual(4);
  expect(count).toBeLessThanOrEqual(52);
});
