"use strict";

// Paths as arguments (R-unix): which are refused, how they are resolved, and what the attributes then are.

const fs = require("node:fs");
const path = require("node:path");
const { expectDOMException, expectTypeError, once, runJSON } = require("../helpers");
const { UnixServerSocket, UnixSocket, dialPath, socketPath, unix, unixServer, unixTest } = require("../helpers/unix");
const { kindAt, linuxTest } = require("../helpers/socket-files");

/** The most bytes of a path here. */
const MOST = process.platform === "linux" ? 107 : 103;

/** Each constructor with a path, which it refuses. */
const constructors = [
  ["UnixSocket", (where) => new UnixSocket(where)],
  ["UnixServerSocket", (where) => new UnixServerSocket({ path: where })],
];

/** A path of this many bytes in a new folder, whose name is filled up with `filler`. */
function pathOf(bytes, filler = "x") {
  const beginning = socketPath("s");
  const rest = bytes - Buffer.byteLength(beginning);
  const size = Buffer.byteLength(filler);
  return beginning + "y".repeat(rest % size) + filler.repeat(Math.floor(rest / size));
}

/** Script lines for a child: changes into `process.argv[1]` and into folders below, until the path has more than `most` bytes. */
const DESCEND = `
  const fs = require("node:fs");
  const path = require("node:path");
  function descend(most) {
    process.chdir(process.argv[1]);
    for (let bytes = process.argv[1].length; bytes <= most; bytes += 101) {
      fs.mkdirSync("d".repeat(100));
      process.chdir("d".repeat(100));
    }
  }
`;

describe.each(constructors)("the path of a %s", (name, construct) => {
  unixTest("an empty path throws InvalidAccessError (R-unix)", () => {
    const error = expectDOMException(() => construct(""), "InvalidAccessError");
    expect(error.message).toBe(`${name} constructor: the path is empty; give the path of a socket, such as "/run/example.sock"`);
    expect(error.code).toBe(DOMException.INVALID_ACCESS_ERR);
  });

  unixTest("NUL inside throws InvalidAccessError, and what is before it is not taken for the path (R-unix)", () => {
    const where = socketPath();
    for (const bad of [`${where}\0`, `${where}\0.sock`, "\0a\0b", "\0\0"]) {
      const error = expectDOMException(() => construct(bad), "InvalidAccessError");
      expect(error.message).toMatch(/contains NUL, which only an abstract name has, and only in front$/);
      expect(error.message).not.toContain("\0");
    }
    expect(kindAt(where)).toBeUndefined();
  });

  unixTest("a path is too long by its bytes, not its characters (R-unix)", () => {
    for (const filler of ["x", "ü", "€", "🔌"]) {
      const long = pathOf(MOST + 1, filler);
      expect(Buffer.byteLength(long)).toBe(MOST + 1);
      const error = expectDOMException(() => construct(long), "InvalidAccessError");
      expect(error.message).toContain(`has ${MOST + 1} bytes, and the system takes ${MOST} at most`);
      expect(fs.readdirSync(path.dirname(long))).toEqual([]);
    }
    expectDOMException(() => construct("x".repeat(10_000_000)), "InvalidAccessError");
  });

  unixTest("what is no string is converted, and what cannot be converted throws a TypeError (R-unix, Web IDL)", () => {
    expectTypeError(() => construct(Symbol("path")));
    expectTypeError(() => construct(Object.create(null)));
    const failure = new Error("not now");
    expect(() => construct({ toString: () => { throw failure; } })).toThrow(failure);
  });
});

unixTest("without a path both constructors throw a TypeError (R-unix)", () => {
  expectTypeError(() => new UnixSocket());
  expectTypeError(() => new UnixServerSocket());
  expectTypeError(() => new UnixServerSocket({}));
  expectTypeError(() => new UnixServerSocket({ path: undefined }));
});

unixTest("a path may have as many bytes as the system takes, in any script (R-unix)", async () => {
  for (const filler of ["x", "ü", "€", "🔌"]) {
    const longest = pathOf(MOST, filler);
    expect(Buffer.byteLength(longest)).toBe(MOST);
    const server = unixServer({ path: longest });
    expect(server.localPath).toBe(longest);
    expect(kindAt(longest)).toBe("socket");
    const accepted = once(server, "connect");
    const client = unix(longest);
    await once(client, "open");
    expect(client.remotePath).toBe(longest);
    expect((await accepted).connectedSocket.localPath).toBe(longest);
    server.close();
    expect(kindAt(longest)).toBeUndefined();
  }
});

