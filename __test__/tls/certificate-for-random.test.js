"use strict";

// certificateFor under random clients, answers and changes of the options: no client is shown a certificate that is not for its name, none is
// lost, and no name is asked for twice at a time (R-srv-secure).

const { randomInt } = require("node:crypto");
const { eventually, expendable, once, settle, sleep } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { random } = require("../helpers/exchange");
const { dialTLSLater, secureServer } = require("../helpers/tls");

const all = authority();
const names = Array.from({ length: 6 }, (_, index) => `name-${index}.test`);
const own = all.issue({ dns: ["own.test"] });
/** The certificates of a name, of which each answer gives one. */
const issued = new Map(names.map((name) => [name, [1, 2].map(() => all.issue({ dns: [name] }))]));
const CLIENTS = 300;
const AT_ONCE = 20;

test("R-srv-secure: whoever comes and goes, each client gets a certificate for its name, the server's own, or none", async () => {
  const seed = randomInt(2 ** 31);
  const next = random(seed);
  const below = (bound) => Math.floor(next() * bound);
  /** The number of setSecureContext() calls so far. */
  let context = 0;
  /** The questions that are open, by name, of the options that hold now. */
  let open = new Set();
  const wrong = [];

  function options() {
    const mine = context;
    async function certificateFor(name) {
      if (mine !== context) wrong.push(`${name}: options that are replaced were asked`);
      if (open.has(name)) wrong.push(`${name}: asked twice at a time`);
      const questions = open.add(name);
      await sleep(below(10));
      questions.delete(name);
      const certificates = issued.get(name);
      const { cert, key } = certificates[below(certificates.length)];
      switch (below(6)) {
        case 0: return null;
        case 1: throw new Error(`none for ${name}`);
        case 2: return { cert, key: own.key };
        default: return { cert, key, ttl: below(2) === 0 ? undefined : below(20) };
      }
    }
    return { cert: own.cert, key: own.key, certificateFor };
  }

  const server = expendable(secureServer(options()));
  let connects = 0;
  const errors = [];
  server.onconnect = ({ connectedSocket }) => {
    connects += 1;
    expendable(connectedSocket).onmessage = () => {};
  };
  server.onerror = ({ error }) => errors.push(error);

  async function visit() {
    const servername = names[below(names.length)];
    const client = dialTLSLater(server.localPort, { servername });
    client.on("error", () => {});
    const closed = once(client, "close", 10_000);
    if (below(3) === 0) {
      client.once("connect", () => setTimeout(() => client.destroy(), below(8)));
    }
    client.once("secureConnect", () => {
      const shown = client.getPeerCertificate().subject?.CN;
      if (shown !== undefined && shown !== servername && shown !== "own.test") wrong.push(`${servername} was shown ${shown}`);
      client.end();
    });
    await closed;
  }

  let left = CLIENTS;
  const changes = setInterval(() => {
    context += 1;
    open = new Set();
    server.setSecureContext(options());
  }, 40);
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (left > 0) {
        left -= 1;
        await visit();
      }
    }));
  } finally {
    clearInterval(changes);
  }
  await eventually(() => connects + errors.length === CLIENTS && server.connections === 0, `all clients of seed ${seed}: ${connects} + ${errors.length}`);
  await settle();
  expect({ seed, wrong, accounted: connects + errors.length }).toEqual({ seed, wrong: [], accounted: CLIENTS });
  // Each failure of the function tells why.
  const refused = errors.filter(({ code }) => code === "ERR_TLS_NO_CERTIFICATE_FOR_NAME");
  expect(refused.length).toBeGreaterThan(0);
  for (const { cause } of refused) {
    expect(cause.message).toMatch(/^none for name-\d\.test$|the key does not belong to the certificate/);
  }
});
