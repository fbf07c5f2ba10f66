"use strict";

const { setImmediate } = require("node:timers");
const { families, tcp, tcpPair, expendable, listen, once, record, settle, turn } = require("../helpers");

function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** Note each event of `types`, and its microtask and nextTick right behind it. */
function trace(socket, types) {
  const seen = [];
  for (const type of types) {
    socket.addEventListener(type, () => {
      seen.push(type);
      Promise.resolve().then(() => seen.push(`microtask of ${type}`));
      process.nextTick(() => seen.push(`tick of ${type}`));
    });
  }
  return seen;
}

test.each(families)("$name: no event fires before code that runs in the same task after new, however long it takes (R-task)", async ({ listen, connectTo }) => {
  const server = await listen();
  const socket = connectTo(server);
  block(50);
  expect(socket.readyState).toBe("connecting");
  const log = record(socket, ["open"]);
  await log.until("open");
});

test.each(families)("$name: nor before the microtasks of that task (R-task)", async ({ listen, connectTo }) => {
  const server = await listen();
  const socket = connectTo(server);
  for (let i = 0; i < 100; i++) {
    await null;
  }
  block(20);
  await null;
  expect(socket.readyState).toBe("connecting");
  await once(socket, "open");
});

test.each(families)("$name: a refused connection's error is not fired in that task either (R-task)", async ({ connectTo, refusing }) => {
  const socket = connectTo(await refusing());
  block(20);
  await null;
  expect(socket.readyState).toBe("connecting");
  await once(socket, "error");
});

test.each([
  ["close()", (socket) => socket.close(), "closing"],
  ["reset()", (socket) => socket.reset(), "closed"],
  ["halfclose()", (socket) => socket.halfclose(), "halfclosed"],
  [
    "a send() that finds the buffer full",
    (socket) => {
      socket.send("a");
      socket.send("b");
    },
    "closed",
  ],
])("no event fires inside %s, and the state that it sets is set when it returns (R-task)", async (_, call, state) => {
  const { socket } = await tcpPair({ options: { maxBufferedAmount: 1, highWaterMark: 0 } });
  const log = record(socket, ["error", "close", "drain", "message", "halfclose"]);
  call(socket);
  expect(socket.readyState).toBe(state);
  expect(log.types).toEqual([]);
  await null;
  expect(log.types).toEqual([]);
});

test("readyState changes in the task of the event that tells of it, not before (R-task)", async () => {
  const server = await listen();
  for (let round = 0; round < 10; round++) {
    const socket = tcp("127.0.0.1", server.port);
    const log = record(socket, ["open", "close"]);
    const peer = await server.next();
    for (let i = 0; log.types.length < 1 && i < 10_000; i++) {
      expect(socket.readyState).toBe("connecting");
      await turn();
    }
    expect(socket.readyState).toBe("open");
    peer.resetAndDestroy();
    socket.addEventListener("error", () => {});
    for (let i = 0; log.types.length < 2 && i < 10_000; i++) {
      const { readyState } = socket;
      // closed between error and close, which are two tasks; never closed before error.
      expect(["open", "closed"]).toContain(readyState);
      await turn();
    }
    expect(log.types).toEqual(["open", "close"]);
  }
});

test("a listener of open that busy-waits sees no other change of state (R-task)", async () => {
  const { socket, peer } = await tcpPair();
  expendable(socket);
  peer.write("x");
  await once(socket, "message");
  peer.resetAndDestroy();
  block(30);
  expect(socket.readyState).toBe("open");
  await null;
  expect(socket.readyState).toBe("open");
  await once(socket, "close");
});

test("microtasks and ticks run between error and close (R-task)", async () => {
  const { socket, peer } = await tcpPair();
  const seen = trace(socket, ["error", "close"]);
  peer.resetAndDestroy();
  await once(socket, "close");
  await turn();
  const between = seen.slice(seen.indexOf("error"), seen.indexOf("close"));
  expect(between.sort()).toEqual(["error", "microtask of error", "tick of error"]);
});

