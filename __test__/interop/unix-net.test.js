"use strict";

// Unix sockets with node:net at the other end.

const { existsSync, readFileSync } = require("node:fs");
const path = require("node:path");
const { setTimeout } = require("node:timers");
const {
  collect, dialLater, eventually, expectDOMException, expectIsDOMException, expendable, keep, listen, once, pattern, record, sha256,
  start, track,
} = require("../helpers");
const { exchange, random, randomChunks } = require("../helpers/exchange");
const {
  UnixServerSocket, UnixSocket, acceptedUnixPair, dialPath, socketPath, unix, unixPair, unixServer, unixTest,
} = require("../helpers/unix");

const MiB = 1024 * 1024;

/** Neither end closes by itself when the other ends. */
const outgoing = () => unixPair({ peer: { allowHalfOpen: true } });
const incoming = (options) => acceptedUnixPair({ options, peer: { allowHalfOpen: true } });

/** Pieces of 64 KiB, `total` bytes together. They differ, so that a lost, doubled or moved one shows. */
function pieces(seed, total) {
  const [size, step] = [64 * 1024, 4093];
  const source = Buffer.from(pattern(MiB + size, seed));
  return Array.from({ length: total / size }, (_, i) => source.subarray((i * step) % MiB, ((i * step) % MiB) + size));
}

/** The errors of a node:net socket, as codes. */
function errorsOf(peer) {
  const codes = [];
  peer.on("error", ({ code }) => codes.push(code));
  return codes;
}

describe("Unix sockets with node:net: random sizes both ways at once, by checksum", () => {
  for (const seed of [1, 2, 3]) {
    unixTest(`our client, their server (seed ${seed})`, async () => {
      const { socket, peer } = await outgoing();
      await exchange(socket, peer, seed);
    });

    unixTest(`their client, our server (seed ${seed + 3})`, async () => {
      const { socket, peer } = await incoming();
      await exchange(socket, peer, seed + 3);
    });
  }

  unixTest("one byte at a time, 5,000 of them, each way", async () => {
    const { socket, peer } = await outgoing();
    await exchange(socket, peer, 11, { count: 5000, most: 2 });
  });

  unixTest("few large pieces of up to 8 MiB, each way", async () => {
    const { socket, peer } = await incoming();
    await exchange(socket, peer, 12, { count: 12, most: 8 * MiB });
  });

  unixTest("64 MiB each way", async () => {
    const { socket, peer } = await outgoing();
    await exchange(socket, peer, 13, { make: (seed) => pieces(seed, 64 * MiB) });
  });

  unixTest("20 connections at once, ten each way round, with different seeds", async () => {
    const pairs = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? outgoing() : incoming())));
    await Promise.all(pairs.map(({ socket, peer }, i) => exchange(socket, peer, 100 + i, { count: 30, most: 50_000 })));
  });

  unixTest("small socket buffers (sendBufferSize, receiveBufferSize) lose and reorder nothing", async () => {
    const options = { sendBufferSize: 8192, receiveBufferSize: 8192 };
    const { socket, peer } = await unixPair({ options, peer: { allowHalfOpen: true } });
    await exchange(socket, peer, 14);
  });
});

