"use strict";

// Unix sockets and their process: descriptors, garbage, workers, exit, async contexts, errors that nobody hears, stacks.

const path = require("node:path");
const { run, runJSON } = require("../helpers");
const { linuxTest } = require("../helpers/socket-files");
const { socketPath, unixTest } = require("../helpers/unix");

const DESCRIPTORS = JSON.stringify(path.join(__dirname, "..", "fixtures", "descriptors"));
const OPEN_FILES = 100;

/** Runs the body of an async function in a process. `path` is the path of a socket. Returns what it reports. */
function runAt(where, body, how) {
  return runJSON(`(async () => {
    const { setTimeout: sleep } = require("node:timers/promises");
    const [, path] = process.argv;
    ${body}
  })().catch((error) => { console.error(error); process.exit(70); });`, { args: [where], timeout: 25_000, ...how });
}

describe("too many open files", () => {
  unixTest("the constructors throw NetworkError (EMFILE) and leave no file; they work again later (R-error)", async () => {
    const folder = path.dirname(socketPath());
    const { thrown, left, later } = await runJSON("emfile-constructors.js", { openFiles: OPEN_FILES, args: [folder] });
    for (const [kind, name] of [["UnixSocket", "nobody"], ["UnixServerSocket", "server"]]) {
      expect(thrown[kind].slice(0, 3)).toEqual(["NetworkError", "EMFILE", true]);
      expect(thrown[kind].slice(4)).toEqual([path.join(folder, name), null]);
    }
    expect(left).toEqual([]);
    expect(later).toMatchObject({ UnixSocket: "connecting", UnixServerSocket: "open" });
  });

  unixTest("at accept: one error a spell, the server stays open, and then serves what waited (R-srv-error)", async () => {
    const result = await runAt(
      socketPath(),
      `const { fill, release } = require(${DESCRIPTORS});
      const server = new UnixServerSocket({ path });
      const clients = [];
      for (let i = 0; i < 3; i++) {
        const client = net.connect({ path });
        client.on("error", () => {});
        await once(client, "connect");
        clients.push(client);
      }
      fill();
      const errors = [];
      let served = 0;
      server.onerror = ({ error }) => errors.push([error.name, error.code, error.address]);
      server.onconnect = ({ connectedSocket }) => {
        served += 1;
        connectedSocket.send("welcome");
      };
      await sleep(300);
      const during = { errors: errors.length, served, readyState: server.readyState };
      const words = Promise.all(clients.map((client) => once(client, "data")));
      release();
      await words;
      report({ during, served, errors });
      process.exit(0);`,
      { openFiles: OPEN_FILES },
    );
    const [[name, code, address]] = result.errors;
    expect(result).toMatchObject({ during: { errors: 1, served: 0, readyState: "open" }, served: 3 });
    expect([name, code, path.basename(address), result.errors.length]).toEqual(["NetworkError", "EMFILE", "socket", 1]);
  });
});

unixTest("sockets that nobody references work on, and 1,000 closed ones are collected (R-keep)", async () => {
  const result = await runAt(
    socketPath(),
    `const turns = async (count) => { while (count-- > 0) await new Promise(setImmediate); };
    const collect = async () => { for (let i = 0; i < 6; i++) { gc(); await turns(5); } };
    const open = () => require("node:fs").readdirSync("/dev/fd").length;
    const refs = [];
    (() => {
      const server = new UnixServerSocket({ path, backlog: 512 });
      server.onconnect = ({ connectedSocket }) => {
        refs.push(new WeakRef(connectedSocket));
        connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
        connectedSocket.onhalfclose = () => connectedSocket.close();
      };
    })();
    const visit = () => new Promise((resolve) => {
      const client = new UnixSocket(path);
      refs.push(new WeakRef(client));
      client.onopen = () => client.send("x");
      client.onmessage = () => client.close();
      client.onclose = resolve;
    });
    await visit();
    await collect();
    const before = open();
    for (let i = 0; i < 10; i++) {
      await Promise.all(Array.from({ length: 100 }, visit));
      await collect();
    }
    await sleep(50);
    await collect();
    report({ count: refs.length, alive: refs.filter((ref) => ref.deref() !== undefined).length, descriptors: open() - before });
    process.exit(0);`,
    { nodeArgs: ["--expose-gc"] },
  );
  expect(result.count).toBe(2002);
  expect(result.alive).toBeLessThan(5);
  expect(result.descriptors).toBeLessThan(5);
});

unixTest("workers ended in the middle of transfers: peers see the end, the files are gone, the process goes on (R-end-of-life)", async () => {
  const result = await runAt(
    socketPath(),
    `const { Worker } = require("node:worker_threads");
    const fs = require("node:fs");
    const folder = require("node:path").dirname(path);
    const source = \`
      const { parentPort, workerData } = require("node:worker_threads");
      const { UnixSocket, UnixServerSocket } = require(workerData.root);
      const block = new Uint8Array(256 * 1024);
      const pump = (socket) => {
        socket.onmessage = () => {};
        socket.onerror = () => {};
        socket.ondrain = () => socket.send(block);
        socket.send(block);
        socket.send(block);
      };
      const server = new UnixServerSocket({ path: workerData.path });
      server.onconnect = ({ connectedSocket }) => pump(connectedSocket);
      const client = new UnixSocket(workerData.path);
      client.onopen = () => {
        pump(client);
        parentPort.postMessage("ready");
      };\`;
    let ends = 0;
    for (let round = 0; round < 5; round++) {
      const workers = Array.from({ length: 4 }, (_, i) => {
        const at = \`\${folder}/\${round}-\${i}\`;
        return { at, worker: new Worker(source, { eval: true, workerData: { root: process.cwd(), path: at } }) };
      });
      await Promise.all(workers.map(({ worker }) => once(worker, "message")));
      const clients = workers.map(({ at }) => {
        const client = new UnixSocket(at);
        client.onmessage = () => {};
        return client;
      });
      await Promise.all(clients.map((client) => once(client, "message")));
      const seen = clients.map((client) => new Promise((resolve) => {
        client.onhalfclose = client.onerror = client.onclose = resolve;
      }));
      await Promise.all(workers.map(({ worker }) => worker.terminate()));
      await Promise.all(seen);
      ends += seen.length;
    }
    report({ ends, files: fs.readdirSync(folder) });
    process.exit(0);`,
  );
  expect(result).toEqual({ ends: 20, files: [] });
});

