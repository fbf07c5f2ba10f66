"use strict";

const events = require("node:events");
const { udp, datagrams, once, record, runJSON, text, turn } = require("../helpers");
const { textsOf, fence } = require("../helpers/udp");

const numbers = (from, to) => Array.from({ length: to - from }, (_, i) => String(from + i));

/** A UDPSocket that nobody listens to yet, and a sender towards it. */
function unheard() {
  const socket = udp();
  const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
  return { socket, sendAll: (list) => list.forEach((data) => sender.send(data)) };
}

describe("UDPSocket: what comes in waits until somebody listens (R-listen)", () => {
  test("datagrams that come before the first listener are its first messages, in order", async () => {
    const { socket, sendAll } = unheard();
    sendAll(numbers(0, 50));
    await fence();
    const log = record(socket, ["message"]);
    sendAll(["50"]);
    await log.atLeast(51);
    expect(textsOf(log)).toEqual(numbers(0, 51));
  });

  test("the order holds where the first listener is the handler attribute", async () => {
    const { socket, sendAll } = unheard();
    sendAll(numbers(0, 10));
    await fence();
    const seen = [];
    const last = new Promise((resolve) => {
      socket.onmessage = ({ data }) => {
        seen.push(text(data));
        if (seen.length === 10) {
          resolve();
        }
      };
    });
    await last;
    expect(seen).toEqual(numbers(0, 10));
  });

  test("adding the listener fires nothing in the call (R-task)", async () => {
    const { socket, sendAll } = unheard();
    sendAll(["x"]);
    await fence();
    let count = 0;
    socket.addEventListener("message", () => {
      count += 1;
    });
    expect(count).toBe(0);
    await null;
    expect(count).toBe(0);
    while (count === 0) {
      await turn();
    }
  });

  test("await once(socket, 'message') in a loop loses nothing", async () => {
    const { socket, sendAll } = unheard();
    sendAll(numbers(0, 100));
    for (const number of numbers(0, 100)) {
      expect(text((await once(socket, "message")).data)).toBe(number);
    }
  });

  test("so does once() of node:events, also with pauses between", async () => {
    const { socket, sendAll } = unheard();
    sendAll(numbers(0, 20));
    for (const number of numbers(0, 20)) {
      const [event] = await events.once(socket, "message");
      expect(text(event.data)).toBe(number);
      if (number % 5 === 0) {
        await fence();
      }
    }
  });

  test("a { once: true } listener gets one datagram of a batch; the rest wait for the next listener", async () => {
    const { socket, sendAll } = unheard();
    sendAll(numbers(0, 30));
    await fence();
    const seen = [];
    socket.addEventListener("message", ({ data }) => seen.push(text(data)), { once: true });
    await fence();
    expect(seen).toEqual(["0"]);
    const log = record(socket, ["message"]);
    await log.atLeast(29);
    expect(textsOf(log)).toEqual(numbers(1, 30));
  });

  test("removing the last listener inside its own call holds the rest back", async () => {
    const { socket, sendAll } = unheard();
    const seen = [];
    function listener({ data }) {
      seen.push(text(data));
      if (seen.length === 4) {
        socket.removeEventListener("message", listener);
      }
    }
    socket.addEventListener("message", listener);
    sendAll(numbers(0, 20));
    await fence();
    expect(seen).toEqual(numbers(0, 4));
    const log = record(socket, ["message"]);
    await log.atLeast(16);
    expect(textsOf(log)).toEqual(numbers(4, 20));
  });

  test("setting onmessage to null holds datagrams back; setting it again brings them", async () => {
    const { socket, sendAll } = unheard();
    const seen = [];
    const handler = ({ data }) => {
      seen.push(text(data));
      if (seen.length === 2) {
        socket.onmessage = null;
      }
    };
    socket.onmessage = handler;
    sendAll(numbers(0, 6));
    await fence();
    expect(seen).toEqual(["0", "1"]);
    socket.onmessage = handler;
    while (seen.length < 6) {
      await turn();
    }
    expect(seen).toEqual(numbers(0, 6));
  });

  test("a listener whose signal is aborted counts no more", async () => {
    const { socket, sendAll } = unheard();
    const controller = new AbortController();
    const seen = [];
    socket.addEventListener("message", ({ data }) => seen.push(text(data)), { signal: controller.signal });
    sendAll(["heard"]);
    while (seen.length < 1) {
      await turn();
    }
    controller.abort();
    sendAll(["waits"]);
    await fence();
    expect(seen).toEqual(["heard"]);
    expect(text((await once(socket, "message")).data)).toBe("waits");
  });

  test("a listener that was added with an aborted signal does not count", async () => {
    const { socket, sendAll } = unheard();
    socket.addEventListener("message", () => {}, { signal: AbortSignal.abort() });
    sendAll(["waits"]);
    await fence();
    expect(text((await once(socket, "message")).data)).toBe("waits");
  });

  test("null is no listener; Node warns of it", async () => {
    // In a child, since Node does.
    const { received, warnings } = await runJSON(`
      const warnings = [];
      process.on("warning", ({ name }) => warnings.push(name));
      const socket = new UDPSocket({ localAddress: "127.0.0.1" });
      socket.addEventListener("message", null);
      socket.send("waits", "127.0.0.1", socket.localPort);
      setTimeout(() => {
        socket.onmessage = ({ data }) => { report({ received: Buffer.from(data).toString(), warnings }); socket.close(); };
      }, 100);`);
    expect({ received, warnings }).toEqual({ received: "waits", warnings: ["AddEventListenerArgumentTypeWarning"] });
  });

  test("a listener added twice is one listener: removing it once holds datagrams back", async () => {
    const { socket, sendAll } = unheard();
    const listener = () => {};
    socket.addEventListener("message", listener);
    socket.addEventListener("message", listener);
    socket.removeEventListener("message", listener);
    sendAll(["waits"]);
    await fence();
    expect(text((await once(socket, "message")).data)).toBe("waits");
  });

  test("capturing and not capturing are two listeners: removing one leaves the other", async () => {
    const { socket, sendAll } = unheard();
    const seen = [];
    const listener = ({ data }) => seen.push(text(data));
    socket.addEventListener("message", listener);
    socket.addEventListener("message", listener, true);
    socket.removeEventListener("message", listener);
    sendAll(["once"]);
    while (seen.length < 1) {
      await turn();
    }
    await fence();
    expect(seen).toEqual(["once"]);
  });

  test("removing a listener that was never added changes nothing", async () => {
    const { socket, sendAll } = unheard();
    const log = record(socket, ["message"]);
    socket.removeEventListener("message", () => {});
    socket.removeEventListener("message", null);
    sendAll(["heard"]);
    await log.atLeast(1);
  });

  test("an object with handleEvent is a listener", async () => {
    const { socket, sendAll } = unheard();
    const listener = {
      seen: [],
      handleEvent({ data }) {
        this.seen.push(text(data));
      },
    };
    socket.addEventListener("message", listener);
    sendAll(["heard"]);
    while (listener.seen.length < 1) {
      await turn();
    }
    expect(listener.seen).toEqual(["heard"]);
  });

  test("listeners for error, drain and other types take nothing from the system", async () => {
    const { socket, sendAll } = unheard();
    socket.onerror = () => {};
    socket.ondrain = () => {};
    record(socket, ["error", "drain", "close", "Message", "messages"]);
    sendAll(numbers(0, 5));
    await fence();
    const log = record(socket, ["message"]);
    await log.atLeast(5);
    expect(textsOf(log)).toEqual(numbers(0, 5));
  });

  test("an onmessage object without a callable is a handler that does nothing: datagrams are taken and gone", async () => {
    const { socket, sendAll } = unheard();
    socket.onmessage = {};
    expect(typeof socket.onmessage).toBe("object");
    sendAll(["taken or waiting"]);
    await fence();
    const log = record(socket, ["message"]);
    sendAll(["last"]);
    await log.until("message");
    while (textsOf(log).at(-1) !== "last") {
      await log.atLeast(log.entries.length + 1);
    }
    expect(textsOf(log).at(-1)).toBe("last");
  });

  test("dispatchEvent() of one's own message event uses up a once listener as ever; datagrams then wait", async () => {
    const { socket, sendAll } = unheard();
    let own = 0;
    socket.addEventListener("message", () => (own += 1), { once: true });
    socket.dispatchEvent(new Event("message"));
    expect(own).toBe(1);
    sendAll(["waits"]);
    await fence();
    expect(text((await once(socket, "message")).data)).toBe("waits");
  });

  test("a listener added inside a handler gets the next datagram of the batch, not this one again", async () => {
    const { socket, sendAll } = unheard();
    const seen = [];
    socket.addEventListener(
      "message",
      () => {
        socket.addEventListener("message", ({ data }) => seen.push(text(data)));
      },
      { once: true },
    );
    sendAll(["first", "second", "third"]);
    while (seen.length < 2) {
      await turn();
    }
    // A listener added at the target while the event is dispatched is not called for it.
    expect(seen).toEqual(["second", "third"]);
  });

  test("with nobody listening, memory is bounded: what the system cannot hold is dropped", async () => {
    const { socket, sendAll } = unheard();
    const count = 16 * 1024;
    for (let i = 0; i < count; i += 512) {
      sendAll(numbers(i, i + 512).map((number) => number.padEnd(1024)));
      await turn();
    }
    await fence();
    const log = record(socket, ["message"]);
    await log.atLeast(1);
    await fence();
    expect(Number(text(log.entries[0].event.data))).toBe(0);
    expect(log.entries.length * 1024).toBeLessThan(4 * 1024 * 1024);
    expect(log.entries.length).toBeLessThan(count);
  });

  test("several listeners all get each datagram, in the order they were added", async () => {
    const { socket, sendAll } = unheard();
    const seen = [];
    socket.addEventListener("message", () => seen.push("a"));
    socket.onmessage = () => seen.push("b");
    socket.addEventListener("message", () => seen.push("c"));
    sendAll(["1", "2"]);
    while (seen.length < 6) {
      await turn();
    }
    expect(seen.join("")).toBe("abcabc");
  });

  test("a node:dgram peer's datagrams wait just so", async () => {
    const { socket } = unheard();
    const peer = await datagrams();
    await peer.send("early", socket.localPort);
    await fence();
    const event = await once(socket, "message");
    expect([text(event.data), event.remotePort]).toEqual(["early", peer.port]);
  });
});
