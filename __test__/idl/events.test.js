"use strict";

// idlharness leaves the attributes of [LegacyNoInterfaceObject] interfaces alone: there is no global to find them by.

const { tcpPair, acceptedPair, udp, tcpServer, dial, once, track, thrownBy } = require("../helpers");

const EVENTS = {
  async UDPMessageEvent() {
    const socket = udp();
    const message = once(socket, "message");
    socket.send("x", "127.0.0.1", socket.localPort);
    return message;
  },
  async MessageEvent() {
    const { socket, peer } = await tcpPair();
    const message = once(socket, "message");
    peer.write("x");
    return message;
  },
  async ConnectEvent() {
    const server = tcpServer();
    const connect = once(server, "connect");
    await dial(server.localPort);
    const event = await connect;
    track(event.connectedSocket);
    return event;
  },
  async ErrorEvent() {
    const { socket, peer } = await acceptedPair();
    const error = once(socket, "error");
    peer.resetAndDestroy();
    return error;
  },
};

const ATTRIBUTES = {
  UDPMessageEvent: ["remoteAddress", "remotePort", "localAddress", "localInterface", "typeOfService"],
  MessageEvent: ["data", "origin", "lastEventId", "source", "ports"],
  ConnectEvent: ["connectedSocket"],
  ErrorEvent: ["error"],
};

/** The accessor of an attribute, wherever on the prototype chain it is. */
function accessorOf(event, name) {
  for (let holder = Object.getPrototypeOf(event); holder; holder = Object.getPrototypeOf(holder)) {
    const descriptor = Object.getOwnPropertyDescriptor(holder, name);
    if (descriptor) {
      return descriptor;
    }
  }
  return undefined;
}

describe.each(Object.keys(EVENTS))("%s", (name) => {
  let event;

  beforeEach(async () => {
    event = await EVENTS[name]();
  });

  test("is an Event, and says what it is (R-noif, Web IDL class string)", () => {
    expect(event).toBeInstanceOf(Event);
    expect(Object.prototype.toString.call(event)).toBe(`[object ${name}]`);
    expect(String(event)).toBe(`[object ${name}]`);
  });

  test("has its attributes as enumerable read-only accessors on a prototype, none on itself (R-shape)", () => {
    for (const attribute of ATTRIBUTES[name]) {
      const { get, set, enumerable, configurable } = accessorOf(event, attribute);
      expect([attribute, typeof get, set, enumerable, configurable]).toEqual([attribute, "function", undefined, true, true]);
      expect([get.name, get.length]).toEqual([`get ${attribute}`, 0]);
      expect(Object.hasOwn(event, attribute)).toBe(false);
    }
  });

  test("has attributes that refuse any other object (R-shape: brand checks)", () => {
    for (const attribute of ATTRIBUTES[name]) {
      const { get } = accessorOf(event, attribute);
      for (const stranger of [undefined, null, {}, new Event("message"), Object.create(event), Object.getPrototypeOf(event)]) {
        expect([attribute, thrownBy(() => get.call(stranger)).name]).toEqual([attribute, "TypeError"]);
      }
    }
  });

  test("is dispatched once, with currentTarget and phase back at rest afterwards (DOM)", () => {
    expect(event.currentTarget).toBe(null);
    expect(event.eventPhase).toBe(Event.NONE);
    expect(typeof event.timeStamp).toBe("number");
  });
});

test("a UDPMessageEvent is a MessageEvent, and so is a TCP message (R-noif)", async () => {
  expect(await EVENTS.UDPMessageEvent()).toBeInstanceOf(MessageEvent);
  expect(await EVENTS.MessageEvent()).toBeInstanceOf(MessageEvent);
  expect(await EVENTS.ErrorEvent()).not.toBeInstanceOf(MessageEvent);
});
