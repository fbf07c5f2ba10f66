"use strict";

// Node's permission model: a Unix socket needs fs.read and fs.write for its path (R-unix, R-trust).

const path = require("node:path");
const { run } = require("../helpers");
const { ROOT } = require("../helpers/sockets");
const { socketPath, unixTest } = require("../helpers/unix");

const flags = process.allowedNodeEnvironmentFlags;
const model = ["--permission", "--experimental-permission"].find((flag) => flags?.has(flag));
const net = flags?.has("--allow-net") ? ["--allow-net"] : [];
const addons = flags?.has("--allow-addons") ? ["--allow-addons"] : [];

/** What the constructors throw in a child with these permissions: undefined where they throw nothing. */
async function thrown(where, ...grants) {
  const { reports, stderr } = await run(
    `
      const of = (make) => {
        try {
          const socket = make();
          socket.onerror = () => {};
          socket.close();
          return null;
        } catch (error) {
          return [error.name, error.message];
        }
      };
      report([of(() => new UnixServerSocket({ path: process.argv[1] })), of(() => new UnixSocket(process.argv[1]))]);
    `,
    { args: [where], nodeArgs: [model, ...addons, `--allow-fs-read=${ROOT}`, ...grants] },
  );
  if (reports.length !== 1) throw new Error(`the child reported nothing:\n${stderr}`);
  return reports[0];
}

const permissionTest = model ? unixTest : (name, body) => test.skip(`${name} (needs the permission model)`, body);

permissionTest("with fs.read and fs.write for the folder, both constructors work (R-unix)", async () => {
  const where = socketPath();
  const folder = `${path.dirname(where)}/*`;
  expect(await thrown(where, ...net, `--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`)).toEqual([null, null]);
});

for (const [lacking, flag] of [["fs.read", "--allow-fs-write"], ["fs.write", "--allow-fs-read"]]) {
  permissionTest(`without ${lacking} both throw SecurityError, which names what grants it (R-unix)`, async () => {
    const where = socketPath();
    for (const error of await thrown(where, ...net, `${flag}=${path.dirname(where)}/*`)) {
      expect(error).toEqual(["SecurityError", expect.stringContaining(`denies ${lacking}`)]);
      expect(error[1]).toContain(`--allow-${lacking.replace(".", "-")} grants it`);
    }
  });
}

const networkTest = net.length > 0 ? permissionTest : (name, body) => test.skip(`${name} (needs --allow-net)`, body);

networkTest("without the network's permission both throw SecurityError (R-trust)", async () => {
  const where = socketPath();
  const folder = `${path.dirname(where)}/*`;
  for (const error of await thrown(where, `--allow-fs-read=${folder}`, `--allow-fs-write=${folder}`)) {
    expect(error).toEqual(["SecurityError", expect.stringContaining("--allow-net")]);
  }
});
