"use strict";

const path = require("node:path");
const { ROOT, listen, dial, collect, start, refusedPort } = require("../helpers");

jest.setTimeout(20_000);

const EXAMPLE = path.join(ROOT, "examples", "load-balancer.js");

test("examples/load-balancer.js: connections go to the target with the fewest, past one that is down (R-relay)", async () => {
  const targets = [await listen({ allowHalfOpen: true }), await listen({ allowHalfOpen: true })];
  for (const [index, { server }] of targets.entries()) {
    server.on("connection", (socket) => {
      socket.write(`target ${index}, `);
      socket.pipe(socket);
    });
  }
  const hosts = [await refusedPort(), ...targets.map(({ port }) => port)].map((port) => `127.0.0.1:${port}`);
  const args = JSON.stringify(["node", "0", ...hosts]);
  const child = start(`process.argv.splice(1, process.argv.length, ...${args}); require(${JSON.stringify(EXAMPLE)});`, {
    timeout: 15_000,
  });
  await child.line("listens on port");
  const port = Number(/listens on port (\d+)/.exec(child.output.stdout)[1]);
  // All four are open at the same time: two for each.
  const clients = [];
  for (let i = 0; i < 4; i++) {
    const client = await dial(port, { allowHalfOpen: true });
    const inbox = collect(client);
    await inbox.until("target 0, ".length);
    clients.push({ client, inbox });
  }
  for (const { client, inbox } of clients) {
    client.end("ping");
    await inbox.end();
  }
  const answers = clients.map(({ inbox }) => inbox.text()).sort();
  expect(answers).toEqual(["target 0, ping", "target 0, ping", "target 1, ping", "target 1, ping"]);
});
