"use strict";

// The examples of Unix sockets: what they do when all is well, and that none ends in silence when it is not.

const { existsSync, statSync, writeFileSync } = require("node:fs");
const http = require("node:http");
const path = require("node:path");
const { setImmediate } = require("node:timers");
const { ROOT, collect, listen, once } = require("../helpers");
const { defer } = require("../helpers/cleanup");
const { launch } = require("../helpers/programs");
const { dialPath, socketPath, unixTest } = require("../helpers/unix");

jest.setTimeout(30_000);

/** ms that an example may take, on a busy machine. */
const PATIENCE = 20_000;

const example = (name, ...words) => launch(process.execPath, [path.join(ROOT, "examples", name), ...words]);

/** It has ended with a code of its own, and has said why in one or a few lines: no stack, no warning. */
async function expectComplaint(running, pattern) {
  const { code, signal, stderr } = await running.ended(PATIENCE);
  expect(stderr).toMatch(pattern);
  expect(stderr).not.toMatch(/\n {4}at |Warning/);
  expect({ code, signal }).toEqual({ code: 1, signal: null });
}

/** examples/unix-echo-server.js at a new path, ready. */
async function echoServer() {
  const where = socketPath();
  const running = example("unix-echo-server.js", where);
  await running.says(`Listening on ${where}`, PATIENCE);
  return { running, where };
}

/** The clients: how each is pointed to a path. */
const CLIENTS = {
  "unix-echo-client.js": (where) => example("unix-echo-client.js", where),
  "unix-http-get.js": (where) => example("unix-http-get.js", where, "/version"),
};

describe("examples/unix-echo-server.js and unix-echo-client.js", () => {
  unixTest("a line there and back; the server tells who has come; its file is for its user alone, and goes with it", async () => {
    const { running, where } = await echoServer();
    expect((statSync(where).mode & 0o777).toString(8)).toBe("600");
    const client = example("unix-echo-client.js", where, "é € 😀");
    const { code, stdout, stderr } = await client.ended(PATIENCE);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(Buffer.from(stdout, "latin1").toString()).toBe(`Connected to ${where}\né € 😀\n`);
    await running.says(`Connection from user ${process.geteuid()}, process ${client.child.pid}\nConnection has been closed\n`, PATIENCE);
    running.child.kill("SIGTERM");
    expect(await running.ended(PATIENCE)).toMatchObject({ code: 0, stderr: "" });
    expect(existsSync(where)).toBe(false);
  });

  unixTest("the server waits for a client that reads nothing, and sends all back once it reads", async () => {
    const { where } = await echoServer();
    const client = await dialPath(where);
    const block = Buffer.alloc(64 * 1024, "x");
    let sent = 0;
    for (let drained = true; drained; ) {
      for (let more = true; more; sent += block.length) more = client.write(block);
      drained = await once(client, "drain", 500).then(() => true, () => false);
    }
    expect(sent).toBeLessThan(32 << 20);
    const inbox = collect(client);
    client.end();
    await inbox.end(PATIENCE);
    expect(inbox.length).toBe(sent);
  });

  unixTest("the path of a server that was killed is free, that of one that runs is not", async () => {
    const { running, where } = await echoServer();
    await expectComplaint(example("unix-echo-server.js", where), /EADDRINUSE/);
    running.child.kill("SIGKILL");
    await running.ended(PATIENCE);
    expect(existsSync(where)).toBe(true);
    await example("unix-echo-server.js", where).says("Listening on", PATIENCE);
    expect(await example("unix-echo-client.js", where).ended(PATIENCE)).toMatchObject({ code: 0, stderr: "" });
  });

  unixTest("paths that cannot be: an ordinary file, no folder, too long", async () => {
    const where = socketPath("file");
    writeFileSync(where, "not a socket");
    await expectComplaint(example("unix-echo-server.js", where), /EADDRINUSE/);
    expect(existsSync(where)).toBe(true);
    await expectComplaint(example("unix-echo-server.js", path.join(where, "below")), /ENOTDIR/);
    await expectComplaint(example("unix-echo-server.js", `${where}s/none`), /ENOENT/);
    await expectComplaint(example("unix-echo-server.js", where.padEnd(200, "x")), /200/);
  });

  unixTest("the client at half an echo, and at another answer", async () => {
    for (const [answer, complaint] of [["Hello", /ended/], ["Good day, stranger\n", /no echo server/]]) {
      const server = await listen({ path: socketPath() });
      const running = example("unix-echo-client.js", server.server.address());
      const peer = await server.next(PATIENCE);
      await once(peer, "data", PATIENCE);
      peer.end(answer);
      await expectComplaint(running, complaint);
    }
  });
});

