"use strict";

// Node's permission model: a Unix socket needs fs.read and fs.write for its path (R-unix, R-trust).

const fs = require("node:fs");
const path = require("node:path");
const { run } = require("../helpers");
const { ROOT } = require("../helpers/sockets");
const { socketPath, unixTest } = require("../helpers/unix");

const flags = process.allowedNodeEnvironmentFlags;
const model = ["--permission", "--experimental-permission"].find((flag) => flags?.has(flag));
const net = flags?.has("--allow-net") ? ["--allow-net"] : [];
const addons = flags?.has("--allow-addons") ? ["--allow-addons"] : [];

/** What the constructors throw in a child with these permissions: null where they throw nothing. `first` runs before them. */
async function thrown(where, grants, first = "", ...args) {
  const { reports, stderr } = await run(
    `
      ${first};
      const of = (make) => {
        try {
          const socket = make();
          socket.onerror = () => {};
          socket.close();
          return null;
        } catch (error) {
          return [error.name, error.message, error.code];
        }
      };
      report([of(() => new UnixServerSocket({ path: process.argv[1] })), of(() => new UnixSocket(process.argv[1]))]);
    `,
    { args: [where, ...args], nodeArgs: [model, ...addons, `--allow-fs-read=${ROOT}`, ...grants] },
  );
  if (reports.length !== 1) throw new Error(`the child reported nothing:\n${stderr}`);
  return reports[0];
}

const permissionTest = model ? unixTest : (name, body) => test.skip(`${name} (needs the permission model)`, body);

permissionTest("with fs.read and fs.write for the folder, both constructors work (R-unix)", async () => {
  const where = socketPath();
  const folder = `${path.dirname(where)}/*`;
  expect(await thrown(where, [...net, `--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`])).toEqual([null, null]);
});

for (const [lacking, flag] of [["fs.read", "--allow-fs-write"], ["fs.write", "--allow-fs-read"]]) {
  permissionTest(`without ${lacking} both throw SecurityError, which names what grants it (R-unix)`, async () => {
    const where = socketPath();
    for (const error of await thrown(where, [...net, `${flag}=${path.dirname(where)}/*`])) {
      expect(error).toEqual(["SecurityError", expect.stringContaining(`denies ${lacking}`), 18]);
      expect(error[1]).toContain(`--allow-${lacking.replace(".", "-")} grants it`);
    }
  });
}

permissionTest("an abstract name is no file: it needs the whole file system, and the message says so (R-unix)", async () => {
  const name = `\0${path.basename(path.dirname(socketPath()))}`;
  for (const error of await thrown(name.replace("\0", "@"), [...net, "--allow-fs-write=*"], "process.argv[1] = process.argv[1].replace('@', '\\0')")) {
    expect(error).toEqual(["SecurityError", expect.stringContaining("denies fs.read of"), 18]);
    expect(error[1]).toContain("--allow-fs-read=* grants it");
  }
});

/** A relative path leads nowhere: the working directory is removed first. */
const DELETED = "process.chdir(process.argv[2]); require('fs').rmdirSync(process.argv[2])";

permissionTest("a relative path in a working directory that was deleted: SecurityError without the whole file system, else an error of the path (R-unix)", async () => {
  const folder = () => {
    const where = path.join(path.dirname(socketPath()), "folder");
    fs.mkdirSync(where);
    return where;
  };
  const some = folder();
  for (const error of await thrown("socket", [...net, `--allow-fs-read=${path.dirname(some)}/*`, `--allow-fs-write=${path.dirname(some)}/*`], DELETED, some)) {
    expect(error).toEqual(["SecurityError", expect.stringContaining("denies fs.read of"), 18]);
  }
  for (const error of await thrown("socket", [...net, "--allow-fs-read=*", "--allow-fs-write=*"], DELETED, folder())) {
    expect(error).toEqual(["InvalidAccessError", expect.stringContaining("give an absolute path"), "ENOENT"]);
  }
});

const networkTest = net.length > 0 ? permissionTest : (name, body) => test.skip(`${name} (needs --allow-net)`, body);

networkTest("without the network's permission both throw SecurityError (R-trust)", async () => {
  const where = socketPath();
  const folder = `${path.dirname(where)}/*`;
  for (const error of await thrown(where, [`--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`])) {
    expect(error).toEqual(["SecurityError", expect.stringContaining("--allow-net"), 18]);
  }
});
