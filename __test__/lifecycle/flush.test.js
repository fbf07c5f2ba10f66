"use strict";

const { setTimeout } = require("node:timers");
const { run, start, listen, dial, datagrams, collect, pattern, sha256 } = require("../helpers");

/** A TCP port of 127.0.0.1 that was free a moment ago. */
async function freeTcpPort() {
  const server = await listen();
  await server.close();
  return server.port;
}

const MiB = 1 << 20;

/** The script's source of the bytes that pattern() gives here. */
const patternSource = `const { pattern } = require(process.cwd() + "/__test__/helpers/bytes");`;

describe("what was sent right before the process would end by itself still goes out (R-keep)", () => {
  test("TCP: 8 MiB, then close(), and nothing else to do", async () => {
    const server = await listen();
    const ended = run(
      `${patternSource}
      const socket = new TCPSocket("127.0.0.1", ${server.port});
      socket.onopen = () => {
        socket.send(pattern(${8 * MiB}));
        socket.close();
      };`,
      { timeout: 15_000 },
    );
    const inbox = collect(await server.next(8000));
    await inbox.end(12_000);
    expect(inbox.length).toBe(8 * MiB);
    expect(inbox.sha256()).toBe(sha256(pattern(8 * MiB)));
    expect(await ended).toMatchObject({ code: 0, stderr: "", timedOut: false });
  });

  test("TCP: a backlog of 64 MiB against a reader that starts late is flushed after close(), before the end", async () => {
    const server = await listen({ pauseOnConnect: true });
    const child = start(
      `${patternSource}
      const socket = new TCPSocket("127.0.0.1", ${server.port});
      socket.onopen = () => {
        const block = pattern(${MiB});
        for (let i = 0; i < 64; i++) {
          socket.send(block);
        }
        socket.close();
        process.stdout.write("closed " + socket.readyState + " ");
      };
      socket.onclose = () => process.stdout.write("close " + socket.bufferedAmount);`,
      { timeout: 25_000 },
    );
    const peer = await server.next(8000);
    await child.line("closed closing");
    // Whoever wanted to end early would be gone by now.
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(child.process.exitCode).toBe(null);
    const inbox = collect(peer);
    await inbox.end(20_000);
    expect(inbox.length).toBe(64 * MiB);
    expect(inbox.sha256()).toBe(sha256(Array(64).fill(pattern(MiB))));
    const { code, stdout } = await child.done;
    expect([code, stdout]).toEqual([0, "closed closing close 0"]);
  });

  test("TCP: a Blob of 8 MiB and a string behind it", async () => {
    const server = await listen();
    const ended = run(
      `${patternSource}
      const socket = new TCPSocket("127.0.0.1", ${server.port});
      socket.onopen = () => {
        socket.send(new Blob([pattern(${8 * MiB})]));
        socket.send("behind it");
        socket.close();
      };`,
      { timeout: 15_000 },
    );
    const inbox = collect(await server.next(8000));
    await inbox.end(12_000);
    expect(inbox.sha256()).toBe(sha256(pattern(8 * MiB), Buffer.from("behind it")));
    expect((await ended).code).toBe(0);
  });

  test("TCP: halfclose() as the last word; the process ends when the peer has ended too", async () => {
    const server = await listen({ allowHalfOpen: true });
    const child = start(
      `const socket = new TCPSocket("127.0.0.1", ${server.port});
      socket.onopen = () => {
        socket.send("all I have");
        socket.halfclose();
      };
      socket.onmessage = ({ data }) => process.stdout.write(Buffer.from(data).toString());`,
    );
    const peer = await server.next(8000);
    const inbox = collect(peer);
    await inbox.end();
    expect(inbox.text()).toBe("all I have");
    expect(child.process.exitCode).toBe(null);
    peer.end("thank you");
    expect(await child.done).toMatchObject({ code: 0, stdout: "thank you", timedOut: false });
  });

  test("a server's answer: what an accepted socket sent before close() reaches the client", async () => {
    const child = start(
      `${patternSource}
      const server = new TCPServerSocket({ localAddress: "127.0.0.1", localPort: Number(process.argv[1]) });
      server.onconnect = ({ connectedSocket }) => {
        server.close();
        connectedSocket.send(pattern(${8 * MiB}));
        connectedSocket.close();
      };
      process.stdout.write("listening");`,
      { timeout: 15_000, args: [String(await freeTcpPort())] },
    );
    await child.line("listening");
    const inbox = collect(await dial(Number(child.process.spawnargs.at(-1))));
    await inbox.end(12_000);
    expect(inbox.sha256()).toBe(sha256(pattern(8 * MiB)));
    expect(await child.done).toMatchObject({ code: 0, stderr: "", timedOut: false });
  });

  test("UDP: 100 datagrams and close() in the first turn of the program", async () => {
    const peer = await datagrams();
    const { code } = await run(
      `const socket = new UDPSocket({ remoteAddress: "127.0.0.1", remotePort: ${peer.port} });
      for (let i = 0; i < 100; i++) {
        socket.send(String(i));
      }
      socket.close();`,
    );
    expect(code).toBe(0);
    for (let i = 0; i < 100; i++) {
      expect((await peer.next()).data.toString()).toBe(String(i));
    }
  });

  test("UDP: a Blob and close()", async () => {
    const peer = await datagrams();
    const { code } = await run(
      `const socket = new UDPSocket({ remoteAddress: "127.0.0.1", remotePort: ${peer.port} });
      socket.send(new Blob(["from a Blob"]));
      socket.close();`,
    );
    expect(code).toBe(0);
    expect((await peer.next()).data.toString()).toBe("from a Blob");
  });

  test("UDP: from an unref'd socket, what is sent in the last turn", async () => {
    const peer = await datagrams();
    const { code } = await run(
      `const socket = new UDPSocket({ remoteAddress: "127.0.0.1", remotePort: ${peer.port} });
      socket.unref();
      socket.send("last words");`,
    );
    expect(code).toBe(0);
    expect((await peer.next()).data.toString()).toBe("last words");
  });

  test("bytes that were buffered while connecting is not possible: send() before open throws, the process ends", async () => {
    const server = await listen();
    const { code, stdout } = await run(
      `const socket = new TCPSocket("127.0.0.1", ${server.port});
      try {
        socket.send("too early");
      } catch (error) {
        process.stdout.write(error.name);
      }
      socket.onerror = () => {};
      socket.close();`,
    );
    expect([code, stdout]).toEqual([0, "InvalidStateError"]);
  });
});
