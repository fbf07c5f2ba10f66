"use strict";

// The option `mode`: the permissions of a server's file (R-unix).

const fs = require("node:fs");
const { expectDOMException, runJSON } = require("../helpers");
const { linuxTest, modeAt } = require("../helpers/socket-files");
const { UnixServerSocket, socketPath, unixServer, unixTest } = require("../helpers/unix");

for (const mode of [0, 0o600, 0o660, 0o666, 0o777]) {
  unixTest(`mode 0o${mode.toString(8)} is that of the file (R-unix)`, () => {
    expect(modeAt(unixServer({ mode }).localPath)).toBe(mode);
  });
}

unixTest("mode is exact, and the umask stays as it is, whatever the umask (R-unix)", async () => {
  const where = socketPath();
  const results = await runJSON(
    `
      const { statSync } = require("node:fs");
      const results = [0, 0o022, 0o077, 0o777].map((mask) => {
        process.umask(mask);
        const server = new UnixServerSocket({ path: process.argv[1], mode: 0o642 });
        const mode = statSync(server.localPath).mode & 0o7777;
        server.close();
        return [mode, process.umask() === mask];
      });
      report(results);
    `,
    { args: [where] },
  );
  expect(results).toEqual(Array(4).fill([0o642, true]));
});

unixTest("without mode the umask decides", async () => {
  const where = socketPath();
  const mode = await runJSON(
    `
      const { statSync } = require("node:fs");
      process.umask(0o027);
      const server = new UnixServerSocket({ path: process.argv[1] });
      report(statSync(server.localPath).mode & 0o7777);
      server.close();
    `,
    { args: [where] },
  );
  expect(mode).toBe(0o750);
});

for (const mode of [0o1000, 0o1777, 0o10000, 65_535]) {
  unixTest(`mode ${mode} throws InvalidAccessError, and leaves no file (R-unix)`, () => {
    const where = socketPath();
    const error = expectDOMException(() => new UnixServerSocket({ path: where, mode }), "InvalidAccessError");
    expect(error.message).toContain("0o777");
    expect(fs.existsSync(where)).toBe(false);
  });
}

for (const mode of [-1, 65_536, Number.NaN, "rw", {}]) {
  unixTest(`mode ${String(mode)} throws TypeError (R-range)`, () => {
    expect(() => new UnixServerSocket({ path: socketPath(), mode })).toThrow(TypeError);
  });
}

linuxTest("an abstract name has no mode: NotSupportedError (R-unix)", () => {
  expectDOMException(() => new UnixServerSocket({ path: `\0mode-${process.pid}`, mode: 0o600 }), "NotSupportedError");
});
