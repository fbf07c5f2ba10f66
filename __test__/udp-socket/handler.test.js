"use strict";

const { udp, record, turn } = require("../helpers");

/** A UDPSocket and a function that makes one event of each kind happen to it. */
function target() {
  const socket = udp({ highWaterMark: 0 });
  const sender = udp({ remoteAddress: "127.0.0.1", remotePort: socket.localPort });
  const provoke = {
    message: () => sender.send("x"),
    drain: () => socket.send("x", "127.0.0.1", sender.localPort),
    error: () => socket.send("x", "127.255.255.255", 9),
  };
  return { socket, provoke };
}

const types = ["message", "drain", "error"];

describe("UDPSocket event handler attributes (draft, event handlers table; R-handler)", () => {
  test.each(types)("on%s is called with the event, and the socket as this", async (type) => {
    const { socket, provoke } = target();
    const called = new Promise((resolve) => {
      socket[`on${type}`] = function (...args) {
        resolve([this, args]);
      };
    });
    provoke[type]();
    const [self, args] = await called;
    expect(self).toBe(socket);
    expect(args).toHaveLength(1);
    expect(args[0].type).toBe(type);
    expect(args[0].currentTarget === socket || args[0].target === socket).toBe(true);
  });

  test.each(types)("on%s: a non-object sets null, a function reads back", (type) => {
    const { socket } = target();
    const name = `on${type}`;
    const handler = () => {};
    for (const value of [undefined, null, 1, "code", true, Symbol("handler"), 1n]) {
      socket[name] = handler;
      expect(socket[name]).toBe(handler);
      socket[name] = value;
      expect(socket[name]).toBe(null);
    }
  });

  test.each(types)("on%s: an object without a callable is kept and does nothing", async (type) => {
    const { socket, provoke } = target();
    const object = { handleEvent: () => object.called++, called: 0 };
    socket[`on${type}`] = object;
    expect(socket[`on${type}`]).toBe(object);
    const log = record(socket, [type]);
    provoke[type]();
    await log.until(type);
    expect(object.called).toBe(0);
  });

  test.each(types)("on%s keeps the place that it had when first set, whatever it is set to later", async (type) => {
    const { socket, provoke } = target();
    const seen = [];
    socket.addEventListener(type, () => seen.push("before"));
    socket[`on${type}`] = () => seen.push("old handler");
    socket.addEventListener(type, () => seen.push("after"));
    socket[`on${type}`] = () => seen.push("handler");
    provoke[type]();
    while (seen.length < 3) {
      await turn();
    }
    expect(seen.slice(0, 3)).toEqual(["before", "handler", "after"]);
  });

  test.each(types)("on%s: setting null gives the place up", async (type) => {
    const { socket, provoke } = target();
    const seen = [];
    socket[`on${type}`] = () => seen.push("old handler");
    socket.addEventListener(type, () => seen.push("listener"));
    socket[`on${type}`] = null;
    socket[`on${type}`] = () => seen.push("handler");
    provoke[type]();
    while (seen.length < 2) {
      await turn();
    }
    expect(seen.slice(0, 2)).toEqual(["listener", "handler"]);
  });

  test.each(types)("on%s: an object without a callable keeps the place too", async (type) => {
    const { socket, provoke } = target();
    const seen = [];
    socket[`on${type}`] = {};
    socket.addEventListener(type, () => seen.push("listener"));
    socket[`on${type}`] = () => seen.push("handler");
    provoke[type]();
    while (seen.length < 2) {
      await turn();
    }
    expect(seen.slice(0, 2)).toEqual(["handler", "listener"]);
  });

  test("a handler set to null is not called", async () => {
    const { socket, provoke } = target();
    let called = 0;
    socket.onmessage = () => {
      called += 1;
    };
    socket.onmessage = null;
    const log = record(socket, ["message"]);
    provoke.message();
    await log.until("message");
    expect(called).toBe(0);
  });

  test("the same function as handler and as listener is called twice", async () => {
    const { socket, provoke } = target();
    let called = 0;
    const both = () => {
      called += 1;
    };
    socket.onmessage = both;
    socket.addEventListener("message", both);
    provoke.message();
    while (called < 2) {
      await turn();
    }
    expect(called).toBe(2);
  });

  test("removeEventListener with the handler's function does not take the handler away", async () => {
    const { socket, provoke } = target();
    const called = new Promise((resolve) => {
      socket.onmessage = resolve;
      socket.removeEventListener("message", resolve);
    });
    provoke.message();
    expect((await called).type).toBe("message");
  });

  test("stopImmediatePropagation() in the handler stops the listeners after it", async () => {
    const { socket, provoke } = target();
    const seen = [];
    socket.addEventListener("message", () => seen.push("before"));
    socket.onmessage = (event) => {
      seen.push("handler");
      event.stopImmediatePropagation();
    };
    socket.addEventListener("message", () => seen.push("after"));
    provoke.message();
    provoke.message();
    while (seen.length < 4) {
      await turn();
    }
    expect(seen).toEqual(["before", "handler", "before", "handler"]);
  });

  test("a handler is called for one's own dispatchEvent() as well, at once", () => {
    const { socket } = target();
    const seen = [];
    socket.ondrain = (event) => seen.push(event);
    const event = new Event("drain");
    socket.dispatchEvent(event);
    expect(seen).toEqual([event]);
  });

  test("two sockets' handlers are their own", () => {
    const [first, second] = [udp(), udp()];
    first.onmessage = () => {};
    expect(second.onmessage).toBe(null);
  });

  test("the brand is checked: a handler cannot be set on, or read from, anything else", () => {
    const { get, set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(udp()), "onmessage");
    expect(() => get.call({})).toThrow(TypeError);
    expect(() => set.call(new EventTarget(), () => {})).toThrow(TypeError);
  });
});
