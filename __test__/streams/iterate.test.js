"use strict";

const {
  families,
  acceptedPair,
  datagrams,
  deadline,
  dial,
  expectIsDOMException,
  once,
  record,
  settle,
  tcpServer,
  text,
  track,
  udp,
} = require("../helpers");

const next = (loop) => deadline(loop.next(), "next()");

describe("for await over a server", () => {
  test("gives each connection, open, one at a time and in order (R-iterate)", async () => {
    const server = tcpServer();
    const dialled = [];
    for (let i = 0; i < 5; i++) {
      dialled.push((await dial(server.localPort)).localPort);
    }
    const accepted = [];
    for await (const socket of server) {
      expect(socket.readyState).toBe("open");
      accepted.push(Number(socket.remotePort));
      socket.reset();
      if (accepted.length === 5) {
        break;
      }
    }
    expect(accepted).toEqual(dialled);
  });

  test("accepts only when next() asks: the others wait in the backlog (R-iterate, R-listen)", async () => {
    const server = tcpServer();
    const loop = server[Symbol.asyncIterator]();
    const peers = [await dial(server.localPort), await dial(server.localPort), await dial(server.localPort)];
    await settle();
    expect(server.connections).toBe(0);
    const { value: first } = await next(loop);
    await settle();
    expect(server.connections).toBe(1);
    expect(Number(first.remotePort)).toBe(peers[0].localPort);
    // Who listens gets those that are left.
    const connect = await once(server, "connect");
    expect(Number(connect.connectedSocket.remotePort)).toBe(peers[1].localPort);
    connect.connectedSocket.reset();
    first.reset();
  });

  test.each(families)("$name: loses nothing of what an accepted socket receives before somebody listens (R-iterate, R-srv-connect)", async ({ serve, dial }) => {
    const server = serve();
    const peer = await dial(server);
    peer.write("early");
    const { value: socket } = await next(server[Symbol.asyncIterator]());
    await settle();
    expect(text((await once(socket, "message")).data)).toBe("early");
    socket.reset();
  });

  test("two loops share the connections, each goes to one (R-iterate)", async () => {
    const server = tcpServer();
    const seen = [];
    const loops = ["a", "b"].map(async (name) => {
      for await (const socket of server) {
        seen.push([name, Number(track(socket).remotePort)]);
      }
    });
    const dialled = [];
    for (let i = 0; i < 10; i++) {
      dialled.push(await dial(server.localPort));
    }
    while (seen.length < 10) {
      await settle(5);
    }
    server.close();
    await deadline(Promise.all(loops), "both loops");
    expect(seen.map(([, port]) => port).sort()).toEqual(dialled.map(({ localPort }) => localPort).sort());
    expect(new Set(seen.map(([name]) => name)).size).toBe(2);
  });

  test.each(families)("$name: ends at close(), also one that begins after it (R-iterate)", async ({ serve }) => {
    const server = serve();
    const loop = server[Symbol.asyncIterator]();
    const waiting = [loop.next(), loop.next()];
    server.close();
    for (const one of [...waiting, loop.next(), server[Symbol.asyncIterator]().next()]) {
      expect(await deadline(one, "the end")).toEqual({ done: true, value: undefined });
    }
  });

  test.each(families)("$name: left by break leaves the server open; connect fires again (R-iterate)", async ({ serve, dialLater }) => {
    const server = serve();
    for (let i = 0; i < 2; i++) {
      dialLater(server);
    }
    let taken = 0;
    for await (const socket of server) {
      track(socket);
      taken += 1;
      if (taken === 2) {
        break;
      }
    }
    expect(server.readyState).toBe("open");
    dialLater(server);
    (await once(server, "connect")).connectedSocket.reset();
  });

  test.each(families)("$name: suspend() holds it (R-iterate, R-srv-suspend)", async ({ serve, dialLater }) => {
    const server = serve();
    server.suspend();
    const waiting = server[Symbol.asyncIterator]().next();
    let done = false;
    void waiting.then(() => {
      done = true;
    });
    dialLater(server);
    await settle();
    expect(done).toBe(false);
    server.resume();
    (await deadline(waiting, "the connection")).value.reset();
  });
});

