"use strict";

// shutdown() of a TLS server: the handshakes under way (R-shutdown, R-srv-close).

const { collect, deadline, dial, once, record, settle, track, expendable } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { dialTLS, dialTLSLater, secureAccepted, secureServer } = require("../helpers/tls");

const { server: identity } = authority();
const own = { cert: identity.cert, key: identity.key };

/**
 * A client whose handshake is under way: the server waits for its first message. Call begin() to let it go on.
 *
 * @param {import("node:net").Server} server
 */
async function waitingClient(server) {
  const plain = await dial(server.localPort);
  await settle();
  return {
    plain,
    begin: () => dialTLSLater(server.localPort, { socket: plain, host: undefined }),
  };
}

describe("shutdown() of a TLS server (R-shutdown)", () => {
  test("a handshake under way goes on, and is delivered; after `grace` its socket is closed behind what the handler sends", async () => {
    const server = secureServer(own);
    const log = record(server, ["connect", "error"]);
    const { begin } = await waitingClient(server);
    const promise = server.shutdown({ grace: 0, timeout: 20_000 });
    expect(server.readyState).toBe("closed");
    server.addEventListener("connect", ({ connectedSocket }) => track(connectedSocket).send("bye"));
    const peer = begin();
    const closed = once(peer, "close");
    const inbox = collect(peer);
    await inbox.until(3);
    await closed;
    await deadline(promise, "shutdown()");
    expect(log.types).toEqual(["connect"]);
  });

  test("in `grace` a connection that a handshake gives stays open", async () => {
    const server = secureServer(own);
    const connect = once(server, "connect");
    server.onconnect = () => {};
    const { begin } = await waitingClient(server);
    const promise = server.shutdown({ grace: 20_000, timeout: 30_000 });
    const peer = begin();
    const { connectedSocket } = await connect;
    expect(connectedSocket.readyState).toBe("open");
    collect(track(connectedSocket));
    peer.end();
    await deadline(promise, "shutdown()");
  });

  test("a handshake that is not done after `timeout` is reset", async () => {
    const server = secureServer(own);
    const log = record(server, ["connect", "error"]);
    const { plain } = await waitingClient(server);
    const reset = once(plain, "error");
    await deadline(server.shutdown({ timeout: 60 }), "shutdown()");
    expect((await reset).code).toBe("ECONNRESET");
    expect(log.types).toEqual([]);
  });

  test("a `timeout` of 0 resets it at once", async () => {
    const server = secureServer(own);
    server.onconnect = () => {};
    const { plain } = await waitingClient(server);
    const reset = once(plain, "error");
    await deadline(server.shutdown({ timeout: 0 }), "shutdown()");
    expect((await reset).code).toBe("ECONNRESET");
  });

  test("a handshake that fails meanwhile fires nothing, and ends the wait", async () => {
    const server = secureServer(own);
    const log = record(server, ["connect", "error"]);
    const { plain } = await waitingClient(server);
    const promise = server.shutdown({ grace: 20_000, timeout: 30_000 });
    plain.write("this is no TLS, but plain text");
    await deadline(promise, "shutdown()");
    await settle();
    expect(log.types).toEqual([]);
    await server.closed;
  });

  test("a client that goes away meanwhile ends the wait", async () => {
    const server = secureServer(own);
    server.onconnect = () => {};
    const { plain } = await waitingClient(server);
    const promise = server.shutdown({ grace: 20_000, timeout: 30_000 });
    plain.destroy();
    await deadline(promise, "shutdown()");
  });

  test("where nobody listens, or the server is suspended, a handshake that is done is reset (R-srv-close)", async () => {
    for (const prepare of [(server) => server.suspend(), (server) => (server.onconnect = null)]) {
      const server = secureServer(own);
      server.onconnect = ({ connectedSocket }) => track(connectedSocket);
      const { begin } = await waitingClient(server);
      prepare(server);
      const log = record(server, ["error"]);
      const promise = server.shutdown({ grace: 20_000, timeout: 30_000 });
      const peer = begin();
      const ended = once(peer, "close");
      await deadline(promise, "shutdown()");
      await ended;
      expect(log.types).toEqual([]);
    }
  });

  test("certificateFor is still asked after it; a question without an answer ends with `timeout` (R-srv-secure)", async () => {
    const asked = [];
    let isSlow = false;
    const certificateFor = (name) => {
      asked.push(name);
      return isSlow ? new Promise(() => {}) : own;
    };
    const server = secureServer({ certificateFor });
    const log = record(server, ["connect", "error"]);
    const [first, second] = [await waitingClient(server), await waitingClient(server)];
    const promise = server.shutdown({ grace: 10_000, timeout: 400 });
    const peer = dialTLSLater(server.localPort, { socket: first.plain, host: undefined, servername: "a.test" });
    await once(peer, "secureConnect");
    isSlow = true;
    dialTLSLater(server.localPort, { socket: second.plain, host: undefined, servername: "b.test" });
    await deadline(promise, "shutdown()");
    expect(asked).toEqual(["a.test", "b.test"]);
    expect(log.types).toEqual(["connect"]);
    peer.destroy();
  });

  test("after close() the handshakes are gone: it ends the connections", async () => {
    const { server, socket, peer } = await secureAccepted({ secureTransport: own });
    const { plain } = await waitingClient(server);
    const reset = once(plain, "error");
    server.close();
    await reset;
    const ended = once(peer, "end");
    peer.resume();
    await deadline(server.shutdown(), "shutdown()");
    await ended;
    expect(socket.readyState).toBe("closed");
  });

  test("what was sent over TLS arrives before the end", async () => {
    const server = secureServer(own);
    server.onconnect = ({ connectedSocket }) => expendable(connectedSocket).send(new Uint8Array(3_000_000));
    const connect = once(server, "connect");
    const peer = await dialTLS(server.localPort);
    await connect;
    const promise = server.shutdown();
    const inbox = collect(peer);
    await inbox.until(3_000_000);
    await once(peer, "end");
    await deadline(promise, "shutdown()");
  });
});
