"use strict";

// Runs of datagrams of one size cross the kernel as one message (UDP_SEGMENT). Where a path cannot do that, they go one by one.

const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

jest.setTimeout(20_000);

/** Bursts of 40 datagrams, over loopback with this MTU: what arrived, in order, and what error events came. */
function bursts(mtu, size) {
  return inNamespace(
    `const receiver = new UDPSocket({ localAddress: "127.0.0.1", receiveBufferSize: 4 * 1024 * 1024 });
    const log = record(receiver, ["message"]);
    const socket = new UDPSocket({ localAddress: "127.0.0.1", remoteAddress: "127.0.0.1", remotePort: receiver.localPort });
    const errors = [];
    socket.onerror = ({ error }) => errors.push(error.code);
    const went = [];
    for (let burst = 0; burst < 3; burst++) {
      for (let i = 0; i < 40; i++) {
        went.push(socket.send(new Uint8Array(${size}).fill(burst * 40 + i)));
      }
      await log.atLeast(40 * (burst + 1));
    }
    const arrived = log.entries.map(({ event }) => [event.data.byteLength, new Uint8Array(event.data)[0]]);
    report({ went: went.every(Boolean), errors, arrived, left: socket.bufferedAmount });
    process.exit(0);`,
    { setup: `ip link set lo mtu ${mtu}\n${setups.loopback}` },
  );
}

const all = (size) => Array.from({ length: 120 }, (_, i) => [size, i]);

describe("UDPSocket: runs of datagrams of one size", () => {
  namespaceTest("arrive as they were sent, in order, each by itself (R-udp-bounds)", async () => {
    expect(await bursts(65_536, 1000)).toEqual({ went: true, errors: [], arrived: all(1000), left: 0 });
  });

  namespaceTest("arrive too where the path takes no such run (EINVAL: a datagram is longer than the MTU), and no error is told", async () => {
    expect(await bursts(600, 1000)).toEqual({ went: true, errors: [], arrived: all(1000), left: 0 });
  });
});
