"use strict";

// Breaks exchanges at every byte, and checks what the rulings promise: nothing hangs, no byte is delivered that was not sent, a changed or cut
// TLS stream is a loss, each socket tells its end once, promises settle, descriptors are closed, and the process ends.
//
//   node __test__/faults/sweep.js [--only PART-OF-A-NAME] [--kind KIND] [--every N] [--sample N] [--seed N] [--codes] [--at KIND,DIRECTION,BYTE,VALUE]
//
// --every N: each N-th byte; --sample N: N random faults of each exchange, half of them at the edges of TLS records. It prints each
// fault that broke a promise, and how to repeat it; --codes prints the codes of the errors by kind of fault. --report returns the result to the test that started it.

const { fstatSync, readdirSync } = require("node:fs");
const process = require("node:process");
const { parseArgs } = require("node:util");
const { generator } = require("../helpers/random");
const { report } = require("../helpers/report");
const { EXCHANGES, ownAddress } = require("./exchanges");
const { FAULTS, injector } = require("./injector");
const { judge } = require("./judge");

const { values: options } = parseArgs({
  options: { report: { type: "boolean" }, codes: { type: "boolean" }, only: { type: "string" }, kind: { type: "string" }, every: { type: "string" }, sample: { type: "string" }, seed: { type: "string" }, at: { type: "string" } },
});
const seed = Number(options.seed ?? Date.now() % 2 ** 31);
const random = generator(seed);

/** Cases that run at once. */
const AT_ONCE = 40;
/** ms after which a case counts as hanging. Far over each of its time limits. */
const LIMIT = 20_000;
/** ms between two looks at a case, and how many find nothing new before it is judged: events after the last one would be found. */
const AFTER = 3;
const QUIET = 3;
/** ms that a case waits for the server's socket or error. */
const UNSERVED = 2000;

/** Faults after which nothing but the time limits of the sockets may end the exchange. A node:tls peer may also wait after the other faults. */
const ENDS_BY_TIME = new Set(["stall", "insert", "drop", "flip"]);

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Runs one case. @param {string} name @param {any} servers @param {any} [fault] */
async function play(name, servers, fault) {
  const exchange = EXCHANGES[name];
  const isShort = fault !== undefined && (ENDS_BY_TIME.has(fault.kind) || (exchange.isWithNode && !FAULTS[fault.kind].whole));
  const address = ownAddress();
  const proxy = await injector(servers.port(isShort), address, fault);
  const end = { ours: [], theirs: [], relays: [], failures: [], relayPromise: undefined };
  let isServed = false;
  servers.board.watch(address, (value) => {
    isServed = true;
    exchange.serve(end, value);
  });
  const dialled = exchange.dial({ port: proxy.port, isShort, servers, end });
  end.ours.push(...dialled.ours);
  end.theirs.push(...dialled.theirs);
  const start = Date.now();
  const isOver = () => [...end.ours, ...end.relays, ...end.theirs].every(({ isDone }) => isDone);
  for (let quiet = 0; quiet < QUIET && Date.now() - start < LIMIT;) {
    await sleep(AFTER);
    // The server may still have to see what the client has seen. (A node:tls server says nothing of a handshake that fails.)
    const isWaiting = proxy.isConnected && !isServed && !exchange.isToNode && Date.now() - start < UNSERVED;
    quiet = isOver() && !isWaiting ? quiet + 1 : 0;
  }
  const hangs = !isOver();
  const broken = judge({ exchange, fault, proxy, end, hangs });
  proxy.end();
  for (const { socket } of [...end.ours, ...end.relays]) {
    if (hangs) socket.reset();
  }
  const codes = [...end.ours, ...end.relays].filter(({ error }) => error).map(({ role, error }) => `${role} ${error.code}`);
  codes.push(...end.failures.map((error) => `handshake ${error.code}`));
  return { broken, proxy, codes };
}

/** The first byte of each TLS record of a stream, and its length. @param {Buffer} stream @param {number} prologue */
function recordsOf(stream, prologue) {
  const found = [];
  for (let at = prologue; at + 5 <= stream.length;) {
    const length = 5 + stream.readUInt16BE(at + 3);
    found.push({ at, length });
    at += length;
  }
  return found;
}

/** Values of a fault that needs one: a bit to flip, a byte to insert. @param {string} kind */
const valueOf = (kind) => (kind === "flip" ? random(8) : random(256));

