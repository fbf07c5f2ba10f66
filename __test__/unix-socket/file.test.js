"use strict";

// What a server's path may meet: missing folders, missing permissions, other files; and when close() removes the server's file (R-unix).

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const net = require("node:net");
const path = require("node:path");
const { expectDOMException, expectIsDOMException, listen, once, runJSON, start } = require("../helpers");
const { defer } = require("../helpers/cleanup");
const { launch } = require("../helpers/programs");
const { UnixServerSocket, dialPath, socketPath, unix, unixServer, unixTest } = require("../helpers/unix");
const { BECOME_NOBODY, NOBODY, kindAt, leaveStale, linuxTest, userTest } = require("../helpers/socket-files");

/** The message of a server's exception, behind its address. */
function reason(error) {
  return error.message.slice(error.message.indexOf(": ", error.message.indexOf("bind to")) + 2);
}

/** Checks that a server at this path throws InvalidAccessError with this code, and returns the message's reason. */
function refused(where, code) {
  const error = expectDOMException(() => new UnixServerSocket({ path: where }), "InvalidAccessError", code);
  expect([error.syscall, error.address, error.port]).toEqual(["bind", where, undefined]);
  expect(Object.keys(error)).not.toContain("port");
  expect(error.message).toContain(`UnixServerSocket constructor: cannot bind to ${where}: `);
  return reason(error);
}

/** The error event of a client. */
async function failure(where) {
  const { error } = await once(unix(where), "error");
  expectIsDOMException(error, "NetworkError");
  expect([error.syscall, error.address, error.port]).toEqual(["connect", where, undefined]);
  expect(error.message).toContain(`UnixSocket: cannot connect to ${where}: `);
  return [error.code, error.message.slice(error.message.indexOf(". ") + 2)];
}

/** Makes a fifo. */
function mkfifo(where) {
  expect(spawnSync("mkfifo", [where]).status).toBe(0);
}

const IN_USE = "(EADDRINUSE). Choose another path, or end what has this one.";

