"use strict";

// peerCredentials: the process at the other end, at the moment of its connect() (R-unix).

const { both, once, start } = require("../helpers");
const { unixFamily } = require("../helpers/families");
const { BECOME_NOBODY, NOBODY, userTest } = require("../helpers/socket-files");
const { socketPath, unix, unixPair, unixServer, unixTest } = require("../helpers/unix");

const own = process.getuid && { pid: process.pid, uid: process.geteuid(), gid: process.getegid() };
/** This process's credentials, as this system reports them. */
const reported = process.platform === "linux" || process.platform === "darwin" ? own : own && { ...own, pid: null };

unixTest("both ends know this process; the object is frozen, and the same at each read (R-unix)", async () => {
  const { client, accepted } = await both(unixFamily);
  for (const socket of [client, accepted]) {
    const { peerCredentials } = socket;
    expect(peerCredentials).toEqual(reported);
    expect(Object.isFrozen(peerCredentials)).toBe(true);
    expect(socket.peerCredentials).toBe(peerCredentials);
  }
  client.close();
  await Promise.all([once(client, "close"), once(accepted, "close")]);
  expect([client.peerCredentials, accepted.peerCredentials]).toEqual([reported, reported]);
});

unixTest("they are null until open fires, and after a failed attempt (R-task)", async () => {
  const server = unixServer();
  const client = unix(server.localPath);
  expect(client.peerCredentials).toBeNull();
  await once(client, "open");
  expect(client.peerCredentials).toEqual(reported);
  const failed = unix(socketPath());
  await once(failed, "error");
  expect(failed.peerCredentials).toBeNull();
});

unixTest("a client of node:net's server knows it too", async () => {
  const { socket } = await unixPair();
  expect(socket.peerCredentials).toEqual(reported);
});

userTest("a server knows the user and the process of a client of another user (R-unix)", async () => {
  const where = socketPath();
  require("node:fs").chmodSync(require("node:path").dirname(where), 0o755);
  const server = unixServer({ path: where, mode: 0o666 });
  const connect = once(server, "connect");
  const child = start(
    `${BECOME_NOBODY}
     const socket = new UnixSocket(process.argv[1]);
     socket.onopen = () => report("open");
     socket.onerror = ({ error }) => report(error.message);`,
    { args: [where] },
  );
  expect(await child.next()).toBe("open");
  const { connectedSocket } = await connect;
  const { pid, uid, gid } = connectedSocket.peerCredentials;
  expect([uid, gid]).toEqual([NOBODY, NOBODY]);
  if (process.platform === "linux") expect(pid).toBe(child.process.pid);
  connectedSocket.close();
});