unixTest("an object's string is its path (R-unix, Web IDL)", async () => {
  const where = socketPath();
  const server = unixServer({ path: { toString: () => where } });
  expect(server.localPath).toBe(where);
  const client = unix(new URL(`file://${where}`).pathname);
  await once(client, "open");
});

unixTest("a lone surrogate becomes U+FFFD, as in the paths of node:fs (R-unix)", async () => {
  const where = socketPath("a\ud800b");
  const server = unixServer({ path: where });
  expect(server.localPath).toBe(where.replace("\ud800", "\ufffd"));
  expect(fs.readdirSync(path.dirname(where))).toEqual(["a\ufffdb"]);
  await once(unix(where), "open");
  server.close();
  expect(fs.readdirSync(path.dirname(where))).toEqual([]);
});

unixTest("names with spaces, quotes and line breaks are names like others (R-unix)", async () => {
  const where = socketPath("a b'\"\n\u001b[31m");
  const server = unixServer({ path: where });
  await once(unix(where), "open");
  const error = expectDOMException(() => unixServer({ path: where }), "InvalidAccessError", "EADDRINUSE");
  expect(error.address).toBe(where);
  // What a message shows cannot change a terminal or a log.
  // eslint-disable-next-line no-control-regex
  expect(error.message).not.toMatch(/[\n\u001b]/);
  server.close();
  expect(kindAt(where)).toBeUndefined();
});