/** The faults to try. @param {string} name @param {{ up: Buffer, down: Buffer }} streams those of a whole exchange */
function faultsFor(name, streams) {
  const kinds = Object.keys(FAULTS).filter((kind) => kind !== "none" && (options.kind === undefined || kind === options.kind));
  if (options.at) {
    const [kind, direction, at, value] = options.at.split(",");
    return [{ kind, direction, at: Number(at), value: Number(value) }];
  }
  const faults = [];
  if (options.sample) {
    const { secure, prologue } = EXCHANGES[name];
    for (let i = 0; i < Number(options.sample); i++) {
      const kind = kinds[(i + random(2)) % kinds.length];
      const direction = random(2) ? "up" : "down";
      const length = streams[direction].length;
      let at = random(length + 1);
      if (secure && i % 2 === 0) {
        const records = recordsOf(streams[direction], prologue?.[direction] ?? 0);
        const record = records[random(records.length)];
        at = record.at + [0, 1 + random(4), 5, 6 + random(record.length - 6), record.length][random(5)];
      }
      faults.push({ kind, direction, at, value: valueOf(kind) });
    }
    return faults;
  }
  const every = Number(options.every ?? 1);
  for (const direction of ["up", "down"]) {
    for (const kind of kinds) {
      for (let at = random(every); at <= streams[direction].length; at += every) {
        faults.push({ kind, direction, at, value: valueOf(kind) });
      }
    }
  }
  return faults;
}

/** The open descriptors that are sockets. */
const sockets = () => readdirSync("/proc/self/fd").filter((fd) => {
  try {
    return fstatSync(Number(fd)).isSocket();
  } catch {
    return false;
  }
}).length;

async function main() {
  const warnings = [];
  process.on("warning", (warning) => warnings.push(String(warning)));
  process.on("unhandledRejection", (reason) => warnings.push(`unhandled: ${reason}`));
  const before = sockets();
  const total = { seed, cases: 0, broken: [], codes: {}, exchanges: {} };
  const say = (name, fault, broken) => {
    const how = fault ? `--only "${name}" --at "${fault.kind},${fault.direction},${fault.at},${fault.value}"` : `--only "${name}"`;
    total.broken.push({ name, fault, broken });
    console.error(`${name}, ${JSON.stringify(fault)}:\n  ${broken.join("\n  ")}\n  repeat: node __test__/faults/sweep.js ${how}`);
  };
  for (const name of Object.keys(EXCHANGES).filter((one) => options.only === undefined || one === options.only || (one.includes(options.only) && !(options.only in EXCHANGES)))) {
    const started = Date.now();
    const servers = await EXCHANGES[name].open();
    // A whole exchange, twice: the first may be the one that gets the session that later ones resume.
    let whole;
    for (let i = 0; i < 2; i++) {
      whole = await play(name, servers, undefined);
      if (whole.broken.length > 0) say(name, undefined, whole.broken);
      await sleep(20);
    }
    const streams = { up: Buffer.concat(whole.proxy.up.came), down: Buffer.concat(whole.proxy.down.came) };
    const faults = faultsFor(name, streams);
    let next = 0;
    await Promise.all(Array.from({ length: AT_ONCE }, async () => {
      while (next < faults.length) {
        const fault = faults[next++];
        const { broken, codes } = await play(name, servers, fault);
        total.cases += 1;
        for (const code of codes) {
          const key = `${fault.kind}: ${code}`;
          total.codes[key] = (total.codes[key] ?? 0) + 1;
        }
        if (broken.length > 0) say(name, fault, broken);
      }
    }));
    servers.close();
    total.exchanges[name] = { cases: faults.length, up: streams.up.length, down: streams.down.length, seconds: (Date.now() - started) / 1000 };
    console.log(`${name}: ${faults.length} faults in ${streams.up.length} + ${streams.down.length} bytes, ${(Date.now() - started) / 1000} s, ${total.broken.length} broken so far`);
  }
  // Lingering connections of the last cases end within their time.
  for (let i = 0; i < 100 && sockets() > before; i++) await sleep(100);
  total.socketsLeft = sockets() - before;
  total.warnings = warnings;
  if (options.report) report(total);
  console.log(`seed ${seed}: ${total.cases} faults, ${total.broken.length} broken, ${total.socketsLeft} sockets left, ${warnings.length} warnings`);
  for (const warning of warnings) console.log(warning);
  if (options.codes) console.log(total.codes);
  if (total.broken.length > 0 || total.socketsLeft > 0 || warnings.length > 0) process.exitCode = 1;
}

main();
