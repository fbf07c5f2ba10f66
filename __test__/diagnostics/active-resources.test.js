"use strict";

// What tools say that keeps a process alive: why-is-node-running, and process.getActiveResourcesInfo().

const { ROOT, runJSON } = require("../helpers");
const { obstacle } = require("../helpers/unix");

/**
 * Before anything is loaded: keeps() lists what keeps the process alive, as why-is-node-running 3 finds it. idle() waits until Node itself
 * lists no more than before the first socket, and returns what it lists beyond that. Both run in a timer.
 */
const TOOLS = `"use strict";
const { createHook } = require("node:async_hooks");
const { report } = require(${JSON.stringify(require.resolve("../helpers/report"))});
const IGNORED = ["TIMERWRAP", "PROMISE", "PerformanceObserver", "RANDOMBYTESREQUEST"];
const resources = new Map();
createHook({
  init(id, type, _, resource) { if (!IGNORED.includes(type)) resources.set(id, { type, reference: new WeakRef(resource) }); },
  destroy(id) { resources.delete(id); },
}).enable();
const active = () => [...resources.values()].filter(({ reference }) => {
  const resource = reference.deref();
  return resource !== undefined && (resource.hasRef?.() ?? true);
}).map(({ type }) => type);
const timer = () => new Promise((resolve) => setTimeout(resolve, 5));
const beyond = (list, base) => base.reduce((left, one) => { const at = left.indexOf(one); if (at >= 0) left.splice(at, 1); return left; }, [...list]).sort();
// Node itself makes them when it loads MessageEvent.
void [process.stdout, process.stderr];
// It keeps the process alive where sockets do not.
const hold = setInterval(() => {}, 1000);
let [hooked, listed] = [[], []];
async function base() { await timer(); [hooked, listed] = [active(), process.getActiveResourcesInfo()]; }
async function keeps() { await idle(); return beyond(active(), hooked); }
async function idle() {
  for (let tries = 0; ; tries++) {
    await timer();
    const more = beyond(process.getActiveResourcesInfo(), listed);
    if (more.length === 0 || tries === 200) return more;
  }
}
`;

/** Runs a script behind the TOOLS. It has the package as \`sockets\`, loaded after base(). */
function look(script) {
  return runJSON(
    `${TOOLS}(async () => { await base(); const sockets = require(${JSON.stringify(ROOT)}); ${script} clearInterval(hold); })();`,
    { bare: true },
  );
}

test("why-is-node-running names open sockets, and nothing else of the package (R-context)", async () => {
  const kept = await look(`
    const seen = { loaded: await keeps() };
    const { TCPServerSocket, TCPSocket, UDPSocket, once } = sockets;
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const udp = new UDPSocket({ localAddress: "127.0.0.1" });
    const client = new TCPSocket("127.0.0.1", server.localPort);
    const [{ connectedSocket }] = await Promise.all([once(server, "connect"), once(client, "open")]);
    client.send("x");
    await once(connectedSocket, "message");
    seen.open = await keeps();
    for (const socket of [server, udp, client, connectedSocket]) socket.unref();
    seen.unreferenced = await keeps();
    client.ref();
    seen.one = await keeps();
    server.close(); udp.close();
    connectedSocket.close();
    await client.closed;
    await connectedSocket.closed;
    seen.closed = await keeps();
    report(seen);`);
  expect(kept).toEqual({
    loaded: [],
    open: ["TCPSERVERSOCKET", "TCPSOCKET", "TCPSOCKET", "UDPSOCKET"],
    unreferenced: [],
    one: ["TCPSOCKET"],
    closed: [],
  });
});

(obstacle ? test.skip : test)("and Unix sockets, and a connect() that has no socket yet", async () => {
  const kept = await look(`
    const { UnixServerSocket, UnixSocket, connect, once } = sockets;
    const path = require("node:path");
    const folder = require("node:fs").mkdtempSync(path.join(require("node:os").tmpdir(), "tus-"));
    const server = new UnixServerSocket({ path: path.join(folder, "socket") });
    const client = new UnixSocket(server.localPath);
    const { connectedSocket } = await once(server, "connect");
    const controller = new AbortController();
    let answer;
    const connecting = connect("nowhere.invalid", 1, { signal: controller.signal, lookup: () => new Promise((resolve) => { answer = resolve; }) });
    connecting.catch(() => {});
    const seen = { open: await keeps() };
    controller.abort();
    answer([]);
    client.close(); connectedSocket.close(); server.close();
    await Promise.all([client.closed, connectedSocket.closed]);
    seen.closed = await keeps();
    require("node:fs").rmSync(folder, { recursive: true });
    report(seen);`);
  expect(kept).toEqual({ open: ["TCPSOCKET", "UNIXSERVERSOCKET", "UNIXSOCKET", "UNIXSOCKET"], closed: [] });
});

test("process.getActiveResourcesInfo() lists nothing in a socket's stead while sockets are idle", async () => {
  const listed = await look(`
    const { TCPServerSocket, TCPSocket, UDPSocket, once } = sockets;
    const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
    const udp = new UDPSocket({ localAddress: "127.0.0.1" });
    const client = new TCPSocket("127.0.0.1", server.localPort, { idleTimeout: 60_000 });
    const { connectedSocket } = await once(server, "connect");
    connectedSocket.onmessage = () => {};
    const seen = await idle();
    server.close(); udp.close(); client.close(); connectedSocket.close();
    report(seen);`);
  expect(listed).toEqual([]);
});