describe("a relative path (R-unix)", () => {
  unixTest("resolves against the working directory at the call: chdir() later changes nothing", async () => {
    const where = fs.realpathSync(path.dirname(socketPath()));
    const script = `(async () => {
      process.chdir(process.argv[1]);
      const server = new UnixServerSocket({ path: "a.sock" });
      const client = new UnixSocket("./a.sock");
      process.chdir("/");
      const first = [server.localPath, client.remotePath];
      await once(client, "open");
      const later = new UnixSocket(server.localPath);
      await once(later, "open");
      server.close();
      report([...first, later.remotePath, require("node:fs").readdirSync(process.argv[1])]);
      client.reset();
      later.reset();
    })();`;
    const absolute = path.join(where, "a.sock");
    expect(await runJSON(script, { args: [where] })).toEqual([absolute, absolute, absolute, []]);
  });

  unixTest("close() after chdir() leaves a socket of the same name in the new working directory alone", async () => {
    const where = path.dirname(socketPath());
    fs.mkdirSync(path.join(where, "one"));
    fs.mkdirSync(path.join(where, "two"));
    const script = `
      process.chdir(process.argv[1] + "/one");
      const one = new UnixServerSocket({ path: "a.sock" });
      process.chdir(process.argv[1] + "/two");
      const two = new UnixServerSocket({ path: "a.sock" });
      one.close();
      const { existsSync } = require("node:fs");
      report([existsSync("../one/a.sock"), existsSync("a.sock")]);
      two.close();`;
    expect(await runJSON(script, { args: [where] })).toEqual([false, true]);
  });

  unixTest("works where the absolute path is too long, and close() removes its file also after chdir()", async () => {
    const script = `${DESCEND}(async () => {
      descend(300);
      const deep = process.cwd();
      const server = new UnixServerSocket({ path: "a.sock", mode: 0o600 });
      const client = new UnixSocket("a.sock");
      await once(client, "open");
      const seen = [server.localPath === path.join(deep, "a.sock"), client.remotePath === server.localPath];
      // A stale file is replaced there, too.
      fs.renameSync("a.sock", "b.sock");
      server.close();
      const next = new UnixServerSocket({ path: "b.sock" });
      process.chdir("/");
      next.close();
      client.reset();
      report([...seen, fs.readdirSync(deep)]);
    })();`;
    expect(await runJSON(script, { args: [path.dirname(socketPath())] })).toEqual([true, true, []]);
  });

  linuxTest("leaves nothing where the absolute path is too long for every call", async () => {
    const script = `${DESCEND}
      descend(4200);
      const seen = [];
      for (const mode of [undefined, 0o600]) {
        try {
          seen.push(new UnixServerSocket({ path: "a.sock", mode }).localPath.length);
        } catch ({ name, code }) {
          seen.push(name, code);
        }
      }
      report([...seen, fs.readdirSync(".")]);
      // Nothing removes a tree that is so deep at once.
      while (fs.readdirSync("..").includes("d".repeat(100))) {
        process.chdir("..");
        fs.rmSync("d".repeat(100), { recursive: true });
      }`;
    const refused = ["InvalidAccessError", "ENAMETOOLONG"];
    expect(await runJSON(script, { args: [path.dirname(socketPath())] })).toEqual([...refused, ...refused, []]);
  });

  linuxTest("while the backlog is full, an attempt to a too long path does not go to another folder after chdir()", async () => {
    const script = `${DESCEND}(async () => {
      process.chdir(process.argv[1]);
      const wrong = new UnixServerSocket({ path: "a.sock" });
      let connections = 0;
      wrong.onconnect = () => { connections += 1; };
      descend(300);
      const server = new UnixServerSocket({ path: "a.sock", backlog: 1 });
      const clients = [];
      for (let i = 0; i < 3; i++) clients.push(new UnixSocket("a.sock"));
      await once(clients[1], "open");
      const late = clients[2];
      const state = late.readyState;
      process.chdir(process.argv[1]);
      const { error } = await once(late, "error");
      report([state, error.name, error.code, error.address === server.localPath, connections]);
      process.exit();
    })();`;
    const folder = path.dirname(socketPath());
    expect(await runJSON(script, { args: [folder] })).toEqual(["connecting", "NetworkError", "EAGAIN", true, 0]);
  });

  linuxTest("in a deleted working directory both constructors throw, also for a path that leads out of it", async () => {
    const script = `
      const fs = require("node:fs");
      const folder = process.argv[1] + "/gone";
      fs.mkdirSync(folder);
      process.chdir(folder);
      fs.rmdirSync(folder);
      const seen = [];
      for (const path of ["a.sock", "../a.sock"]) {
        for (const construct of [() => new UnixSocket(path), () => new UnixServerSocket({ path })]) {
          try {
            construct().addEventListener("error", () => {});
            seen.push("no exception");
          } catch ({ name, code, syscall, address, message }) {
            seen.push([name, code, syscall, address, message]);
          }
        }
      }
      report([...seen, fs.readdirSync(process.argv[1])]);
      process.exit();`;
    const thrown = (name, address) => [
      "InvalidAccessError",
      "ENOENT",
      "getcwd",
      address,
      `${name} constructor: cannot resolve ${address}: no such file or directory (ENOENT). The working directory does not exist any more: give an absolute path.`,
    ];
    expect(await runJSON(script, { args: [path.dirname(socketPath())] })).toEqual([
      thrown("UnixSocket", "a.sock"),
      thrown("UnixServerSocket", "a.sock"),
      thrown("UnixSocket", "../a.sock"),
      thrown("UnixServerSocket", "../a.sock"),
      [],
    ]);
  });

  linuxTest("in a working directory whose name is no UTF-8 a server removes its file after chdir(), and errors are those of paths", async () => {
    const script = `(async () => {
      const fs = require("node:fs");
      const folder = Buffer.concat([Buffer.from(process.argv[1]), Buffer.from("/caf\\xe9", "latin1")]);
      fs.mkdirSync(folder);
      // process.chdir() takes no bytes.
      const link = process.argv[1] + "/link";
      fs.symlinkSync(folder, link);
      process.chdir(link);
      const server = new UnixServerSocket({ path: "a.sock" });
      const client = new UnixSocket("a.sock");
      await once(client, "open");
      const { localPath } = server;
      const failed = new UnixSocket("none.sock");
      const { error } = await once(failed, "error");
      process.chdir("/");
      server.close();
      report([localPath, client.remotePath, error.message.slice(error.message.indexOf("(")), fs.readdirSync(folder)]);
      client.reset();
    })();`;
    const folder = fs.realpathSync(path.dirname(socketPath()));
    const shown = path.join(folder, "caf\ufffd/a.sock");
    expect(await runJSON(script, { args: [folder] })).toEqual([
      shown,
      shown,
      "(ENOENT). There is no such file, or its folder does not exist.",
      [],
    ]);
  });

  unixTest("keeps its ../, as the system resolves it behind symbolic links", () => {
    const where = path.dirname(socketPath());
    fs.mkdirSync(path.join(where, "a/b"), { recursive: true });
    fs.symlinkSync(path.join(where, "a/b"), path.join(where, "link"));
    const server = unixServer({ path: `${where}/link/../s` });
    expect(fs.readdirSync(where).sort()).toEqual(["a", "link"]);
    expect(kindAt(path.join(where, "a/s"))).toBe("socket");
    server.close();
    expect(kindAt(path.join(where, "a/s"))).toBeUndefined();
  });
});