describe("Unix sockets with node:net: back-pressure", () => {
  unixTest("our suspend() and resume() at random moments lose and reorder nothing", async () => {
    const { socket, peer } = await outgoing();
    const next = random(15);
    let suspended = false;
    let late = 0;
    socket.addEventListener("message", () => {
      late += suspended;
      if (next() < 0.3) {
        socket.suspend();
        suspended = true;
        setTimeout(() => {
          suspended = false;
          socket.resume();
        }, next() * 5);
      }
    });
    await exchange(socket, peer, 16, { count: 100, most: 100_000 });
    expect(late).toBe(0);
  });

  unixTest("their pause() and resume() at random moments lose and reorder nothing", async () => {
    const { socket, peer } = await incoming();
    const next = random(17);
    peer.on("data", () => {
      if (next() < 0.2) {
        peer.pause();
        setTimeout(() => peer.resume(), next() * 5);
      }
    });
    await exchange(socket, peer, 18, { count: 200, most: 200_000 });
  });

  unixTest("while they read nothing, our sender is held back after a few MiB; once they read, all arrives", async () => {
    const { socket, peer } = await unixPair({ peer: { pauseOnConnect: true } });
    const block = pattern(64 * 1024);
    let sent = 0;
    // Each round ends at false, and goes on at drain. In the last round no drain comes.
    for (let drained = true; drained; ) {
      for (let more = true; more; sent += block.length) more = socket.send(block);
      drained = await once(socket, "drain", 300).then(() => true, () => false);
    }
    expect(sent).toBeLessThan(32 * MiB);
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    const drain = once(socket, "drain");
    const inbox = collect(peer);
    await drain;
    await inbox.until(sent, 10_000);
    expect(inbox.sha256()).toBe(sha256(Array.from({ length: sent / block.length }, () => block)));
  });

  for (const how of ["nobody listens", "we are suspended"]) {
    unixTest(`while ${how}, their sender is held back; afterwards all arrives`, async () => {
      const { socket, peer } = await incoming();
      let inbox;
      if (how === "we are suspended") {
        inbox = collect(socket);
        socket.suspend();
      }
      const block = Buffer.from(pattern(64 * 1024));
      let sent = 0;
      for (let drained = true; drained; ) {
        for (let more = true; more; sent += block.length) more = peer.write(block);
        drained = await once(peer, "drain", 300).then(() => true, () => false);
      }
      expect(sent).toBeLessThan(32 * MiB);
      if (inbox) expect(inbox.length).toBe(0);
      const drain = once(peer, "drain");
      inbox ??= collect(socket);
      socket.resume();
      await drain;
      await inbox.until(sent, 10_000);
      expect(inbox.sha256()).toBe(sha256(Array.from({ length: sent / block.length }, () => block)));
    });
  }
});

