"use strict";

// An attempt may meet itself: nobody listens, and the local address and port are the remote ones (TCP's simultaneous open). That
// is a refusal, not a connection (R-tcp-create).

const { connect } = require("../..");
const { expectIsDOMException, freePort, hasIPv6, listen, once, record, settle, tcp, track } = require("../helpers");
const { inNamespace, namespaceTest } = require("../helpers/netns");

const LOOPBACKS = ["127.0.0.1", "127.0.0.2", "::ffff:127.0.0.1", ...(hasIPv6 ? ["::1"] : [])];
const PATIENT = 20_000;

/** Asked for by its local port: whatever the system would choose. */
function toItself(address, port, options) {
  return tcp(address, port, { localAddress: address, localPort: port, ...options });
}

test.each(LOOPBACKS)("at %s: error (ECONNREFUSED), no open, and the port is free at once", async (address) => {
  const port = await freePort();
  // Twice: what a refusal leaves in TIME_WAIT would be in the way of the second bind(2).
  for (let i = 0; i < 2; i++) {
    const socket = toItself(address, port);
    const log = record(socket, ["open", "message", "error", "close"]);
    const { event, readyState } = await log.until("error");
    expect(readyState).toBe("closed");
    expectIsDOMException(event.error, "NetworkError", "ECONNREFUSED");
    const { syscall, address: told, port: toldPort } = event.error;
    expect({ syscall, told, toldPort }).toEqual({ syscall: "connect", told: address.replace("::ffff:", ""), toldPort: port });
    expect(event.error.message).toContain("met only itself");
    await expect(socket.opened).rejects.toBe(event.error);
    await settle();
    expect(log.types).toEqual(["error"]);
  }
});

test("without localAddress, which the system chooses, and to the wildcard, which it takes for the loopback address", async () => {
  for (const address of ["127.0.0.1", "0.0.0.0", ...(hasIPv6 ? ["::1", "::"] : [])]) {
    const port = await freePort();
    const log = record(tcp(address, port, { localPort: port }), ["open", "error"]);
    const { event } = await log.until("error");
    expectIsDOMException(event.error, "NetworkError", "ECONNREFUSED");
    expect(log.types).toEqual(["error"]);
  }
});

test("halfclose() while connecting changes nothing of it, and close() gives the attempt up (R-tcp-close-connecting)", async () => {
  for (const [call, code] of [["halfclose", "ECONNREFUSED"], ["close", "ECONNABORTED"]]) {
    const port = await freePort();
    const socket = toItself("127.0.0.1", port);
    const log = record(socket, ["open", "error", "close"]);
    socket[call]();
    expect((await log.until("error")).event.error.code).toBe(code);
    await settle();
    expect(log.types).toEqual(["error"]);
  }
});

test("with TLS no handshake with itself begins (R-tcp-secure-open)", async () => {
  const port = await freePort();
  const log = record(toItself("127.0.0.1", port, { secureTransport: { rejectUnauthorized: false } }), ["open", "error", "close"]);
  const { event } = await log.until("error");
  expectIsDOMException(event.error, "NetworkError", "ECONNREFUSED");
  await settle();
  expect(log.types).toEqual(["error"]);
});

test("for connect() it is a failed attempt, and the next address is tried (R-connect)", async () => {
  const port = await freePort();
  const lookup = async () => ["127.0.0.1", "127.0.0.2"];
  const outcome = connect("itself.example", port, { localPort: port, lookup, attemptDelay: 3000 });
  const error = await outcome.then(track, (reason) => reason);
  expectIsDOMException(error, "NetworkError", "ECONNREFUSED");
  expect(error.cause.errors.map(({ address, code }) => [address, code])).toEqual([
    ["127.0.0.1", "ECONNREFUSED"],
    ["127.0.0.2", "ECONNREFUSED"],
  ]);
  expect(error.cause.errors[0].message).toContain("met only itself");
});

test("the same port at another address is no meeting with itself", async () => {
  const server = await listen({ host: "127.0.0.2", port: await freePort() });
  const socket = tcp("127.0.0.2", server.port, { localAddress: "127.0.0.1", localPort: server.port });
  await Promise.all([once(socket, "open"), server.next()]);
  expect([socket.localPort, socket.localAddress]).toEqual([server.port, "127.0.0.1"]);
});

namespaceTest(
  "200 attempts where ephemeral ports are few and the destination's is one of them: none opens, all are refused",
  async () => {
    const result = await inNamespace(
      `
      const outcomes = {};
      let met = 0;
      for (const [address, options] of [["127.0.0.1", {}], ["::1", {}], ["127.0.0.3", { secureTransport: { rejectUnauthorized: false } }]]) {
        for (let i = 0; i < 200; i++) {
          const socket = new TCPSocket(address, 40_004, options);
          const log = record(socket, ["open", "error"]);
          const [{ type, event }] = await log.atLeast(1);
          const outcome = type === "open" ? "open" : event.error.code;
          outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
          met += /itself/.test(event.error?.message) ? 1 : 0;
          socket.reset();
        }
      }
      const lookup = async () => ["127.0.0.1", "::1"];
      for (let i = 0; i < 200; i++) {
        const outcome = await connect("few.example", 40_004, { lookup }).then(() => "open", ({ code }) => code);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
      }
      report({ outcomes, met });`,
      { setup: "ip link set lo up; echo 40000 40009 > /proc/sys/net/ipv4/ip_local_port_range", timeout: PATIENT },
    );
    expect(result.outcomes).toEqual({ ECONNREFUSED: 800 });
    // It did happen: a port of ten is met often.
    expect(result.met).toBeGreaterThan(10);
  },
  PATIENT,
);
