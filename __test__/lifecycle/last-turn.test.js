"use strict";

const { run, runJSON, listen, collect } = require("../helpers");

describe("what was sent in the turn that ends the process still goes out (R-end-of-life)", () => {
  test.each([
    ["process.exit() in a handler", "process.exit(0);", 0],
    ["an exception that nobody catches", `throw new Error("on purpose");`, 1],
  ])("%s", async (_, ending, code) => {
    const server = await listen();
    const ended = run(
      `const socket = new TCPSocket("127.0.0.1", ${server.port});
      socket.onopen = () => {
        socket.send("last words");
        ${ending}
      };`,
      { timeout: 10_000 },
    );
    const inbox = collect(await server.next(8000));
    await inbox.end(8000);
    expect(inbox.length).toBe("last words".length);
    expect((await ended).code).toBe(code);
  });
});

describe("unref'd sockets work on while something else keeps the process (R-keep)", () => {
  test("a thousand round trips, both ends unref'd", async () => {
    const { trips } = await runJSON(
      `const server = new TCPServerSocket({ localAddress: "127.0.0.1" }).unref();
      server.onconnect = ({ connectedSocket }) => {
        connectedSocket.unref().onmessage = ({ data }) => connectedSocket.send(data);
      };
      // Nothing that would wake the loop for them.
      const keeper = setTimeout(() => {}, 60_000);
      const socket = new TCPSocket("127.0.0.1", server.localPort).unref();
      socket.onopen = () => socket.send("x");
      let trips = 0;
      socket.onmessage = ({ data }) => {
        if (++trips < 1000) return socket.send(data);
        report({ trips });
        clearTimeout(keeper);
      };`,
      { timeout: 10_000 },
    );
    expect(trips).toBe(1000);
  });
});

describe("close() and a thread that is busy (R-tcp-close)", () => {
  test("what the peer sent meanwhile is no silence: it gets no reset and reads everything", async () => {
    const server = await listen({ pauseOnConnect: true, allowHalfOpen: true });
    const ended = run(
      `const socket = new TCPSocket("127.0.0.1", ${server.port});
      socket.onopen = () => {
        socket.send(new Uint8Array(300_000));
        socket.close();
        // Past the two seconds of silence that end a linger.
        setImmediate(() => setTimeout(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2600), 50));
      };`,
      { timeout: 15_000 },
    );
    const peer = await server.next(8000);
    const ticks = setInterval(() => peer.write("tick"), 200);
    await new Promise((resolve) => setTimeout(resolve, 3000));
    clearInterval(ticks);
    const inbox = collect(peer);
    await inbox.end(8000);
    expect(inbox.length).toBe(300_000);
    peer.end();
    expect(await ended).toMatchObject({ code: 0, timedOut: false });
  }, 20_000);
});