describe("examples/unix-http-get.js", () => {
  /** A node:http server at a new path. */
  async function serve(listener) {
    const server = http.createServer(listener);
    const where = socketPath();
    server.listen(where);
    await once(server, "listening");
    defer(() => new Promise((resolve) => server.close(resolve)));
    return where;
  }

  unixTest("prints the body, whole or as it comes", async () => {
    const where = await serve(({ url, headers }, response) => {
      if (url === "/version") return response.end(JSON.stringify({ host: headers.host }));
      response.write("one\n");
      return setImmediate(() => response.end("two\n"));
    });
    expect(await example("unix-http-get.js", where, "/version").ended(PATIENCE)).toMatchObject({ code: 0, stdout: '{"host":"localhost"}', stderr: "" });
    expect(await example("unix-http-get.js", where, "/events").ended(PATIENCE)).toMatchObject({ code: 0, stdout: "one\ntwo\n", stderr: "" });
  });

  unixTest("prints a body of 8 MiB, and events while they happen", async () => {
    const big = Buffer.alloc(8 << 20, "0123456789");
    let events;
    const where = await serve(({ url }, response) => {
      if (url === "/big") return response.end(big);
      events = response;
      return response.write("begins\n");
    });
    const { code, stdout } = await example("unix-http-get.js", where, "/big").ended(PATIENCE);
    expect({ code, length: stdout.length, same: stdout === big.toString() }).toEqual({ code: 0, length: big.length, same: true });
    const running = example("unix-http-get.js", where, "/events");
    await running.says("begins\n", PATIENCE);
    events.end("ends\n");
    expect(await running.ended(PATIENCE)).toMatchObject({ code: 0, stdout: "begins\nends\n" });
  });

  unixTest("an error of the server is told, after its body", async () => {
    const where = await serve((_, response) => {
      response.statusCode = 404;
      response.end("no such thing\n");
    });
    const running = example("unix-http-get.js", where, "/nothing");
    await expectComplaint(running, /^the server refuses: HTTP\/1\.1 404 Not Found\n$/);
    expect(running.output.stdout).toBe("no such thing\n");
  });

  unixTest("an answer that is cut off: within its head, and within its body", async () => {
    const cut = [
      ["HTTP/1.1 200 OK\r\nServer: te", /the answer has ended too early/],
      ["HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n1234", /the answer has ended too early: 4 of 10 bytes/],
    ];
    for (const [answer, complaint] of cut) {
      const server = await listen({ path: socketPath() });
      const running = CLIENTS["unix-http-get.js"](server.server.address());
      const peer = await server.next(PATIENCE);
      await once(peer, "data", PATIENCE);
      peer.end(answer);
      await expectComplaint(running, complaint);
    }
  });
});

describe.each(Object.entries(CLIENTS))("examples/%s", (_, run) => {
  unixTest("where there is no socket, and where nobody listens any more", async () => {
    const { running, where } = await echoServer();
    await expectComplaint(run(`${where}s`), /ENOENT/);
    running.child.kill("SIGKILL");
    await running.ended(PATIENCE);
    await expectComplaint(run(where), /ECONNREFUSED/);
  });

  unixTest("where the server ends at once, and after what it was sent", async () => {
    for (const later of [false, true]) {
      const server = await listen({ path: socketPath() });
      const running = run(server.server.address());
      const peer = await server.next(PATIENCE);
      if (later) await once(peer, "data", PATIENCE);
      peer.end();
      peer.resume();
      await expectComplaint(running, /ended/);
    }
  });

  unixTest("where the server drops the connection unread", async () => {
    const server = await listen({ path: socketPath(), pauseOnConnect: true });
    const running = run(server.server.address());
    (await server.next(PATIENCE)).destroy();
    // It may come before the example has sent anything, and after.
    await expectComplaint(running, /ended|ECONNRESET|EPIPE/);
  });

  unixTest("where the server speaks another protocol", async () => {
    const server = await listen({ path: socketPath() });
    const running = run(server.server.address());
    const peer = await server.next(PATIENCE);
    peer.write("SSH-2.0-OpenSSH_9.9\r\n\r\n");
    peer.resume();
    await expectComplaint(running, /does not speak HTTP|no echo server/);
  });
});

describe("examples of Unix sockets", () => {
  for (const name of ["unix-echo-client.js", "unix-echo-server.js", "unix-http-get.js"]) {
    unixTest(`${name}: without its arguments`, async () => {
      await expectComplaint(example(name), new RegExp(`^usage: node ${name.replace(".", "\\.")} PATH`));
    });
  }
});
