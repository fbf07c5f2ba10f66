"use strict";

const { udp, datagrams, once, text, expectDOMException } = require("../helpers");
const { udpTo, texts } = require("../helpers/udp");

describe("UDPSocket default destination (draft, send steps 3 and 6; R-udp-default)", () => {
  test.each([
    ["absent", []],
    ["undefined", [undefined, undefined]],
    ["null", [null, null]],
    ["null and absent", [null]],
  ])("where send()'s arguments are %s, the options' remoteAddress and remotePort are the destination", async (_, rest) => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    socket.send("to the default", ...rest);
    expect(await texts(peer, 1)).toEqual(["to the default"]);
  });

  test("send()'s arguments win over the options'", async () => {
    const [usual, other] = [await datagrams(), await datagrams({ host: "127.0.0.2" })];
    const socket = udpTo(usual);
    socket.send("other", other.host, other.port);
    socket.send("usual");
    expect(await texts(other, 1)).toEqual(["other"]);
    expect(await texts(usual, 1)).toEqual(["usual"]);
    expect(usual.waiting).toBe(0);
  });

  test("the arguments of one call are not the defaults of the next", async () => {
    const peer = await datagrams();
    const socket = udp();
    socket.send("x", peer.host, peer.port);
    await peer.next();
    expectDOMException(() => socket.send("y"), "InvalidAccessError");
    expect([socket.remoteAddress, socket.remotePort]).toEqual([null, null]);
  });

  test("an address without a port takes the options' port", async () => {
    const peer = await datagrams();
    const socket = udp({ remoteAddress: "127.0.0.77", remotePort: peer.port });
    socket.send("x", "127.0.0.1");
    socket.send("y", "127.0.0.1", null);
    expect(await texts(peer, 2)).toEqual(["x", "y"]);
  });

  test("a port without an address takes the options' address", async () => {
    const peer = await datagrams();
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9 });
    socket.send("x", null, peer.port);
    socket.send("y", undefined, peer.port);
    expect(await texts(peer, 2)).toEqual(["x", "y"]);
  });

  test("an option for one half and an argument for the other make a destination", async () => {
    const peer = await datagrams();
    udp({ remoteAddress: "127.0.0.1" }).send("x", null, peer.port);
    udp({ remotePort: peer.port }).send("y", "127.0.0.1");
    expect((await texts(peer, 2)).sort()).toEqual(["x", "y"]);
  });

  test.each([
    ["neither option nor argument", {}, []],
    ["the option remoteAddress alone", { remoteAddress: "127.0.0.1" }, []],
    ["the option remotePort alone", { remotePort: 9 }, []],
    ["the option and the argument both the address", { remoteAddress: "127.0.0.1" }, ["127.0.0.1"]],
    ["the option and the argument both the port", { remotePort: 9 }, [null, 9]],
    ["an argument address alone", {}, ["127.0.0.1"]],
    ["an argument port alone", {}, [null, 9]],
  ])("with %s, send() throws InvalidAccessError and changes nothing", (_, options, rest) => {
    const socket = udp(options);
    expectDOMException(() => socket.send("x", ...rest), "InvalidAccessError");
    expect(socket.bufferedAmount).toBe(0);
    expect(socket.readyState).toBe("open");
  });

  test("the default destination filters nothing: datagrams from anyone are received", async () => {
    const [usual, stranger] = [await datagrams(), await datagrams({ host: "127.0.0.5" })];
    const socket = udpTo(usual, { localAddress: "0.0.0.0" });
    const message = once(socket, "message");
    await stranger.send("from a stranger", socket.localPort, "127.0.0.1");
    const event = await message;
    expect(text(event.data)).toBe("from a stranger");
    expect([event.remoteAddress, event.remotePort]).toEqual(["127.0.0.5", stranger.port]);
  });

  test("a port nobody listens on does not stop datagrams from anyone else", async () => {
    const silent = await datagrams();
    const socket = udpTo(silent);
    await new Promise((resolve) => silent.socket.close(resolve));
    const message = once(socket, "message");
    socket.send("into the void");
    const peer = await datagrams();
    await peer.send("still there", socket.localPort);
    expect(text((await message).data)).toBe("still there");
    expect(socket.readyState).toBe("open");
  });

  test("a numeric string is a port (R-port)", async () => {
    const peer = await datagrams();
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: String(peer.port) });
    expect(socket.remotePort).toBe(peer.port);
    socket.send("x");
    socket.send("y", "127.0.0.1", ` ${peer.port} `);
    expect(await texts(peer, 2)).toEqual(["x", "y"]);
  });
});
