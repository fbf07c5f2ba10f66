"use strict";

// once() of a TCPSocket: what it is fulfilled and rejected with (R-once).

const { families, ROOT, deadline, listen, record, refusedPort, settle, tcp, tcpPair, text, track } = require("../helpers");
const { failed, isPending } = require("./failed");
const { TCPSocket, once, relay } = require(ROOT);

const TYPES = ["close", "drain", "error", "halfclose", "message", "open"];

describe("once() of a TCPSocket is fulfilled with the event (R-once)", () => {
  test.each(families)("$name: open, message, drain, halfclose and close, in the life of a connection", async ({ listen, connectTo }) => {
    const server = await listen({ allowHalfOpen: true });
    const socket = connectTo(server);
    expect((await once(socket, "open")).type).toBe("open");
    const peer = await server.next();
    peer.write("ping");
    const { data } = await once(socket, "message");
    expect(text(data)).toBe("ping");
    peer.resume();
    expect(socket.send(new Uint8Array(1 << 20))).toBe(false);
    const drain = await once(socket, "drain");
    expect([drain.type, drain.target, socket.bufferedAmount]).toEqual(["drain", socket, 0]);
    peer.end();
    expect((await once(socket, "halfclose")).type).toBe("halfclose");
    expect(socket.readyState).toBe("open");
    socket.close();
    expect((await once(socket, "close")).type).toBe("close");
  });

  test.each(families)("$name: a loop of once() loses nothing, whatever comes between two of them (R-listen)", async ({ pair }) => {
    const { socket, peer } = await pair();
    let said = "";
    let sent = "";
    for (let round = 0; round < 200; round++) {
      sent += `${round} `;
      peer.write(`${round} `);
      if (round % 3 === 0) await settle(2);
      said += text((await once(socket, "message")).data);
    }
    peer.end("end.");
    while (!said.endsWith("end.")) said += text((await once(socket, "message")).data);
    expect(said).toBe(`${sent}end.`);
  });

  test.each(families)("$name: two at once get the same event", async ({ pair }) => {
    const { socket, peer } = await pair();
    const both = Promise.all([once(socket, "message"), once(socket, "message")]);
    peer.write("x");
    const [one, two] = await both;
    expect(one).toBe(two);
  });

  test.each(families)("$name: in the order of addEventListener()", async ({ pair }) => {
    const { socket, peer } = await pair();
    const order = [];
    socket.addEventListener("message", () => order.push("before"));
    const wait = once(socket, "message").then(() => order.push("promise"));
    socket.addEventListener("message", () => queueMicrotask(() => order.push("a microtask of after")));
    socket.onmessage = () => order.push("after");
    peer.write("x");
    await wait;
    // Its promise was settled between the two others.
    expect(order).toEqual(["before", "after", "promise", "a microtask of after"]);
  });

  test.each([
    ["once()", (socket, done) => once(socket, "message").then(({ data }) => done(data))],
    [
      "writable, and then addEventListener()",
      (socket, done) => {
        void socket.writable;
        socket.addEventListener("message", ({ data }) => done(data));
      },
    ],
  ])("asked for in a listener that is used up: %s (R-listen)", async (_, ask) => {
    const { socket, peer } = await tcpPair();
    const second = new Promise((resolve) => {
      socket.addEventListener("message", () => ask(socket, resolve), { once: true });
    });
    peer.write("1");
    await settle();
    peer.write("2");
    expect(text(await deadline(second, "the second message"))).toBe("2");
  });

  test.each(families)("$name: with an event of the program's own", async ({ pair }) => {
    const { socket } = await pair();
    const own = new Event("message");
    const wait = once(socket, "message");
    socket.dispatchEvent(own);
    expect(await wait).toBe(own);
  });

  test("but not where stopImmediatePropagation() was called before: then it rejects, since no other comes", async () => {
    const opening = tcp("127.0.0.1", (await listen()).port);
    opening.addEventListener("open", (event) => event.stopImmediatePropagation());
    expect(await failed(once(opening, "open"))).toMatchObject({ name: "InvalidStateError", code: 11 });
    for (const type of ["error", "close", "halfclose"]) {
      const { socket, peer } = await tcpPair({ peer: { allowHalfOpen: true } });
      socket.addEventListener(type, (event) => event.stopImmediatePropagation());
      const wait = failed(once(socket, type));
      if (type === "error") peer.resetAndDestroy();
      else peer.end();
      if (type === "close") socket.close();
      expect(await wait).toMatchObject({ name: "InvalidStateError", code: 11 });
    }
  });

  test.each(families)("$name: where the socket closes in the same turn", async ({ pair }) => {
    const { socket, peer } = await pair();
    const wait = once(socket, "message");
    peer.end("last");
    expect(text((await wait).data)).toBe("last");
    await once(socket, "close");
  });

  test.each(families)("$name: message on a suspended socket waits for resume()", async ({ pair }) => {
    const { socket, peer } = await pair();
    socket.suspend();
    const wait = once(socket, "message");
    peer.write("x");
    await settle();
    expect(await isPending(wait)).toBe(true);
    socket.resume();
    expect(text((await wait).data)).toBe("x");
  });

  test.each(families)("$name: halfclose counts as a listener for it: the socket stays open (R-tcp-fin)", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const wait = once(socket, "halfclose");
    peer.end();
    await wait;
    expect(socket.readyState).toBe("open");
    const inbox = new Promise((resolve) => peer.once("data", resolve));
    socket.send("still sent");
    expect(text(await inbox)).toBe("still sent");
  });
});

