"use strict";

const { udp, datagrams, record, text, turn, once, expectDOMException } = require("../helpers");
const { udpTo, texts, isFree, recordAll, fence, freshGroup } = require("../helpers/udp");

describe("UDPSocket close() (draft, close; R-udp-close)", () => {
  test("readyState is closed when the call returns", () => {
    const socket = udp();
    expect(socket.close()).toBe(undefined);
    expect(socket.readyState).toBe("closed");
  });

  test("the port is free at once where nothing is buffered", async () => {
    const socket = udp();
    const { localPort } = socket;
    socket.close();
    expect(udp({ localPort, addressReuse: false }).localPort).toBe(localPort);
  });

  test("what was sent before, in the same turn too, still goes out", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const expected = Array.from({ length: 100 }, (_, i) => `datagram ${i}`);
    for (const data of expected) {
      socket.send(data);
    }
    socket.close();
    expect(await texts(peer, 100)).toEqual(expected);
  });

  test("the port is free after a close() that had to send first, strings in one turn", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    const { localPort } = socket;
    socket.send("x");
    socket.close();
    await texts(peer, 1);
    expect(await isFree(localPort)).toBe(true);
  });

  test("no event fires after it: neither messages that had come, nor drain, nor error, nor close", async () => {
    const socket = udp({ highWaterMark: 0 });
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
    const log = recordAll(socket);
    for (let i = 0; i < 20; i++) {
      sender.send("in");
    }
    await turn();
    const before = log.types.length;
    expect(socket.send("out", "127.0.0.1", sender.localPort)).toBe(false);
    socket.send("refused", "127.255.255.255", 9); // Broadcast, not permitted.
    socket.close();
    await fence();
    expect(log.types.length).toBe(before);
    expect(log.types).not.toContain("close");
  });

  test("close() inside a message handler stops the batch", async () => {
    const socket = udp();
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
    const log = record(socket, ["message"]);
    socket.addEventListener("message", () => socket.close());
    for (let i = 0; i < 20; i++) {
      sender.send(String(i));
    }
    await log.atLeast(1);
    await fence();
    expect(log.entries.map(({ event }) => text(event.data))).toEqual(["0"]);
  });

  test("the other listeners of the event in which it was closed still run", async () => {
    const socket = udp();
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
    const seen = [];
    socket.onmessage = () => {
      socket.close();
      seen.push("first");
    };
    socket.addEventListener("message", () => seen.push(`second, ${socket.readyState}`));
    sender.send("x");
    while (seen.length < 2) {
      await turn();
    }
    expect(seen).toEqual(["first", "second, closed"]);
  });

  test("close() inside a drain handler is fine", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer, { highWaterMark: 0 });
    const drain = once(socket, "drain");
    socket.ondrain = () => socket.close();
    socket.send("x");
    await drain;
    expect(socket.readyState).toBe("closed");
    expect(await texts(peer, 1)).toEqual(["x"]);
  });

  test("a second close() does nothing", () => {
    const socket = udp();
    socket.close();
    expect(socket.close()).toBe(undefined);
    expect(socket.readyState).toBe("closed");
  });

  test("once closed, attributes keep their last values (R-task)", async () => {
    const socket = udp({ remoteAddress: "127.0.0.4", remotePort: 4444, loopback: true, addressReuse: false });
    const read = () => [
      socket.localAddress,
      socket.localPort,
      socket.remoteAddress,
      socket.remotePort,
      socket.loopback,
      socket.addressReuse,
    ];
    const before = read();
    socket.close();
    expect(read()).toEqual(before);
    await fence();
    expect(read()).toEqual(before);
    expect(before).toEqual(["127.0.0.1", before[1], "127.0.0.4", 4444, true, false]);
  });

  test("handlers stay and can be set on a closed socket", () => {
    const socket = udp();
    const handler = () => {};
    socket.onmessage = handler;
    socket.close();
    expect(socket.onmessage).toBe(handler);
    socket.onmessage = null;
    socket.addEventListener("message", handler);
    socket.removeEventListener("message", handler);
    expect(socket.onmessage).toBe(null);
  });

  test("send() on a closed socket throws InvalidStateError (draft, send step 1)", async () => {
    const peer = await datagrams();
    const socket = udpTo(peer);
    socket.close();
    const error = expectDOMException(() => socket.send("x"), "InvalidStateError");
    expect(error.message).toContain("closed");
    await fence();
    expect(peer.waiting).toBe(0);
  });

  test("joinMulticastGroup() and leaveMulticastGroup() on a closed socket throw InvalidStateError (R-udp-group)", () => {
    const socket = udp();
    const group = freshGroup();
    socket.joinMulticastGroup(group, { interfaceAddress: "127.0.0.1" });
    socket.close();
    expectDOMException(() => socket.joinMulticastGroup(freshGroup(), { interfaceAddress: "127.0.0.1" }), "InvalidStateError");
    expectDOMException(() => socket.leaveMulticastGroup(group, { interfaceAddress: "127.0.0.1" }), "InvalidStateError");
  });

  test("ref(), unref() and hasRef() on a closed socket throw nothing", () => {
    const socket = udp();
    expect(socket.hasRef()).toBe(true);
    socket.close();
    socket.ref();
    socket.unref();
    expect(typeof socket.hasRef()).toBe("boolean");
  });

  test("a socket closed in the turn that made it never fires, and frees its port", async () => {
    const socket = udp();
    const { localPort } = socket;
    const log = recordAll(socket);
    socket.close();
    expect(await isFree(localPort)).toBe(true);
    await fence();
    expect(log.types).toEqual([]);
  });

  test("a suspended socket closes just so, and what waited is gone", async () => {
    const socket = udp();
    const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
    const log = recordAll(socket);
    socket.suspend();
    sender.send("x");
    await fence();
    socket.close();
    socket.resume();
    await fence();
    expect(log.types).toEqual([]);
  });

  test("the port's next owner gets its own datagrams, the closed socket none", async () => {
    const first = udp();
    const { localPort } = first;
    const log = recordAll(first);
    first.close();
    const second = udp({ localPort });
    const message = once(second, "message");
    const peer = await datagrams();
    await peer.send("for the second", localPort);
    expect(text((await message).data)).toBe("for the second");
    expect(log.types).toEqual([]);
  });
});