describe("for await over a UDPSocket", () => {
  test("gives each datagram with its sender, one at a time and in order (R-iterate)", async () => {
    const socket = udp();
    const peer = await datagrams();
    for (let i = 0; i < 100; i++) {
      await peer.send(`datagram ${i}`, socket.localPort);
    }
    const got = [];
    for await (const message of socket) {
      expect(Object.keys(message)).toEqual(["data", "remoteAddress", "remotePort"]);
      expect([message.remoteAddress, message.remotePort]).toEqual(["127.0.0.1", peer.port]);
      got.push(text(message.data));
      if (got.length % 10 === 0) {
        await settle(3);
      }
      if (got.length === 100) {
        break;
      }
    }
    expect(got).toEqual(Array.from({ length: 100 }, (_, i) => `datagram ${i}`));
  });

  test("takes one: the rest waits for whoever asks next, a listener too (R-iterate, R-listen)", async () => {
    const socket = udp();
    const peer = await datagrams();
    for (const word of ["one", "two", "three"]) {
      await peer.send(word, socket.localPort);
    }
    const loop = socket[Symbol.asyncIterator]();
    expect(text((await next(loop)).value.data)).toBe("one");
    await settle();
    expect(text((await once(socket, "message")).data)).toBe("two");
    await settle();
    expect(text((await next(loop)).value.data)).toBe("three");
  });

  test("what a waiting next() takes fires no message; the next one does (R-iterate)", async () => {
    const socket = udp();
    const peer = await datagrams();
    const log = record(socket, ["message"]);
    const loop = socket[Symbol.asyncIterator]();
    const taken = loop.next();
    await peer.send("taken", socket.localPort);
    expect(text((await deadline(taken, "the datagram")).value.data)).toBe("taken");
    await peer.send("heard", socket.localPort);
    await log.until("message");
    expect(log.entries.map(({ event }) => text(event.data))).toEqual(["heard"]);
  });

  test("several next() calls of one loop get several datagrams, in order (R-iterate)", async () => {
    const socket = udp();
    const loop = socket[Symbol.asyncIterator]();
    const asked = [loop.next(), loop.next(), loop.next()];
    const peer = await datagrams();
    for (const word of ["a", "b", "c"]) {
      await peer.send(word, socket.localPort);
    }
    const got = await deadline(Promise.all(asked), "three datagrams");
    expect(got.map(({ value }) => text(value.data))).toEqual(["a", "b", "c"]);
  });

  test("ends at close(), and at return() with a next() under way (R-iterate)", async () => {
    const socket = udp();
    const [left, other] = [socket[Symbol.asyncIterator](), socket[Symbol.asyncIterator]()];
    const [ofLeft, ofOther] = [left.next(), other.next()];
    expect(await left.return("why")).toEqual({ done: true, value: "why" });
    expect(await ofLeft).toEqual({ done: true, value: undefined });
    expect(await left.next()).toEqual({ done: true, value: undefined });
    expect(socket.readyState).toBe("open");
    socket.close();
    expect(await deadline(ofOther, "the end")).toEqual({ done: true, value: undefined });
  });

  test("an error that closes the socket is thrown from it, once for each loop (R-iterate, R-udp-toolong)", async () => {
    const socket = udp();
    const [waiting, later] = [socket[Symbol.asyncIterator](), socket[Symbol.asyncIterator]()];
    const under = waiting.next();
    const error = once(socket, "error");
    socket.send(new Uint8Array(70_000), "127.0.0.1", 9);
    // The socket is closed, and its error still to come.
    const asked = later.next();
    for (const one of [under, asked]) {
      const reason = await deadline(
        one.catch((caught) => caught),
        "the error",
      );
      expectIsDOMException(reason, "NetworkError", "EMSGSIZE");
      expect(reason).toBe((await error).error);
    }
    for (const loop of [waiting, later]) {
      expect(await loop.next()).toEqual({ done: true, value: undefined });
    }
  });

  test("goes on after an error that leaves the socket open (R-iterate, R-udp-neterr)", async () => {
    const socket = udp();
    const under = socket[Symbol.asyncIterator]().next();
    const error = once(socket, "error");
    socket.send("x", "127.255.255.255", 9);
    await error;
    socket.send("still here", "127.0.0.1", socket.localPort);
    expect(text((await deadline(under, "the datagram")).value.data)).toBe("still here");
  });
});

test("loops are async iterators of the engine's kind, and refuse other objects (R-iterate, R-shape)", async () => {
  const { server } = await acceptedPair();
  for (const socket of [server, udp()]) {
    const loop = socket[Symbol.asyncIterator]();
    expect(loop[Symbol.asyncIterator]()).toBe(loop);
    await expect(loop.next.call({})).rejects.toThrow("another kind");
    const { value, enumerable } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(socket), Symbol.asyncIterator);
    expect({ enumerable, length: value.length, name: value.name }).toEqual({ enumerable: false, length: 0, name: "[Symbol.asyncIterator]" });
    expect(() => value.call({})).toThrow("another kind");
  }
});
