"use strict";

// The network changes during a transfer, between two network namespaces: the interface goes down and comes back, the address, the route, the
// MTU. A connection outlives each of them and loses nothing; a UDPSocket reports what the system refuses, and stays open.

const path = require("node:path");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");
const { authority } = require("../helpers/certificates");

const ROOT = path.join(__dirname, "..", "..");
const { server: identity } = authority();

/** Runs in the other namespace: sends back what comes, over TCP, TLS and UDP. Prints its ports. */
const PEER = `
  const { TCPServerSocket, UDPSocket } = require(${JSON.stringify(ROOT)});
  process.stdin.once("data", () => {
    const tls = { secureTransport: ${JSON.stringify({ cert: identity.cert, key: identity.key })} };
    const servers = [{}, tls].map((options) => new TCPServerSocket({ localAddress: "0.0.0.0", ...options }));
    for (const server of servers) {
      server.onconnect = ({ connectedSocket }) => {
        const { readable, writable } = connectedSocket;
        readable.pipeTo(writable).catch(() => {});
      };
    }
    const udp = new UDPSocket({ localAddress: "0.0.0.0" });
    udp.onmessage = ({ data, remoteAddress, remotePort }) => udp.send(data, remoteAddress, remotePort);
    udp.onerror = () => {};
    console.log(JSON.stringify([...servers, udp].map((socket) => socket.localPort)));
  });`;

/** Moves one end of the link into a namespace with the peer; gives the script the peer's ports and what it needs to transfer. */
const TWO = `
  const { spawn } = require("node:child_process");
  const ip = (...args) => execFileSync("ip", args);
  ip("link", "set", "v1", "arp", "on");
  const peer = spawn("unshare", ["-n", process.execPath, "-e", ${JSON.stringify(PEER)}], { stdio: ["pipe", "pipe", "inherit"] });
  // unshare has its namespace when Node runs in it.
  for (let tries = 0; ; tries += 1) {
    const [mine, its] = ["self", peer.pid].map((pid) => require("node:fs").readlinkSync("/proc/" + pid + "/ns/net"));
    if (mine !== its) break;
    await sleep(10);
  }
  const there = (...args) => execFileSync("nsenter", ["-t", String(peer.pid), "-n", "ip", ...args]);
  ip("link", "set", "v1", "netns", String(peer.pid));
  there("link", "set", "lo", "up");
  there("addr", "add", NEIGHBOUR + "/24", "dev", "v1");
  there("link", "set", "v1", "up");
  peer.stdin.write("go");
  const [plain, secure, echo] = JSON.parse(String((await require("node:events").once(peer.stdout, "data"))[0]));
  const { transfer: play } = require(${JSON.stringify(path.join(__dirname, "transfer.js"))});
  /** Sends 4 MiB and compares what comes back; calls change() when a quarter is back. */
  async function transfer(port, options, change) {
    let isChanged = false;
    const atQuarter = () => { isChanged = true; change(); };
    const socket = new TCPSocket(NEIGHBOUR, port, { idleTimeout: 20_000, ...options });
    const { error = null, whole } = await play(socket, { size: 4 << 20, piece: 16384, atQuarter });
    return { error, isChanged, whole };
  }
  /** A transfer, plain and with TLS at once. The change is made once, by the one that gets there first. */
  async function both(change) {
    let done;
    const once = () => { done ??= change(); };
    const results = await Promise.all([
      transfer(plain, {}, once),
      transfer(secure, { secureTransport: { rejectUnauthorized: false } }, once),
    ]);
    await done;
    return results;
  }
  const stop = async () => { peer.kill("SIGKILL"); await new Promise((resolve) => peer.once("exit", resolve)); };`;

const WHOLE = { error: null, isChanged: true, whole: true };

const PAUSE = 600;
const CHANGES = {
  "the interface goes down and comes back": `ip("link", "set", "v0", "down"); await sleep(${PAUSE}); ip("link", "set", "v0", "up");`,
  "the peer's interface goes down and comes back": `there("link", "set", "v1", "down"); await sleep(${PAUSE}); there("link", "set", "v1", "up");`,
  "the address goes and comes back": `ip("addr", "del", HERE + "/24", "dev", "v0"); await sleep(${PAUSE}); ip("addr", "add", HERE + "/24", "dev", "v0");`,
  "the route goes and comes back": `ip("route", "del", "198.51.100.0/24"); await sleep(${PAUSE}); ip("route", "add", "198.51.100.0/24", "dev", "v0", "src", HERE);`,
  "the MTU shrinks": `ip("link", "set", "v0", "mtu", "600"); there("link", "set", "v1", "mtu", "600");`,
};