describe("an abstract name (R-unix)", () => {
  let count = 0;
  /** A name that no other test has. */
  const name = () => `\0tcp-udp-sockets-${process.pid}-${(count += 1)}`;

  linuxTest("needs no file and leaves none; both ends show it with its NUL", async () => {
    const where = name();
    const server = unixServer({ path: where });
    expect(server.localPath).toBe(where);
    const accepted = once(server, "connect");
    const client = unix(where);
    await once(client, "open");
    expect([client.remotePath, client.localPath]).toEqual([where, ""]);
    const { connectedSocket } = await accepted;
    expect([connectedSocket.remotePath, connectedSocket.localPath]).toEqual(["", where]);
    expect(fs.existsSync(where.slice(1))).toBe(false);
  });

  linuxTest("is free again at close()", () => {
    const where = name();
    unixServer({ path: where }).close();
    expect(unixServer({ path: where }).readyState).toBe("open");
  });

  linuxTest("of two servers the second throws EADDRINUSE, and the message shows @ for NUL", async () => {
    const where = name();
    unixServer({ path: where });
    const error = expectDOMException(() => unixServer({ path: where }), "InvalidAccessError", "EADDRINUSE");
    expect([error.syscall, error.address, error.port]).toEqual(["bind", where, undefined]);
    // The words of the reason are the C library's.
    expect(error.message).toMatch(/^UnixServerSocket constructor: cannot bind to @[\w-]+: address .*in use \(EADDRINUSE\)\. Choose another path, or end what has this one\.$/);
    expect(error.message).toContain(`@${where.slice(1)}:`);
    await once(unix(where), "open");
  });

  linuxTest("with a mode throws NotSupportedError, and the name stays free", () => {
    const where = name();
    const error = expectDOMException(() => unixServer({ path: where, mode: 0o600 }), "NotSupportedError");
    expect(error.message).toMatch(/an abstract name has no file, so it has no mode: .*; give a path for a mode$/);
    expect(unixServer({ path: where }).localPath).toBe(where);
  });

  linuxTest("without a server is an error event with ECONNREFUSED", async () => {
    const where = name();
    const { error } = await once(unix(where), "error");
    expect([error.name, error.code, error.syscall, error.address]).toEqual(["NetworkError", "ECONNREFUSED", "connect", where]);
    expect(error.message).toContain(`cannot connect to @${where.slice(1)}: connection refused`);
    expect(error.message).toMatch(/No server has that name\.$/);
  });

  linuxTest(`may have ${MOST} bytes with its NUL, of which none is added or dropped`, async () => {
    const longest = name().padEnd(MOST, "x");
    const server = unixServer({ path: longest });
    expect(server.localPath).toBe(longest);
    await once(unix(longest), "open");
    const { error } = await once(unix(longest.slice(0, -1)), "error");
    expect(error.code).toBe("ECONNREFUSED");
    expectDOMException(() => unixServer({ path: `${longest}x` }), "InvalidAccessError");
  });

  if (process.platform !== "linux") {
    unixTest("throws NotSupportedError where the system has none", () => {
      const error = expectDOMException(() => unixServer({ path: name() }), "NotSupportedError");
      expect(error.message).toMatch(/only Linux has abstract names, which begin with NUL; give the path of a file$/);
    });
  }
});

unixTest("a plain client of node:net reaches the server at each form of its path (R-unix)", async () => {
  const where = socketPath();
  const server = unixServer({ path: `${path.dirname(where)}//./${path.basename(where)}` });
  expect(server.localPath).toBe(where);
  await dialPath(where);
});