describe("Unix sockets with node:net: ends", () => {
  unixTest("our halfclose(): they see 'end' and go on sending; their end closes us", async () => {
    for (const pair of [outgoing, incoming]) {
      const { socket, peer } = await pair();
      const [theirs, ours] = [collect(peer), collect(socket)];
      const log = record(socket, ["close", "error"]);
      socket.send("the question");
      socket.halfclose();
      expect(socket.readyState).toBe("halfclosed");
      await theirs.end();
      expect(theirs.text()).toBe("the question");
      peer.write("an answer");
      await ours.until(9);
      peer.end(", and the rest");
      await log.until("close");
      expect(ours.text()).toBe("an answer, and the rest");
      expect(log.types).toEqual(["close"]);
    }
  });

  unixTest("their end(), allowHalfOpen here: halfclose fires, and we go on sending", async () => {
    const options = { allowHalfOpen: true };
    const peer = { allowHalfOpen: true };
    for (const pair of [await unixPair({ options, peer }), await acceptedUnixPair({ options, peer })]) {
      const log = record(pair.socket, ["message", "halfclose", "error", "close"]);
      const inbox = collect(pair.peer);
      pair.peer.end("that is all");
      await log.until("halfclose");
      expect(pair.socket.readyState).toBe("open");
      pair.socket.send("not yet ");
      await inbox.until(8);
      pair.socket.send("here");
      pair.socket.close();
      await Promise.all([log.until("close"), inbox.end()]);
      expect(inbox.text()).toBe("not yet here");
      expect(log.types).toEqual(["message", "halfclose", "close"]);
    }
  });

  unixTest("their end() without allowHalfOpen here: what we have buffered leaves, and both are closed", async () => {
    const { socket, peer } = await incoming();
    const body = pattern(4 * MiB);
    peer.pause();
    socket.send(body);
    const inbox = collect(socket);
    const closed = once(socket, "close", 10_000);
    peer.end("no more");
    const theirs = collect(peer);
    await Promise.all([closed, theirs.end(10_000)]);
    expect(inbox.text()).toBe("no more");
    expect(theirs.sha256()).toBe(sha256(body));
  });

  unixTest("our close() with MiBs before it: all arrives, then their 'end' and 'close', without an error", async () => {
    const { socket, peer } = await unixPair();
    const errors = errorsOf(peer);
    const closed = Promise.all([once(peer, "close"), once(socket, "close")]);
    const inbox = collect(peer);
    const body = Buffer.concat(randomChunks(19, 40, 100_000));
    socket.send(body);
    socket.close();
    expect(socket.readyState).toBe("closing");
    await closed;
    expect(inbox.sha256()).toBe(sha256(body));
    expect(errors).toEqual([]);
  });

  unixTest("reset(): they see an ordinary end, since a Unix socket has no RST", async () => {
    for (const pair of [await unixPair(), await acceptedUnixPair()]) {
      const errors = errorsOf(pair.peer);
      const log = record(pair.socket, ["close", "error"]);
      const closed = once(pair.peer, "close");
      const inbox = collect(pair.peer);
      pair.socket.send("before it");
      await inbox.until(9);
      pair.socket.reset();
      expect(pair.socket.readyState).toBe("closed");
      await inbox.end();
      expect(await closed).toBe(false); // No error.
      expect(errors).toEqual([]);
      await log.until("close");
      expect(log.types).toEqual(["close"]);
    }
  });

  unixTest("reset() while bytes of theirs are unread: they see ECONNRESET", async () => {
    for (const pair of [await unixPair(), await acceptedUnixPair()]) {
      const errors = errorsOf(pair.peer);
      const closed = once(pair.peer, "close");
      pair.peer.resume();
      // Nobody listens for `message`, so the bytes stay in the system.
      await new Promise((resolve) => {
        pair.peer.write("nobody reads this", resolve);
      });
      pair.socket.reset();
      await closed;
      expect(errors).toEqual(["ECONNRESET"]);
    }
  });

  unixTest("their destroy(): an ordinary end; while bytes of ours are unread: a loss, ECONNRESET", async () => {
    const read = await unixPair();
    const first = record(read.socket, ["message", "error", "close"]);
    const inbox = collect(read.peer);
    read.socket.send("read");
    await inbox.until(4);
    read.peer.destroy();
    await first.until("close");
    expect(first.types).toEqual(["close"]);

    const unread = await unixPair({ peer: { pauseOnConnect: true } });
    const second = record(unread.socket, ["message", "error", "close"]);
    unread.socket.send("unread");
    await eventually(() => unread.socket.bufferedAmount === 0, "the bytes to be the system's");
    unread.peer.destroy();
    await second.until("close");
    expect(second.types).toEqual(["error", "close"]);
    expectIsDOMException(second.entries[0].event.error, "NetworkError", "ECONNRESET");
  });

  unixTest("send() to a peer that has destroyed its end: a loss, which names the path", async () => {
    const { socket, peer, path: where } = await unixPair({ options: { allowHalfOpen: true } });
    const log = record(socket, ["halfclose", "error", "close"]);
    peer.destroy();
    await log.until("halfclose");
    socket.send("too late");
    await log.until("close");
    expect(log.types).toEqual(["halfclose", "error", "close"]);
    const { error } = log.entries[1].event;
    expect(["EPIPE", "ECONNRESET"]).toContain(error.code);
    expect(error.address).toBe(where);
    expect(error).not.toHaveProperty("port");
  });

  unixTest("200 short connections one after the other, each way round", async () => {
    const theirs = await listen({ path: socketPath() });
    const ours = unixServer();
    ours.onconnect = ({ connectedSocket }) => {
      connectedSocket.onmessage = ({ data }) => {
        connectedSocket.send(data);
        connectedSocket.close();
      };
    };
    for (let i = 0; i < 100; i++) {
      const client = unix(theirs.server.address());
      const back = once(client, "message");
      keep(await theirs.next()).end(`hello ${i}`);
      expect(Buffer.from((await back).data).toString()).toBe(`hello ${i}`);
      const asker = await dialPath(ours.localPath);
      const inbox = collect(asker);
      asker.write(`echo ${i}`);
      await inbox.end();
      expect(inbox.text()).toBe(`echo ${i}`);
    }
  });
});