namespaceTest("TCP and TLS outlive each change of the network during a transfer, and lose nothing", async () => {
  const steps = Object.entries(CHANGES).map(([name, change]) => `seen[${JSON.stringify(name)}] = await both(async () => { ${change} });`);
  const seen = await inNamespace(`${TWO}\nconst seen = {};\n${steps.join("\n")}\nawait stop();\nreport(seen); process.exit(0);`, {
    setup: setups.link,
    timeout: 60_000,
  });
  expect(seen).toEqual(Object.fromEntries(Object.keys(CHANGES).map((name) => [name, [WHOLE, WHOLE]])));
}, 65_000);

namespaceTest("an interface that stays down: the connection is lost after idleTimeout, and the reason is told once (R-idle, R-tcp-lost)", async () => {
  const events = await inNamespace(
    `${TWO}
    const socket = new TCPSocket(NEIGHBOUR, plain, { idleTimeout: 500 });
    const log = record(socket, ["open", "error", "close"]);
    await log.until("open");
    ip("link", "set", "v0", "down");
    socket.send("lost");
    await log.until("close");
    await stop();
    report(log.entries.map(({ type, event }) => [type, event.error?.code ?? null]));
    process.exit(0);`,
    { setup: setups.link, timeout: 20_000 },
  );
  expect(events).toEqual([["open", null], ["error", "ETIMEDOUT"], ["close", null]]);
}, 25_000);

namespaceTest("UDP: what the network refuses is an error that leaves the socket open, and later datagrams arrive (R-udp-neterr)", async () => {
  const seen = await inNamespace(
    `${TWO}
    const socket = new UDPSocket({ localAddress: HERE });
    const log = record(socket, ["message", "error"]);
    const ask = async (text) => {
      socket.send(text, NEIGHBOUR, echo);
      const count = log.entries.length;
      await log.atLeast(count + 1);
      const { type, event } = log.entries.at(-1);
      return type === "error" ? event.error.code : Buffer.from(event.data).toString().slice(0, 5) + event.data.byteLength;
    };
    const seen = [await ask("first")];
    ip("link", "set", "v0", "down");
    seen.push(await ask("down"));
    ip("link", "set", "v0", "up");
    seen.push(await ask("again"));
    ip("addr", "del", HERE + "/24", "dev", "v0");
    seen.push(await ask("no address"));
    ip("addr", "add", HERE + "/24", "dev", "v0");
    seen.push(await ask("there"));
    ip("link", "set", "v0", "mtu", "600");
    there("link", "set", "v1", "mtu", "600");
    seen.push(await ask("large".repeat(1000)));
    seen.push(socket.readyState);
    await stop();
    report(seen);
    process.exit(0);`,
    { setup: setups.link, timeout: 20_000 },
  );
  expect(seen).toEqual(["first5", "ENETUNREACH", "again5", expect.stringMatching(/^E(NETUNREACH|INVAL|ADDRNOTAVAIL)$/), "there5", "large5000", "open"]);
}, 25_000);

namespaceTest("connect(): an interface that goes down during the attempts leaves the race to the other addresses (R-connect)", async () => {
  const seen = await inNamespace(
    `${TWO}
    const server = net.createServer((socket) => socket.on("error", () => {})).listen(0, "127.0.0.1");
    await require("node:events").once(server, "listening");
    const { port } = server.address();
    // Nobody answers at this address of the link.
    const race = connect("two.test", port, { lookup: async () => ["198.51.100.77", "127.0.0.1"], attemptDelay: 400, connectTimeout: 8000 });
    await sleep(100);
    ip("link", "set", "v0", "down");
    const socket = await race;
    const { remoteAddress } = socket;
    socket.onerror = () => {};
    socket.reset();
    const failed = await connect("198.51.100.77", port, { connectTimeout: 2000 }).then(() => "open", ({ code }) => code);
    await stop();
    report({ remoteAddress, failed });
    process.exit(0);`,
    { setup: setups.link, timeout: 20_000 },
  );
  expect(seen).toEqual({ remoteAddress: "127.0.0.1", failed: "ENETUNREACH" });
}, 25_000);