describe("once() and an error that closes the socket (R-once, R-tcp-lost)", () => {
  test("a reset rejects with the exception of the error event, but for error and close", async () => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["error", "close"]);
    const waits = Object.fromEntries(["close", "drain", "error", "halfclose", "message"].map((type) => [type, once(socket, type)]));
    const rejections = Promise.all(["drain", "halfclose", "message"].map((type) => failed(waits[type])));
    peer.resetAndDestroy();
    const { event } = await log.until("error");
    expect(await waits.error).toBe(event);
    expect((await waits.close).type).toBe("close");
    for (const error of await rejections) {
      expect(error).toBe(event.error);
    }
    expect(event.error).toMatchObject({ name: "NetworkError", code: "ECONNRESET" });
  });

  test("what came before a loss is given first", async () => {
    const { socket, peer } = await tcpPair();
    socket.suspend();
    peer.write("before");
    await settle();
    peer.resetAndDestroy();
    await settle();
    socket.resume();
    expect(text((await once(socket, "message")).data)).toBe("before");
    expect(await failed(once(socket, "message"))).toMatchObject({ name: "NetworkError", code: "ECONNRESET" });
  });

  test.each(families)("$name: a failed attempt: no close fires, so that one rejects too", async ({ connectTo, refusing }) => {
    const socket = connectTo(await refusing());
    const errors = Promise.all(["close", "drain", "halfclose", "message", "open"].map((type) => failed(once(socket, type))));
    const { error } = await once(socket, "error");
    expect(error.code).toBe("ECONNREFUSED");
    for (const one of await errors) {
      expect(one).toBe(error);
    }
  });

  test.each(families)("$name: close() while connecting: ECONNABORTED, for who waited before it and who waits after it (R-tcp-close-connecting)", async ({ listen, connectTo }) => {
    const server = await listen();
    const socket = connectTo(server);
    const before = Promise.all(["close", "message", "open"].map((type) => failed(once(socket, type))));
    socket.close();
    const after = Promise.all(["close", "message", "open"].map((type) => failed(once(socket, type))));
    const { error } = await once(socket, "error");
    for (const one of [...(await before), ...(await after)]) {
      expect(one).toBe(error);
    }
    expect(error).toMatchObject({ name: "NetworkError", code: "ECONNABORTED" });
  });

  test.each(families)("$name: the socket's own signal: ABORT_ERR, with the reason as its cause (R-abort)", async ({ pair }) => {
    const controller = new AbortController();
    const { socket } = await pair({ options: { signal: controller.signal } });
    const [message, close] = [failed(once(socket, "message")), once(socket, "close")];
    const reason = new Error("enough");
    controller.abort(reason);
    expect(await message).toMatchObject({ name: "NetworkError", code: "ABORT_ERR", cause: reason });
    await close;
  });

  test.each(families)("$name: a full buffer: the exception of its error (R-tcp-full)", async ({ pair }) => {
    const { socket } = await pair({ options: { highWaterMark: 0, maxBufferedAmount: 1 } });
    const [drain, close] = [failed(once(socket, "drain")), once(socket, "close")];
    socket.send(new Uint8Array(64 << 20));
    socket.send("more");
    expect(socket.readyState).toBe("closed");
    // The error is still to come, and is all that can.
    const [error, message] = [once(socket, "error"), failed(once(socket, "message"))];
    expect(await message).toMatchObject({ name: "InvalidStateError", code: 11 });
    expect((await error).error).toBe(await drain);
    expect(await drain).toMatchObject({ name: "NetworkError", code: "ENOBUFS" });
    await close;
  });

  test("once(…, \"close\") between error and close is fulfilled; all else rejects with the loss as cause", async () => {
    const { socket, peer } = await tcpPair();
    const log = record(socket, ["error"]);
    let waits;
    socket.onerror = () => {
      waits = { close: once(socket, "close"), error: failed(once(socket, "error")), message: failed(once(socket, "message")) };
    };
    peer.resetAndDestroy();
    const { event } = await log.until("error");
    expect((await waits.close).type).toBe("close");
    for (const type of ["error", "message"]) {
      const error = await waits[type];
      expect(error).toMatchObject({ name: "InvalidStateError", code: 11 });
      expect(error.cause).toBe(event.error);
    }
  });
});