test.each(families)("$name: microtasks run between the last message and halfclose, and halfclose and close (R-task)", async ({ pair }) => {
  const { socket, peer } = await pair({ options: { allowHalfOpen: false } });
  peer.resume();
  const seen = trace(socket, ["message", "halfclose", "close"]);
  socket.suspend();
  peer.end("bytes");
  await settle();
  socket.resume();
  await once(socket, "close");
  await turn();
  for (const type of ["message", "halfclose"]) {
    expect(seen.indexOf(`microtask of ${type}`)).toBe(seen.indexOf(type) + (seen[seen.indexOf(type) + 1] === `tick of ${type}` ? 2 : 1));
  }
  expect(seen.indexOf("halfclose")).toBeGreaterThan(seen.indexOf("microtask of message"));
  expect(seen.indexOf("close")).toBeGreaterThan(seen.indexOf("microtask of halfclose"));
});

test.each(families)("$name: microtasks run between events of different sockets that became ready together (R-task)", async ({ pair }) => {
  const pairs = await Promise.all(Array.from({ length: 10 }, () => pair()));
  const seen = [];
  pairs.forEach(({ socket }, i) => {
    socket.onmessage = () => {
      seen.push(`message ${i}`);
      Promise.resolve().then(() => seen.push(`microtask ${i}`));
    };
    socket.suspend();
  });
  pairs.forEach(({ peer }) => peer.write("x"));
  await settle();
  pairs.forEach(({ socket }) => socket.resume());
  await settle();
  expect(seen.length).toBe(20);
  for (let at = 0; at < 20; at += 2) {
    expect(seen[at + 1]).toBe(seen[at].replace("message", "microtask"));
  }
});

test.each(families)("$name: microtasks run between two connect events (R-task)", async ({ serve, dial }) => {
  const server = serve();
  await Promise.all(Array.from({ length: 5 }, () => dial(server)));
  const seen = [];
  server.onconnect = ({ connectedSocket }) => {
    seen.push("connect");
    Promise.resolve().then(() => {
      seen.push("microtask");
      connectedSocket.reset();
    });
  };
  await settle();
  expect(seen).toEqual(Array.from({ length: 5 }, () => ["connect", "microtask"]).flat());
});

test.each(families)("$name: events of one socket keep their order: open, message, halfclose, close (R-task)", async ({ listen, connectTo }) => {
  const server = await listen();
  for (let round = 0; round < 20; round++) {
    const socket = connectTo(server, { allowHalfOpen: false });
    const log = record(socket, ["open", "message", "halfclose", "close"]);
    const peer = await server.next();
    peer.resume();
    peer.end("bytes");
    await log.until("close");
    expect(log.types).toEqual(["open", "message", "halfclose", "close"]);
  }
});

test.each(families)("$name: an accepted socket's messages come after its connect event, never in it (R-task, R-srv-connect)", async ({ serve, dial }) => {
  const server = serve();
  const peer = await dial(server);
  peer.write("early");
  await settle();
  const seen = [];
  const done = new Promise((resolve) => {
    server.onconnect = ({ connectedSocket }) => {
      connectedSocket.onmessage = () => {
        seen.push("message");
        connectedSocket.reset();
        resolve();
      };
      block(20);
      seen.push("end of connect");
      Promise.resolve().then(() => seen.push("microtask of connect"));
    };
  });
  await done;
  expect(seen).toEqual(["end of connect", "microtask of connect", "message"]);
});

test.each(families)("$name: timers and setImmediate are not starved by a socket that always has something to say (R-task)", async ({ acceptedPair }) => {
  const { socket, peer } = await acceptedPair();
  socket.onmessage = ({ data }) => socket.send(data);
  peer.on("data", (chunk) => peer.write(chunk));
  peer.write(Buffer.alloc(64));
  const start = Date.now();
  let immediates = 0;
  const stop = new Promise((resolve) => {
    function again() {
      immediates += 1;
      if (Date.now() - start > 200) {
        resolve();
      } else {
        setImmediate(again);
      }
    }
    setImmediate(again);
  });
  await stop;
  expect(Date.now() - start).toBeLessThan(1500);
  expect(immediates).toBeGreaterThan(10);
});
