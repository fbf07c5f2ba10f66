"use strict";

// What Node tells of listeners, whichever way they are added or removed (lib/listener-hooks.js).

const { getEventListeners } = require("node:events");
const {
  ROOT,
  TCPServerSocket,
  TCPSocket,
  UDPSocket,
  acceptedPair,
  collect,
  dial,
  once,
  run,
  runJSON,
  settle,
  tcpPair,
  tcpServer,
  text,
  udp,
} = require("../helpers");

const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;

test("the interfaces override neither removeEventListener() nor dispatchEvent() (R-shape, R-listen)", () => {
  for (const { prototype } of [TCPSocket, TCPServerSocket, UDPSocket]) {
    expect(Object.hasOwn(prototype, "removeEventListener")).toBe(false);
    expect(Object.hasOwn(prototype, "dispatchEvent")).toBe(false);
    expect(prototype.addEventListener.length).toBe(addEventListener.length);
    expect(prototype.addEventListener.name).toBe("addEventListener");
    expect(Object.keys(prototype)).not.toContain("addEventListener");
  }
});

describe("EventTarget.prototype's own methods, called on a socket", () => {
  test("a TCPSocket: the listener hears, and counts until it is removed (R-listen)", async () => {
    const { socket, peer } = await tcpPair();
    const seen = [];
    const listener = ({ data }) => seen.push(text(data));
    addEventListener.call(socket, "message", listener);
    peer.write("a");
    await settle();
    removeEventListener.call(socket, "message", listener);
    peer.write("b");
    await settle();
    expect(seen).toEqual(["a"]);
    const inbox = collect(socket);
    await inbox.until(1);
    expect(inbox.text()).toBe("b");
  });

  test("a halfclose listener keeps the socket open at the peer's end (R-listen, R-tcp-fin)", async () => {
    const { socket, peer } = await tcpPair();
    const heard = new Promise((resolve) => {
      addEventListener.call(socket, "halfclose", resolve);
    });
    peer.end();
    await heard;
    expect(socket.readyState).toBe("open");
  });

  test("a UDPSocket and a server (R-listen)", async () => {
    const socket = udp();
    const message = new Promise((resolve) => {
      addEventListener.call(socket, "message", resolve, { once: true });
    });
    udp().send("datagram", "127.0.0.1", socket.localPort);
    expect(text((await message).data)).toBe("datagram");
    const server = tcpServer();
    const connect = new Promise((resolve) => {
      addEventListener.call(server, "connect", resolve, { once: true });
    });
    await dial(server.localPort);
    (await connect).connectedSocket.close();
  });

  test("dispatchEvent() uses up a { once: true } listener (R-listen)", async () => {
    const { socket, peer } = await tcpPair();
    let heard = 0;
    socket.addEventListener("message", () => (heard += 1), { once: true });
    dispatchEvent.call(socket, new Event("message"));
    expect(heard).toBe(1);
    peer.write("waits");
    await settle();
    const inbox = collect(socket);
    await inbox.until(5);
    expect(inbox.text()).toBe("waits");
  });
});

test("a { once: true } listener that adds itself again misses nothing (R-listen)", async () => {
  const { socket, peer } = await tcpPair();
  let seen = "";
  const all = new Promise((resolve) => {
    const listener = ({ data }) => {
      seen += text(data);
      if (seen.length === 50) {
        resolve();
      } else {
        socket.addEventListener("message", listener, { once: true });
      }
    };
    socket.addEventListener("message", listener, { once: true });
  });
  for (let i = 0; i < 50; i++) {
    await new Promise((resolve) => peer.write(String(i % 10), resolve));
  }
  await all;
  expect(seen).toBe("0123456789".repeat(5));
});

test("where EventTarget.prototype's methods have been replaced, listeners and events go through those (R-shape)", async () => {
  const result = await runJSON(
    `const calls = [];
    const proto = EventTarget.prototype;
    for (const name of ["addEventListener", "removeEventListener", "dispatchEvent"]) {
      const original = proto[name];
      proto[name] = function (...args) {
        if (this instanceof UDPSocket) calls.push(name + " " + (args[0].type ?? args[0]) + " " + (args[2]?.signal !== undefined));
        return Reflect.apply(original, this, args);
      };
    }
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    const controller = new AbortController();
    const ignore = () => {};
    socket.addEventListener("message", ignore, { signal: controller.signal });
    socket.onmessage = () => {
      socket.onmessage = null;
      controller.abort();
      socket.close();
      report(calls);
    };
    socket.send("x", "127.0.0.1", socket.localPort);`,
  );
  expect(result).toEqual([
    "addEventListener message true",
    "addEventListener message false",
    "dispatchEvent message false",
    "removeEventListener message false",
    // Node's own, at the abort.
    "removeEventListener message true",
  ]);
});

test("a class between, with methods of its own, is called as written (R-shape)", async () => {
  const calls = [];
  class Mine extends UDPSocket {
    addEventListener(...args) {
      calls.push(args[0]);
      super.addEventListener(...args);
    }
  }
  const socket = new Mine({ localAddress: "127.0.0.1" });
  const message = once(socket, "message");
  socket.send("x", "127.0.0.1", socket.localPort);
  await message;
  socket.close();
  expect(calls).toEqual(["message"]);
});

test("too many listeners are warned of, as by any EventTarget (R-shape)", async () => {
  const { stderr } = await run(
    `const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    for (let i = 0; i < 11; i++) socket.addEventListener("message", () => {});
    socket.close();`,
  );
  expect(stderr).toContain("MaxListenersExceededWarning");
});

test("TCP_UDP_SOCKETS_LISTENERS=overrides takes the other way, and where the two methods do something else, so does the package (R-listen)", async () => {
  const script = `
    const own = Object.getOwnPropertyNames(UDPSocket.prototype).filter((name) => name in EventTarget.prototype && name !== "constructor");
    const socket = new UDPSocket({ localAddress: "127.0.0.1" });
    socket.addEventListener("message", () => {
      socket.close();
      report(own.sort());
    });
    socket.send("x", "127.0.0.1", socket.localPort);`;
  expect(await runJSON(script)).toEqual(["addEventListener"]);
  const overrides = ["addEventListener", "dispatchEvent", "removeEventListener"];
  expect(await runJSON(script, { env: { TCP_UDP_SOCKETS_LISTENERS: "overrides" } })).toEqual(overrides);
  // A later Node in which they have other arguments.
  const broken = (change) => `
    const kNew = Object.getOwnPropertySymbols(EventTarget.prototype).find(({ description }) => description === "kNewListener");
    ${change}
    const { UDPSocket: Late } = (() => {
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      return require(${JSON.stringify(ROOT)});
    })();
    {
      const UDPSocket = Late;
      ${script}
    }`;
  const shifted = `
    const { addEventListener } = EventTarget.prototype;
    EventTarget.prototype.addEventListener = function (...args) {
      const own = this[kNew];
      Object.defineProperty(this, kNew, { value: (size, ...rest) => own.call(this, size + 1, ...rest), configurable: true });
      addEventListener.apply(this, args);
      delete this[kNew];
    };`;
  expect(await runJSON(broken(shifted))).toEqual(overrides);
});

test("listeners of a connection that a server accepts are counted in the connect handler (R-srv-connect, R-listen)", async () => {
  const { socket, peer } = await acceptedPair();
  addEventListener.call(socket, "message", () => {});
  expect(getEventListeners(socket, "message")).toHaveLength(1);
  peer.end("x");
  await once(socket, "close");
});