describe("Unix sockets with node:net: paths and the files there", () => {
  unixTest("the members of both ends; their client is unnamed", async () => {
    const out = await unixPair();
    expect(out.socket).toMatchObject({ remotePath: out.path, localPath: "", readyState: "open" });
    const into = await acceptedUnixPair();
    expect(path.isAbsolute(into.server.localPath)).toBe(true);
    expect(into.socket).toMatchObject({ remotePath: "", localPath: into.server.localPath, readyState: "open" });
  });

  unixTest("peerCredentials: those of another process, whichever end it has", async () => {
    const { uid, gid } = { uid: process.geteuid(), gid: process.getegid() };
    const [theirs, ours] = [socketPath(), unixServer()];
    const child = start(
      `const server = net.createServer().listen(process.argv[1], () => {
         net.connect(process.argv[2]).on("error", () => {});
         report(process.pid);
       });`,
      { args: [theirs, ours.localPath] },
    );
    const { connectedSocket } = await once(ours, "connect", 8000);
    expect(track(connectedSocket).peerCredentials).toEqual({ pid: await child.next(), uid, gid });
    const socket = unix(theirs);
    expect(socket.peerCredentials).toBe(null);
    await once(socket, "open");
    expect(socket.peerCredentials).toEqual({ pid: child.process.pid, uid, gid });
    expect(Object.isFrozen(socket.peerCredentials)).toBe(true);
    expect(socket.peerCredentials).toBe(socket.peerCredentials);
  });

  unixTest("the longest path, and names that are not ASCII, mean the same file to both", async () => {
    const longest = process.platform === "linux" ? 107 : 103;
    const short = path.dirname(socketPath());
    const long = path.join(short, "x".repeat(longest - Buffer.byteLength(short) - 1));
    expect(Buffer.byteLength(long)).toBe(longest);
    for (const where of [long, socketPath("é € 😀")]) {
      const theirs = await listen({ path: where });
      const socket = unix(where);
      const [peer] = await Promise.all([theirs.next(), once(socket, "open")]);
      expect(socket.remotePath).toBe(where);
      peer.destroy();
      await theirs.close();
      const ours = unixServer({ path: where });
      const connect = once(ours, "connect");
      await dialPath(where);
      track((await connect).connectedSocket);
      ours.close();
    }
  });

  unixTest("who comes second gets EADDRINUSE, and the first goes on serving", async () => {
    const theirs = await listen({ path: socketPath() });
    expectDOMException(() => new UnixServerSocket({ path: theirs.server.address() }), "InvalidAccessError", "EADDRINUSE");
    const socket = unix(theirs.server.address());
    await once(socket, "open");

    const ours = unixServer();
    await expect(listen({ path: ours.localPath })).rejects.toMatchObject({ code: "EADDRINUSE" });
    const connect = once(ours, "connect");
    await dialPath(ours.localPath);
    track((await connect).connectedSocket);
  });

  unixTest("after our close() the file is gone: their client gets ENOENT, and their server can have the path", async () => {
    const server = unixServer();
    const where = server.localPath;
    server.onconnect = () => {};
    server.close();
    expect(existsSync(where)).toBe(false);
    const client = dialLater(undefined, { path: where });
    expect(await once(client, "error")).toMatchObject({ code: "ENOENT" });
    const theirs = await listen({ path: where });
    const socket = unix(where);
    await Promise.all([theirs.next(), once(socket, "open")]);
    // Theirs is not ours to remove, though the path is the same.
    server.close();
    expect(existsSync(where)).toBe(true);
  });

  unixTest("a server that was killed: its file refuses our client, and our server takes its place", async () => {
    const where = socketPath();
    const child = start("net.createServer().listen(process.argv[1], () => report(0));", { args: [where] });
    await child.next();
    child.process.kill("SIGKILL");
    await child.done;
    expect(existsSync(where)).toBe(true);

    const socket = expendable(new UnixSocket(where));
    const { error } = await once(socket, "error");
    expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
    expect(error.address).toBe(where);
    expect(error).not.toHaveProperty("port");

    const server = unixServer({ path: where });
    const connect = once(server, "connect");
    await dialPath(where);
    track((await connect).connectedSocket);
  });
});