describe("the folder (R-unix)", () => {
  unixTest("one that does not exist is ENOENT at both ends", async () => {
    const where = path.join(path.dirname(socketPath()), "none", "s");
    const cure = "There is no such file, or its folder does not exist.";
    expect(refused(where, "ENOENT")).toBe(`no such file or directory (ENOENT). ${cure}`);
    expect(await failure(where)).toEqual(["ENOENT", cure]);
    expect(fs.existsSync(path.dirname(where))).toBe(false);
  });

  unixTest("a file in its place is ENOTDIR at both ends", async () => {
    const file = socketPath("file");
    fs.writeFileSync(file, "kept");
    const where = path.join(file, "s");
    expect(refused(where, "ENOTDIR")).toBe("not a directory (ENOTDIR). A part of the path is no folder.");
    expect(await failure(where)).toEqual(["ENOTDIR", "A part of the path is no folder."]);
    expect(fs.readFileSync(file, "utf8")).toBe("kept");
  });

  // In a child, since the process once waited for a writer of the fifo, for ever.
  unixTest("a fifo in its place is ENOTDIR, and is not opened", async () => {
    const fifo = socketPath("fifo");
    mkfifo(fifo);
    const script = `
      try {
        new UnixServerSocket({ path: process.argv[1] + "/s" });
      } catch (error) {
        report(error.code);
      }`;
    expect(await runJSON(script, { args: [fifo] })).toBe("ENOTDIR");
  });

  unixTest("a circle of symbolic links is ELOOP at both ends", async () => {
    const link = socketPath("link");
    fs.symlinkSync(link, link);
    const where = path.join(link, "s");
    expect(refused(where, "ELOOP")).toMatch(/\(ELOOP\)\. Symbolic links lead in a circle\.$/);
    expect(await failure(where)).toEqual(["ELOOP", "Symbolic links lead in a circle."]);
  });

  unixTest("a symbolic link to a folder is followed", async () => {
    const folder = path.dirname(socketPath());
    fs.mkdirSync(path.join(folder, "real"));
    fs.symlinkSync("real", path.join(folder, "link"));
    const where = path.join(folder, "link", "s");
    const server = unixServer({ path: where });
    expect(server.localPath).toBe(where);
    await once(unix(path.join(folder, "real", "s")), "open");
    server.close();
    expect(fs.readdirSync(path.join(folder, "real"))).toEqual([]);
  });

  userTest("one that this user may not write is EACCES, and a socket that it may not write is an error event", async () => {
    const folder = path.dirname(socketPath());
    fs.chmodSync(folder, 0o755);
    unixServer({ path: path.join(folder, "closed"), mode: 0o600 });
    const script = `(async () => {
      ${BECOME_NOBODY}
      const seen = [];
      try {
        new UnixServerSocket({ path: process.argv[1] + "/s" });
      } catch ({ name, code, message }) {
        seen.push(name, code, message);
      }
      const { error } = await once(new UnixSocket(process.argv[1] + "/closed"), "error");
      report([...seen, error.name, error.code, error.message]);
    })();`;
    const cure =
      "permission denied (EACCES). It is not permitted: to connect needs permission to write the socket's file, to listen needs permission to write its folder.";
    expect(await runJSON(script, { args: [folder] })).toEqual([
      "InvalidAccessError",
      "EACCES",
      `UnixServerSocket constructor: cannot bind to ${folder}/s: ${cure}`,
      "NetworkError",
      "EACCES",
      `UnixSocket: cannot connect to ${folder}/closed: ${cure}`,
    ]);
    expect(fs.readdirSync(folder)).toEqual(["closed"]);
  });

  userTest("one that this user may not search is EACCES at both ends, and nothing is said about what is in it", async () => {
    const folder = path.dirname(socketPath());
    unixServer({ path: path.join(folder, "s") });
    const script = `(async () => {
      ${BECOME_NOBODY}
      const seen = [];
      for (const name of ["s", "none"]) {
        const path = process.argv[1] + "/" + name;
        try {
          new UnixServerSocket({ path });
        } catch ({ code }) {
          seen.push(code);
        }
        const { error } = await once(new UnixSocket(path), "error");
        seen.push(error.code);
      }
      report(seen);
    })();`;
    expect(await runJSON(script, { args: [folder] })).toEqual(["EACCES", "EACCES", "EACCES", "EACCES"]);
  });
});

