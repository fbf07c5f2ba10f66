"use strict";

// What `opened` gives, and a socket, are copied, compared and printed as any object: nothing of that takes a stream.

const assert = require("node:assert");
const { PassThrough } = require("node:stream");
const util = require("node:util");
const { collect, tcpPair, tcpServer, text, dial, once, udp } = require("../helpers");

const ways = {
  "{ ...object }": (object) => ({ ...object }),
  "{ member, ...rest }": ({ localPort: _, ...rest }) => rest,
  "Object.assign()": (object) => Object.assign({}, object),
  "Object.entries()": (object) => Object.entries(object),
  "JSON.stringify()": (object) => JSON.stringify(object),
  "structuredClone()": (object) => {
    try {
      return structuredClone(object);
    } catch ({ name }) {
      // A socket, in some runtimes.
      return name;
    }
  },
  "util.inspect()": (object) => util.inspect(object),
  "util.inspect() with getters": (object) => util.inspect(object, { getters: true, depth: null }),
  "util.inspect() with getters and showHidden": (object) => util.inspect(object, { getters: true, showHidden: true, depth: null }),
  "util.inspect() with showProxy, of a proxy": (object) => util.inspect(new Proxy(object, {}), { getters: true, showHidden: true, showProxy: true }),
  "util.inspect() of what holds it": (object) => util.inspect({ list: [object] }, { getters: true, showHidden: true }),
  "util.format()": (object) => util.format("%o %O %j %s", object, object, object, object),
  "console.table()": (object) => new console.Console(new PassThrough()).table([object]),
  "assert.deepStrictEqual()": (object) => assert.deepStrictEqual(object, object),
  "assert.notDeepEqual()": (object) => assert.notDeepEqual(object, { a: 1 }),
  "jest's toEqual()": (object) => expect(object).not.toEqual({ a: 1 }),
};

describe.each(Object.keys(ways))("%s", (name) => {
  const look = ways[name];

  test("takes no stream of a TCPSocket, of either kind (R-promises, R-shape)", async () => {
    const { socket, peer } = await tcpPair();
    look(await socket.opened);
    look(socket);
    const inbox = collect(socket);
    peer.write("heard");
    await inbox.until(5);
    expect(inbox.text()).toBe("heard");
    // Had a stream been taken, it would count as a halfclose listener.
    peer.end();
    await once(socket, "close");
  });

  test("takes no stream of a UDPSocket and of a server (R-promises, R-shape)", async () => {
    const socket = udp();
    look(await socket.opened);
    look(socket);
    socket.send("heard", "127.0.0.1", socket.localPort);
    expect(text((await once(socket, "message")).data)).toBe("heard");
    const server = tcpServer();
    look(await server.opened);
    look(server);
    await dial(server.localPort);
    (await once(server, "connect")).connectedSocket.close();
  });
});

test("copies and prints have the addresses and ports (R-promises)", async () => {
  const { socket } = await tcpPair();
  const info = await socket.opened;
  const { remoteAddress, remotePort, localAddress, localPort } = info;
  const ends = { remoteAddress, remotePort, localAddress, localPort };
  expect({ ...info }).toEqual(ends);
  expect(JSON.parse(JSON.stringify(info))).toEqual(ends);
  expect(structuredClone(info)).toEqual(ends);
  expect(util.inspect(info)).toBe(util.inspect(ends));
});

test("the streams are there all the same, the socket's own (R-promises)", async () => {
  const { socket } = await tcpPair();
  const info = await socket.opened;
  const { readable, writable } = info;
  expect([readable, writable]).toEqual([socket.readable, socket.writable]);
  expect("readable" in info && "writable" in info).toBe(true);
  expect(Object.getOwnPropertyDescriptor(info, "readable").enumerable).toBe(false);
});
