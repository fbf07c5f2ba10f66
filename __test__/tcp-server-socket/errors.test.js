"use strict";

const { runJSON, once, dial, track, tcpServer, hasIPv6 } = require("../helpers");

const testUnix = process.platform === "win32" ? test.skip : test;
const OPEN_FILES = 100;

describe("too many open files", () => {
  let result;

  beforeAll(async () => {
    if (process.platform !== "win32") {
      result = await runJSON("emfile-accept.js", { openFiles: OPEN_FILES, timeout: 25_000 });
    }
  });

  testUnix("fire one error (EMFILE) a spell, and let connections wait in the backlog (draft, R-srv-error)", () => {
    expect(result.first).toEqual({
      errors: ["NetworkError EMFILE"],
      syscalls: [expect.stringMatching(/^accept4?$/)],
      isAboutTheServer: true,
      eventClass: "[object ErrorEvent]",
      isDOMException: true,
      readyState: "open",
      served: 0,
    });
  });

  testUnix("the server goes on by itself when it can, and serves what waited in order (R-srv-error)", () => {
    expect(result.afterFirst).toEqual({ served: 3, inOrder: true, errors: 1 });
  });

  testUnix("an accept that succeeds ends the spell: the next one has an error of its own (R-srv-error)", () => {
    expect(result.second).toEqual({ errors: 2, served: 3 });
    expect(result.afterSecond).toEqual({ served: 4, errors: 2 });
  });

  testUnix("the server does not spin meanwhile (R-srv-error)", () => {
    // CPU time over wall time while nothing could be accepted.
    expect(result.busy).toBeLessThan(0.5);
  });
});

testUnix("closing the server in such a spell works (R-srv-close)", async () => {
  const result = await runJSON("emfile-close.js", { openFiles: OPEN_FILES });
  expect(result).toEqual({ readyState: "closed", errors: 1, served: 0, refused: "ECONNREFUSED" });
});

testUnix("all three constructors throw NetworkError (EMFILE) when there is no descriptor left, and work again later (R-tcp-create, R-error)", async () => {
  const result = await runJSON("emfile-constructors.js", { openFiles: OPEN_FILES });
  const thrown = (port) => ["NetworkError", "EMFILE", true, "socket", "127.0.0.1", port];
  expect(result).toEqual({
    thrown: { TCPSocket: thrown(9), TCPServerSocket: thrown(0), UDPSocket: thrown(0) },
    later: { TCPSocket: "connecting", TCPServerSocket: "open", UDPSocket: "open" },
  });
});

test("the server's error is not fired for what happens to accepted sockets (draft: attempts that cannot be served)", async () => {
  const server = tcpServer(hasIPv6 ? { localAddress: "::" } : {});
  let errors = 0;
  server.onerror = () => {
    errors += 1;
  };
  for (let i = 0; i < 5; i++) {
    const connect = once(server, "connect");
    const peer = await dial(server.localPort);
    const socket = track((await connect).connectedSocket);
    const lost = once(socket, "close");
    socket.onerror = () => {};
    peer.resetAndDestroy();
    await lost;
  }
  expect(errors).toBe(0);
  expect(server.readyState).toBe("open");
});