describe("something in the way is never removed (R-unix)", () => {
  unixTest("a regular file", async () => {
    const where = socketPath();
    fs.writeFileSync(where, "kept");
    expect(refused(where, "EADDRINUSE")).toBe(`a file that is no socket is in the way, and is never replaced ${IN_USE}`);
    expect(fs.readFileSync(where, "utf8")).toBe("kept");
    expect(await failure(where)).toEqual(["ECONNREFUSED", "No server listens there: the file is left from one that has ended, or is no socket."]);
  });

  unixTest("a folder, also the root and the folder of the path itself", () => {
    const folder = path.dirname(socketPath());
    for (const where of [folder, "/", `${folder}/`, `${folder}/..`]) {
      expect(refused(where, "EADDRINUSE")).toBe(`a file that is no socket is in the way, and is never replaced ${IN_USE}`);
    }
    expect(kindAt(folder)).toBe("folder");
  });

  unixTest("a fifo", () => {
    const where = socketPath();
    mkfifo(where);
    expect(refused(where, "EADDRINUSE")).toContain("a file that is no socket is in the way");
    expect(kindAt(where)).toBe("fifo");
  });

  unixTest("a symbolic link: dangling, to a file, to a stale socket, to a live server", async () => {
    const folder = path.dirname(socketPath());
    const at = (name) => path.join(folder, name);
    fs.writeFileSync(at("file"), "kept");
    await leaveStale(at("stale"));
    await listen({ path: at("live") });
    for (const target of ["none", "file", "stale", "live"]) {
      const where = at(`to-${target}`);
      fs.symlinkSync(target, where);
      expect(refused(where, "EADDRINUSE")).toBe(`a symbolic link is in the way, and is never replaced ${IN_USE}`);
      expect(fs.readlinkSync(where)).toBe(target);
    }
    expect([kindAt(at("none")), kindAt(at("file")), kindAt(at("stale"))]).toEqual([undefined, "file", "socket"]);
    await dialPath(at("live"));
    // A client follows links.
    await once(unix(at("to-live")), "open");
  });

  linuxTest("a socket of datagrams, live or stale", async () => {
    const where = socketPath();
    const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
sys.stdin.read()`;
    const python = launch("python3", ["-c", script, where]);
    await python.says(/bound/);
    expect(refused(where, "EADDRINUSE")).toMatch(/^a socket is in the way that does not answer as an old one: /);
    expect(kindAt(where)).toBe("socket");
    const cure = "The socket there is of another type: it takes datagrams or packets.";
    expect(await failure(where)).toEqual(["EPROTOTYPE", cure]);
    python.end();
    await python.ended();
    // No system says of which type a socket was once it is closed.
    expect(unixServer({ path: where }).readyState).toBe("open");
  });

  unixTest("a live server: of this package, and of node:net; it sees a connection that ends at once", async () => {
    const ours = unixServer();
    expect(refused(ours.localPath, "EADDRINUSE")).toBe(`a server listens there ${IN_USE}`);
    await once(unix(ours.localPath), "open");

    const where = socketPath();
    const other = await listen({ path: where });
    expect(refused(where, "EADDRINUSE")).toBe(`a server listens there ${IN_USE}`);
    const probe = await other.next();
    probe.resume();
    await once(probe, "end");
    await dialPath(where);
  });

  linuxTest("a server that is suspended and whose backlog is full", async () => {
    const server = unixServer({ backlog: 1 });
    server.suspend();
    server.onconnect = () => {};
    const clients = [];
    do {
      clients.push(unix(server.localPath));
    } while (clients.at(-1).readyState === "open" || clients.length < 3);
    for (let i = 0; i < 3; i++) {
      expect(refused(server.localPath, "EADDRINUSE")).toBe(`a server listens there ${IN_USE}`);
    }
    expect(kindAt(server.localPath)).toBe("socket");
    server.resume();
    await once(clients.at(-1), "open");
  });

  unixTest("a server in a process that is stopped", async () => {
    const where = socketPath();
    const child = start(`const server = new UnixServerSocket({ path: process.argv[1] }); report(1);`, { args: [where] });
    await child.next();
    child.process.kill("SIGSTOP");
    expect(refused(where, "EADDRINUSE")).toBe(`a server listens there ${IN_USE}`);
    child.process.kill("SIGCONT");
    await dialPath(where);
  });
});

describe("close() (R-unix)", () => {
  unixTest("removes the file before it returns; the path is free at once", () => {
    const where = socketPath();
    for (let i = 0; i < 10; i++) {
      const server = unixServer({ path: where });
      expect(kindAt(where)).toBe("socket");
      server.close();
      expect(kindAt(where)).toBeUndefined();
    }
  });

  unixTest("leaves the connections of the server alone", async () => {
    const server = unixServer();
    const connect = once(server, "connect");
    const client = unix(server.localPath);
    const { connectedSocket } = await connect;
    server.close();
    const message = once(client, "message");
    connectedSocket.send("still here");
    expect(Buffer.from((await message).data).toString()).toBe("still here");
    expect(connectedSocket.localPath).toBe(server.localPath);
    connectedSocket.reset();
  });

  unixTest("a second close() removes nothing", () => {
    const first = unixServer();
    first.close();
    const second = unixServer({ path: first.localPath });
    first.close();
    expect(kindAt(second.localPath)).toBe("socket");
  });

  unixTest("leaves what has taken the path meanwhile: a file, a link, a folder, a live socket", async () => {
    const replacements = {
      file: (where) => fs.writeFileSync(where, "kept"),
      link: (where) => fs.symlinkSync("elsewhere", where),
      folder: (where) => fs.mkdirSync(where),
      socket: async (where) => {
        // In one step, as programs do that never leave the path without a server.
        const server = net.createServer().listen(`${where}~`);
        await once(server, "listening");
        fs.renameSync(`${where}~`, where);
        defer(() => server.close());
      },
    };
    for (const [kind, replace] of Object.entries(replacements)) {
      const server = unixServer();
      if (kind !== "socket") {
        fs.unlinkSync(server.localPath);
      }
      await replace(server.localPath);
      server.close();
      expect(kindAt(server.localPath)).toBe(kind);
    }
  });

  unixTest("leaves the file of a server of ours that replaced it by force", async () => {
    const first = unixServer();
    fs.unlinkSync(first.localPath);
    const second = unixServer({ path: first.localPath });
    first.close();
    expect(kindAt(second.localPath)).toBe("socket");
    await once(unix(second.localPath), "open");
  });

  unixTest("is silent if the file is gone, was renamed, or its folder is gone or renamed", () => {
    const folder = path.dirname(socketPath());
    const at = (name) => path.join(folder, name);
    const cases = [
      (where) => fs.unlinkSync(where),
      (where) => fs.renameSync(where, at("renamed")),
      (where) => fs.renameSync(path.dirname(where), at("moved")),
      (where) => fs.rmSync(path.dirname(where), { recursive: true }),
    ];
    for (const [index, change] of cases.entries()) {
      fs.mkdirSync(at(`f${index}`));
      const server = unixServer({ path: at(`f${index}/s`) });
      server.onerror = ({ error }) => { throw error; };
      change(server.localPath);
      server.close();
      expect(server.readyState).toBe("closed");
    }
    // What was renamed is not searched for.
    expect([kindAt(at("renamed")), kindAt(at("moved/s"))]).toEqual(["socket", "socket"]);
  });

  unixTest("removes a file that was renamed away and back", () => {
    const server = unixServer();
    fs.renameSync(server.localPath, `${server.localPath}~`);
    fs.renameSync(`${server.localPath}~`, server.localPath);
    server.close();
    expect(kindAt(server.localPath)).toBeUndefined();
  });

  userTest("leaves the file, and says nothing, if the user may not remove it any more", async () => {
    const folder = path.dirname(socketPath());
    fs.chmodSync(folder, 0o777);
    const script = `
      const server = new UnixServerSocket({ path: process.argv[1] });
      ${BECOME_NOBODY}
      server.close();
      report(server.readyState);`;
    fs.chmodSync(folder, 0o755);
    expect(await runJSON(script, { args: [path.join(folder, "s")] })).toBe("closed");
    expect(kindAt(path.join(folder, "s"))).toBe("socket");
    expect(NOBODY).not.toBe(0);
  });

  unixTest("a signal that is aborted closes the server, and so removes the file", async () => {
    const controller = new AbortController();
    const server = unixServer({ signal: controller.signal });
    controller.abort();
    await server.closed.catch(() => {});
    expect(server.readyState).toBe("closed");
    expect(kindAt(server.localPath)).toBeUndefined();
  });

  unixTest("so does Symbol.asyncDispose", async () => {
    const server = unixServer();
    await server[Symbol.asyncDispose ?? Symbol.for("nodejs.asyncDispose")]();
    expect(kindAt(server.localPath)).toBeUndefined();
  });
});

describe("a server that is never made leaves no file (R-unix)", () => {
  for (const [what, options, name] of [
    ["no certificate", { useSecureTransport: true }, "InvalidAccessError"],
    ["a bad certificate", { secureTransport: { cert: "bad", key: "bad" } }, "InvalidAccessError"],
    ["a mode that is too large", { mode: 0o1000 }, "InvalidAccessError"],
    ["a backlog of 0", { backlog: 0 }, "InvalidAccessError"],
    ["a signal that is aborted already", { signal: AbortSignal.abort() }, "AbortError"],
  ]) {
    unixTest(`with ${what}`, () => {
      const where = socketPath();
      expectDOMException(() => unixServer({ path: where, ...options }), name);
      expect(fs.readdirSync(path.dirname(where))).toEqual([]);
    });
  }
});
