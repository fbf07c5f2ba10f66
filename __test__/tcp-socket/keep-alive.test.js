"use strict";

const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

jest.setTimeout(40_000);

describe("a peer that is cut off (R-keepalive)", () => {
  namespaceTest("is noticed after keepAliveDelay and ten probes, one second apart: a client's, and an accepted socket's", async () => {
    const result = await inNamespace(
      `const server = new TCPServerSocket({ keepAliveDelay: 1000 });
      const accepted = once(server, "connect");
      const client = new TCPSocket(HERE, server.localPort, { keepAliveDelay: 1000, localAddress: "127.0.0.1" });
      const { connectedSocket } = await accepted;
      await client.opened;
      const cut = Date.now();
      // Nothing reaches anybody any more.
      execFileSync("ip", ["link", "set", "lo", "down"]);
      const outcomes = await Promise.all([client, connectedSocket].map(({ closed }) =>
        closed.then(() => "closed", ({ name, code }) => ({ name, code, after: Date.now() - cut }))));
      report(outcomes);
      process.exit(0);`,
      { setup: setups.link, timeout: 35_000 },
    );
    for (const outcome of result) {
      expect(outcome).toMatchObject({ name: "NetworkError", code: "ETIMEDOUT" });
      expect(outcome.after).toBeGreaterThan(9_000);
      expect(outcome.after).toBeLessThan(20_000);
    }
  });
});
