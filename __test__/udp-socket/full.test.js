"use strict";

const { udp, datagrams, expectDOMException, expectIsDOMException } = require("../helpers");
const { recordAll, fence } = require("../helpers/udp");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

jest.setTimeout(20_000);

/** A namespace in which the system soon refuses datagrams to NEIGHBOUR with EAGAIN, until release(). */
const blocked = { setup: setups.link + setups.silent, timeout: 15_000 };

describe("UDPSocket: the buffer and its limit (draft, send step 4 'buffer is full'; R-udp-full)", () => {
  test("what the system takes does not count against maxBufferedAmount, however much one turn sends", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: udp().localPort, maxBufferedAmount: 1000 });
    const log = recordAll(socket);
    for (let i = 0; i < 500; i++) {
      socket.send(new Uint8Array(2000));
    }
    expect(socket.bufferedAmount).toBe(1_000_000);
    expect(socket.readyState).toBe("open");
    await log.until("drain");
    await fence();
    expect(log.types).toEqual(["drain"]);
  });

  test("maxBufferedAmount 0 forbids no datagram that the system takes", async () => {
    const peer = await datagrams();
    const socket = udp({ remoteAddress: peer.host, remotePort: peer.port, maxBufferedAmount: 0 });
    socket.send("x");
    expect((await peer.next()).data.toString()).toBe("x");
    expect(socket.readyState).toBe("open");
  });

  namespaceTest("what the system refuses for the moment (EAGAIN) is no error: it is kept, counted, and sent later", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: HERE, remoteAddress: NEIGHBOUR, remotePort: 9 });
      const log = record(socket, ["error", "drain"]);
      let sent = 0;
      for (let turns = 0; turns < 60; turns++) {
        for (let i = 0; i < 10; i++) {
          socket.send(new Uint8Array(1000));
          sent += 1000;
        }
        await turn();
      }
      await settle();
      const kept = socket.bufferedAmount;
      const typesBefore = log.types;
      const refused = socket.send("one more");
      release();
      const { bufferedAmount } = await log.until("drain");
      await settle();
      report({ sent, kept, refused, typesBefore, types: log.types, bufferedAmount, readyState: socket.readyState });
      socket.close();`,
      blocked,
    );
    expect(result.sent).toBe(600_000);
    expect(result.kept).toBeGreaterThan(100_000);
    expect(result.kept).toBeLessThan(result.sent);
    expect(result.kept % 1000).toBe(0);
    expect(result.refused).toBe(false);
    expect(result.typesBefore).toEqual([]);
    expect(result.types).toEqual(["drain"]);
    expect(result.bufferedAmount).toBe(0);
    expect(result.readyState).toBe("open");
  });

  namespaceTest("beyond maxBufferedAmount: send() returns false, closed at once, one error with code ENOBUFS", async () => {
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: HERE, remoteAddress: NEIGHBOUR, remotePort: 9, maxBufferedAmount: 100_000 });
      const log = record(socket, ["error", "drain", "close"]);
      let last;
      let turns = 0;
      let bufferedAmount;
      while (socket.readyState === "open" && turns < 1000) {
        for (let i = 0; i < 10 && socket.readyState === "open"; i++) {
          bufferedAmount = socket.bufferedAmount;
          last = socket.send(new Uint8Array(1000));
        }
        if (socket.readyState === "open") {
          await turn();
        }
        turns += 1;
      }
      const inTask = log.types;
      let thrown;
      try {
        socket.send("x");
      } catch (error) {
        thrown = plain(error);
      }
      const { event, readyState } = await log.until("error");
      release();
      await settle();
      report({ last, bufferedAmount, inTask, thrown, error: plain(event.error), readyState, types: log.types });`,
      blocked,
    );
    expect(result.last).toBe(false);
    expect(result.bufferedAmount).toBeGreaterThan(90_000);
    expect(result.bufferedAmount).toBeLessThan(200_000);
    expect(result.inTask).toEqual([]);
    expect(result.thrown).toMatchObject({ name: "InvalidStateError" });
    expect(result.error).toMatchObject({ name: "NetworkError", code: "ENOBUFS", isDOMException: true });
    expect(result.readyState).toBe("closed");
    expect(result.types).toEqual(["error"]);
  });

  namespaceTest("close() while the system refuses: what was kept goes out later, then the process ends by itself", async () => {
    const result = await inNamespace(
      `const fs = require("node:fs");
      // /sys still shows the namespace that this one came from. Bytes, not packets: segmentation may be the link's.
      const bytesOut = () => Number(/v0:\\s*(?:\\d+\\s+){8}(\\d+)/.exec(fs.readFileSync("/proc/self/net/dev", "utf8"))[1]);
      const socket = new UDPSocket({ localAddress: HERE, remoteAddress: NEIGHBOUR, remotePort: 9 });
      const log = record(socket, ["error", "drain"]);
      for (let turns = 0; turns < 30; turns++) {
        for (let i = 0; i < 10; i++) {
          socket.send(new Uint8Array(1000));
        }
        await turn();
      }
      await settle();
      const kept = socket.bufferedAmount;
      socket.close();
      const readyState = socket.readyState;
      await settle();
      const before = bytesOut();
      release();
      await eventually(() => bytesOut() - before >= 300_000, "300 datagrams of 1,000 bytes on the link");
      await settle();
      report({ kept, readyState, types: log.types });`,
      blocked,
    );
    expect(result.kept).toBeGreaterThan(0);
    expect(result.readyState).toBe("closed");
    expect(result.types).toEqual([]);
  });

  namespaceTest("a socket whose datagrams the system refuses holds up no other socket", async () => {
    const result = await inNamespace(
      `const stuck = new UDPSocket({ localAddress: HERE, remoteAddress: NEIGHBOUR, remotePort: 9 });
      for (let i = 0; i < 500; i++) {
        stuck.send(new Uint8Array(1000));
      }
      await turn();
      const receiver = new UDPSocket({ localAddress: "127.0.0.1" });
      const log = record(receiver, ["message"]);
      const sender = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: receiver.localPort });
      for (let i = 0; i < 100; i++) {
        sender.send("x");
        await turn();
      }
      await log.atLeast(100);
      report({ kept: stuck.bufferedAmount, received: log.entries.length });
      process.exit(0);`,
      blocked,
    );
    expect(result.kept).toBeGreaterThan(100_000);
    expect(result.received).toBe(100);
  });

  test("an EMSGSIZE, unlike a full buffer, does not depend on maxBufferedAmount", async () => {
    const socket = udp({ remoteAddress: "127.0.0.1", remotePort: 9, maxBufferedAmount: 2 ** 32 - 1, highWaterMark: 2 ** 32 - 1 });
    const log = recordAll(socket);
    expect(socket.send(new Uint8Array(65508))).toBe(false);
    expectIsDOMException((await log.until("error")).event.error, "NetworkError", "EMSGSIZE");
    expectDOMException(() => socket.send("x"), "InvalidStateError");
  });
});