unixTest("bytes that are buffered at close() arrive before the process ends by itself (R-end-of-life)", async () => {
  const result = await runAt(
    socketPath(),
    `const { spawn } = require("node:child_process");
    const server = new UnixServerSocket({ path });
    const connect = once(server, "connect");
    const source = 'const { UnixSocket } = require(process.argv[1]); const s = new UnixSocket(process.argv[2]); s.onopen = () => { s.send(new Uint8Array(16 << 20)); s.close(); };';
    const child = spawn(process.execPath, ["-e", source, process.cwd(), path], { stdio: "inherit" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const { connectedSocket } = await connect;
    await sleep(300);
    const waiting = child.exitCode === null;
    let bytes = 0;
    connectedSocket.onmessage = ({ data }) => { bytes += data.byteLength; };
    await once(connectedSocket, "halfclose");
    connectedSocket.close();
    report({ waiting, bytes, code: await ended });
    process.exit(0);`,
  );
  expect(result).toEqual({ waiting: true, bytes: 16 << 20, code: 0 });
});

unixTest("a socket is an async resource: its events run in the context of its new (R-context)", async () => {
  const result = await runAt(
    socketPath(),
    `const { AsyncLocalStorage, createHook } = require("node:async_hooks");
    const types = new Set();
    createHook({ init: (id, type) => types.add(type) }).enable();
    const storage = new AsyncLocalStorage();
    const seen = [];
    const server = storage.run("server", () => new UnixServerSocket({ path }));
    server.onconnect = ({ connectedSocket }) => {
      seen.push("connect " + storage.getStore());
      connectedSocket.onmessage = () => {
        seen.push("accepted message " + storage.getStore());
        connectedSocket.close();
      };
    };
    const client = storage.run("client", () => new UnixSocket(path));
    client.onopen = () => {
      seen.push("open " + storage.getStore());
      client.send("x");
    };
    client.onhalfclose = () => client.close();
    client.onclose = () => {
      seen.push("close " + storage.getStore());
      server.close();
      report({ seen, types: [...types].filter((type) => /^UNIX/.test(type)).sort() });
    };`,
  );
  expect(result.seen.sort()).toEqual(["accepted message server", "close client", "connect server", "open client"]);
  expect(result.types).toEqual(["UNIXSERVERSOCKET", "UNIXSOCKET"]);
});

unixTest("an error that nobody hears throws nothing, and prints one warning (R-unheard)", async () => {
  const { code, stderr } = await run("new UnixSocket(process.argv[1]); setTimeout(() => new UnixSocket(process.argv[1]), 50);", { args: [socketPath()] });
  expect(code).toBe(0);
  expect(stderr.match(/UnheardSocketError/g)).toHaveLength(1);
  expect(stderr).toContain("ENOENT");
});

unixTest("the stack of an exception leads to the line of the program (R-stack)", async () => {
  const stacks = await runAt(
    socketPath(),
    `const calls = {
      empty: () => new UnixSocket(""),
      folder: () => new UnixServerSocket({ path: require("node:path").dirname(path) }),
      signal: () => new UnixSocket(path, { signal: 1 }),
    };
    report(Object.entries(calls).map(([name, call]) => {
      try {
        call();
      } catch ({ stack }) {
        return [name, stack.includes("at " + name + " ") || stack.includes("at Object." + name + " ")];
      }
    }));
    process.exit(0);`,
  );
  expect(stacks).toEqual([["empty", true], ["folder", true], ["signal", true]]);
});

linuxTest("fifty clients at a full backlog are served in the end, whatever ends them", async () => {
  const result = await runAt(
    socketPath(),
    `const server = new UnixServerSocket({ path, backlog: 2 });
    const clients = Array.from({ length: 50 }, (_, i) => {
      const client = new UnixSocket(path);
      client.onerror = ({ error }) => report(error.message);
      client.onopen = () => {
        client.send(String(i));
        if (i % 2 === 0) client.halfclose();
        else client.close();
      };
      client.onhalfclose = () => client.close();
      if (i % 3 === 0) client.suspend();
      return client;
    });
    await sleep(100);
    const waiting = clients.filter(({ readyState }) => readyState === "connecting").length;
    const seen = [];
    await new Promise((resolve) => {
      server.onconnect = ({ connectedSocket }) => {
        let text = "";
        connectedSocket.onmessage = ({ data }) => {
          text += Buffer.from(data);
        };
        connectedSocket.onhalfclose = () => {
          connectedSocket.close();
          if (seen.push(Number(text)) === 50) resolve();
        };
      };
    });
    report({ waiting, seen: seen.sort((a, b) => a - b) });
    process.exit(0);`,
  );
  expect(result.seen).toEqual(Array.from({ length: 50 }, (_, i) => i));
  // The backlog has room for three.
  expect(result.waiting).toBe(47);
});