const linuxTest = process.platform === "linux" ? unixTest : (name, body) => test.skip(`${name} (needs Linux)`, body);

/** The abstract names of this system's listening Unix sockets that contain `word`: as ss(8) shows them, "@" stands for NUL. */
function listeningNames(word) {
  const names = readFileSync("/proc/net/unix", "latin1").split("\n").map((line) => line.split(" ").at(-1));
  return names.filter((name) => name.startsWith("@") && name.includes(word));
}

describe("Unix sockets with node:net: abstract names", () => {
  let count = 0;
  const unique = () => `tus-${process.pid}-${++count}`;

  linuxTest("our server has exactly the name that it was given, and no file; our client finds it", async () => {
    const word = unique();
    const server = unixServer({ path: `\0${word}` });
    expect(listeningNames(word)).toEqual([`@${word}`]);
    expect(server.localPath).toBe(`\0${word}`);
    const connect = once(server, "connect");
    const socket = unix(`\0${word}`);
    const [{ connectedSocket }] = await Promise.all([connect, once(socket, "open")]);
    expect(track(connectedSocket).localPath).toBe(`\0${word}`);
    expect(socket.remotePath).toBe(`\0${word}`);
  });

  // Found with the versions named here. Node 20.20 (libuv 1.46) fills a name with NULs to 108 bytes, which to Linux is another name, and
  // one that this package cannot have. Node 22.23, 24.22 and 26.12 (libuv 1.51 and 1.52) use the name as it is.
  linuxTest("node:net and we meet where its libuv uses a name as it is; where it fills it up, both are refused", async () => {
    const [theirWord, ourWord] = [unique(), unique()];
    const theirs = await listen({ path: `\0${theirWord}`, allowHalfOpen: true });
    const [name] = listeningNames(theirWord);
    const ours = unixServer({ path: `\0${ourWord}` });
    if (name === `@${theirWord}`) {
      const connect = once(ours, "connect");
      const peer = await dialPath(`\0${ourWord}`, { allowHalfOpen: true });
      await exchange(track((await connect).connectedSocket), peer, 20);
      const socket = unix(`\0${theirWord}`);
      const [accepted] = await Promise.all([theirs.next(), once(socket, "open")]);
      await exchange(socket, accepted, 22);
      return;
    }
    expect(name).toBe(`@${theirWord}`.padEnd(108, "@"));
    ours.onconnect = ({ connectedSocket }) => track(connectedSocket);
    const client = dialLater(undefined, { path: `\0${ourWord}` });
    expect(await once(client, "error")).toMatchObject({ code: "ECONNREFUSED" });
    const { error } = await once(expendable(new UnixSocket(`\0${theirWord}`)), "error");
    expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
    expect(theirs.waiting).toBe(0);
  });

  linuxTest("a name is free once its socket is closed, and taken before that", async () => {
    const where = `\0${unique()}`;
    const server = unixServer({ path: where });
    expectDOMException(() => new UnixServerSocket({ path: where }), "InvalidAccessError", "EADDRINUSE");
    server.close();
    unixServer({ path: where });
  });
});