describe("once() where the event can no longer come: InvalidStateError (R-once)", () => {
  const never = { name: "InvalidStateError", code: 11 };

  test.each(families)("$name: open, where it is open; on an accepted socket too", async ({ pair, acceptedPair }) => {
    const { socket } = await pair();
    expect(await failed(once(socket, "open"))).toMatchObject(never);
    const accepted = await acceptedPair();
    const error = await failed(once(accepted.socket, "open"));
    expect(error).toMatchObject(never);
    expect(error.message).toBe('once(): no open event comes any more: the socket has opened already, and is "open"');
    expect(error.cause).toBe(undefined);
  });

  test.each(families)("$name: message, once the peer's end was told; a wait under way ends with it", async ({ pair }) => {
    for (const listens of [false, true]) {
      const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
      if (listens) socket.onhalfclose = () => {};
      const wait = failed(once(socket, "message"));
      peer.end();
      expect(await wait).toMatchObject(never);
      expect((await wait).message).toMatch(/^once\(\): no message event comes any more: the peer has ended, and the socket is "(open|closing)"$/);
      expect(await failed(once(socket, "message"))).toMatchObject(never);
      expect(await failed(once(socket, "halfclose"))).toMatchObject(never);
    }
  });

  test.each(families)("$name: message, at the peer's end, however long the flush of what was sent takes", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    peer.pause();
    socket.send(new Uint8Array(32 << 20));
    const wait = failed(once(socket, "message"));
    peer.end();
    expect(await wait).toMatchObject(never);
    expect(socket.readyState).toBe("closing");
    expect(socket.bufferedAmount).toBeGreaterThan(0);
    expect(await failed(once(socket, "message"))).toMatchObject(never);
    // What is buffered can still be written.
    const drain = once(socket, "drain");
    peer.resume();
    await drain;
  });

  test.each(families)("$name: message and halfclose at close(), drain where nothing is due; close is fulfilled", async ({ pair }) => {
    const { socket } = await pair();
    const waits = Promise.all(["message", "halfclose", "drain"].map((type) => failed(once(socket, type))));
    const close = once(socket, "close");
    socket.close();
    for (const error of await waits) {
      expect(error).toMatchObject(never);
      expect(error.message).toMatch(/"closing"/);
    }
    expect(await failed(once(socket, "message"))).toMatchObject({ message: expect.stringContaining("close() was called") });
    await close;
  });

  test.each(families)("$name: drain: it still comes while halfclosed and closing, and then no more", async ({ pair }) => {
    for (const end of ["halfclose", "close"]) {
      const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
      expect(socket.send(new Uint8Array(16 << 20))).toBe(false);
      socket[end]();
      const drain = once(socket, "drain");
      peer.resume();
      await drain;
      expect(await failed(once(socket, "drain"))).toMatchObject(never);
    }
  });

  test.each(families)("$name: halfclose after halfclose(): the peer's end closes the socket", async ({ pair }) => {
    const { socket, peer } = await pair({ peer: { allowHalfOpen: true } });
    const [wait, drain] = [failed(once(socket, "halfclose")), failed(once(socket, "drain"))];
    socket.halfclose();
    expect(await wait).toMatchObject(never);
    expect(await drain).toMatchObject(never);
    expect(await failed(once(socket, "halfclose"))).toMatchObject(never);
    peer.write("still told");
    expect(text((await once(socket, "message")).data)).toBe("still told");
    const last = failed(once(socket, "message"));
    peer.end();
    expect(await last).toMatchObject(never);
  });

  test.each(families)("$name: a reset(): all but close, at once", async ({ pair }) => {
    const { socket } = await pair();
    socket.send(new Uint8Array(16 << 20));
    const rest = ["drain", "error", "halfclose", "message"];
    const before = Promise.all(rest.map((type) => failed(once(socket, type))));
    const close = once(socket, "close");
    socket.reset();
    const after = Promise.all([...rest, "open"].map((type) => failed(once(socket, type))));
    for (const error of [...(await before), ...(await after)]) {
      expect(error).toMatchObject(never);
      expect(error.message).toContain("reset() was called");
    }
    await close;
  });

  test.each(families)("$name: everything, when closed; close too", async ({ pair }) => {
    const { socket, peer } = await pair();
    peer.end();
    await once(socket, "close");
    for (const type of TYPES) {
      const error = await failed(once(socket, type));
      expect(error).toMatchObject(never);
      expect(error.message).toBe(`once(): no ${type} event comes any more: the socket is "closed": the peer has ended the connection`);
      expect(error.cause).toBe(undefined);
    }
  });

  test("everything, when lost or refused: the loss is the cause", async () => {
    const lost = await tcpPair();
    const close = once(lost.socket, "close");
    lost.socket.onerror = () => {};
    lost.peer.resetAndDestroy();
    await close;
    const refused = tcp("127.0.0.1", await refusedPort());
    await once(refused, "error");
    for (const [socket, code] of [[lost.socket, "ECONNRESET"], [refused, "ECONNREFUSED"]]) {
      for (const type of TYPES) {
        const error = await failed(once(socket, type));
        expect(error).toMatchObject(never);
        expect(error.cause).toMatchObject({ name: "NetworkError", code });
      }
    }
  });

  test.each(families)("$name: message, where readable was taken, before or meanwhile (R-streams)", async ({ pair }) => {
    const { socket, peer } = await pair();
    const wait = failed(once(socket, "message"));
    const reader = socket.readable.getReader();
    expect(await wait).toMatchObject(never);
    expect((await failed(once(socket, "message"))).message).toContain("its readable was taken");
    peer.write("x");
    expect(text((await reader.read()).value)).toBe("x");
    // The writable's close() is halfclose().
    const halfclose = failed(once(socket, "halfclose"));
    await socket.writable.close();
    expect(await halfclose).toMatchObject(never);
    // Both streams have ended: the socket is closing.
    const close = once(socket, "close");
    await reader.cancel();
    await close;
  });

  test.each(families)("$name: message, drain and halfclose, where the socket is relayed, before or meanwhile (R-relay)", async ({ pair }) => {
    const [a, b] = [await pair(), await pair()];
    const types = ["drain", "halfclose", "message"];
    const before = Promise.all(types.map((type) => failed(once(a.socket, type))));
    const close = once(a.socket, "close");
    const relaying = relay(a.socket, b.socket);
    for (const error of [...(await before), ...(await Promise.all(types.map((type) => failed(once(b.socket, type)))))]) {
      expect(error).toMatchObject(never);
      expect(error.message).toContain("relayed");
    }
    a.peer.end();
    b.peer.end();
    await relaying;
    await close;
  });

  test.each(families)("$name: a wait that nothing settles but the close ends with it", async ({ pair }) => {
    const { socket, peer } = await pair();
    const wait = failed(once(socket, "error"));
    const close = once(socket, "close");
    peer.end();
    await close;
    expect(await wait).toMatchObject(never);
  });
});

test("what a subclass or a connect() socket waits for is the same (R-once)", async () => {
  class Own extends TCPSocket {}
  const server = await listen();
  const socket = track(new Own("127.0.0.1", server.port));
  await once(socket, "open");
  const peer = await server.next();
  peer.write("x");
  expect(text((await deadline(once(socket, "message"), "a message")).data)).toBe("x");
});
