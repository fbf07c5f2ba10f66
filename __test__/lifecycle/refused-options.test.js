"use strict";

// A system that lacks a socket option (QEMU's user mode has few of them): what nobody asked for is done without, what somebody
// asked for is refused by name (R-platform).

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const path = require("node:path");
const { preload } = require("../helpers/preload");

jest.setTimeout(60_000);

const { folder, library, obstacle } = preload("refusing");
const shimTest = obstacle ? test.skip : test;

/**
 * Runs a script with the library preloaded; what it report()s is returned.
 *
 * @param {string} script may await
 * @param {Record<string, string>} [more] environment variables
 */
function run(script, more = {}) {
  const file = (name) => JSON.stringify(path.join(folder, name));
  const source = `"use strict";
    const fs = require("node:fs");
    const { UDPSocket, TCPSocket, TCPServerSocket } = require(${JSON.stringify(path.join(__dirname, "..", ".."))});
    const report = (value) => fs.writeFileSync(${file("report")}, JSON.stringify(value));
    /** The options that have been set since it was asked last, each once. */
    const tried = () => {
      const numbers = new Int32Array(new Uint8Array(fs.readFileSync(${file("tried")})).buffer);
      fs.writeFileSync(${file("tried")}, "");
      return [...new Set(Array.from({ length: numbers.length / 2 }, (_, i) => numbers.slice(2 * i, 2 * i + 2).join()))];
    };
    const refuse = (option) => fs.writeFileSync(${file("refused")}, new Uint8Array(Int32Array.from(option.split(",").map(Number)).buffer));
    const accept = () => fs.writeFileSync(${file("refused")}, "");
    (async () => {${script}})().catch((error) => { console.error(error); process.exit(70); });`;
  for (const name of ["refused", "tried", "report"]) {
    fs.writeFileSync(path.join(folder, name), "");
  }
  const env = { ...process.env, ...more, LD_PRELOAD: library, REFUSED: path.join(folder, "refused"), TRIED: path.join(folder, "tried") };
  const { status, stderr } = spawnSync(process.execPath, ["-e", source], { env, encoding: "utf8", timeout: 50_000 });
  if (status !== 0) {
    throw new Error(`the script ended with ${status}: ${stderr}`);
  }
  return JSON.parse(fs.readFileSync(path.join(folder, "report"), "utf8"));
}

shimTest(`what nobody asked for may be refused: sockets of every kind work${obstacle ? ` (${obstacle})` : ""} (R-platform)`, () => {
  const result = run(`
    const work = async () => {
      for (const [any, loopback] of [["0.0.0.0", "127.0.0.1"], ["::", "::1"]]) {
        const receiver = new UDPSocket({ localAddress: any });
        const sender = new UDPSocket({ localAddress: loopback });
        const came = new Promise((resolve) => { receiver.onmessage = resolve; });
        sender.send("x", loopback, receiver.localPort);
        await came;
        receiver.close();
        sender.close();
        const server = new TCPServerSocket({ localAddress: any });
        server.onconnect = ({ connectedSocket }) => {
          connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
        };
        const client = new TCPSocket(loopback, server.localPort);
        await client.opened;
        const echoed = new Promise((resolve) => { client.onmessage = resolve; });
        client.send("x");
        await echoed;
        client.close();
        await client.closed;
        server.close();
      }
      new UDPSocket({ localPort: 0 }).close();
      const taken = new UDPSocket();
      const { localPort } = taken;
      taken.close();
      new UDPSocket({ localPort }).close();
      const server = new TCPServerSocket();
      server.close();
    };
    await work();
    const options = tried();
    const failed = [];
    for (const option of options) {
      refuse(option);
      await work().catch((error) => failed.push([option, error.message]));
    }
    report({ options, failed });
    process.exit(0);`);
  expect(result.failed).toEqual([]);
  // Those that are known to matter: else the library was not preloaded, and nothing has been shown.
  expect(result.options).toEqual(expect.arrayContaining(["0,49", "0,34", "41,26", "6,1", "1,2"]));
});

shimTest(`what somebody asked for is refused by name, with NotSupportedError${obstacle ? ` (${obstacle})` : ""} (R-platform)`, () => {
  const result = run(`
    const attempt = (make) => {
      try {
        make().close();
      } catch ({ name, message, code }) {
        return { name, message, code };
      }
    };
    const udp = (options) => () => new UDPSocket({ localAddress: "127.0.0.1", ...options });
    const tcp = (options) => () => new TCPSocket("127.0.0.1", 9, options);
    const server = (options) => () => new TCPServerSocket({ localAddress: "127.0.0.1", ...options });
    const outcome = [];
    for (const [option, name, make] of [
      ["1,6", "broadcast", udp({ broadcast: true })],
      ["1,2", "addressReuse", udp({ addressReuse: true, localPort: 45_999 })],
      ["0,34", "loopback", udp({ loopback: false })],
      ["0,2", "timeToLive", udp({ timeToLive: 3 })],
      ["0,33", "multicastTimeToLive", udp({ multicastTimeToLive: 3 })],
      ["1,7", "sendBufferSize", udp({ sendBufferSize: 70_000 })],
      ["1,8", "receiveBufferSize", udp({ receiveBufferSize: 70_000 })],
      ["41,26", "ipv6Only", () => new UDPSocket({ localAddress: "::1", ipv6Only: true })],
      ["0,8", "packetInfo", udp({ packetInfo: true })],
      ["0,13", "packetInfo", udp({ packetInfo: true })],
      ["41,49", "packetInfo", () => new UDPSocket({ localAddress: "::1", packetInfo: true })],
      ["41,66", "packetInfo", () => new UDPSocket({ localAddress: "::1", packetInfo: true })],
      ["1,25", "networkInterface", udp({ networkInterface: "lo" })],
      ["6,1", "noDelay", tcp({ noDelay: true })],
      ["6,1", "noDelay", server({ noDelay: true })],
      ["1,9", "keepAliveDelay", tcp({ keepAliveDelay: 5000 })],
      ["1,9", "keepAliveDelay", server({ keepAliveDelay: 5000 })],
      ["1,7", "sendBufferSize", tcp({ sendBufferSize: 70_000 })],
      ["41,26", "ipv6Only", () => new TCPServerSocket({ localAddress: "::1", ipv6Only: false })],
    ]) {
      accept();
      const before = attempt(make);
      refuse(option);
      outcome.push([name, before ?? null, attempt(make) ?? null]);
    }
    report(outcome);
    process.exit(0);`);
  for (const [name, before, after] of result) {
    expect([name, before]).toEqual([name, null]);
    expect(after).toMatchObject({ name: "NotSupportedError", code: "ENOPROTOOPT" });
    expect(after.message).toContain(name);
  }
});

shimTest(`where binding to an interface is not permitted, networkInterface throws NetworkError${obstacle ? ` (${obstacle})` : ""} (R-udp-interface)`, () => {
  const EPERM = "1";
  const result = run(`
    new UDPSocket({ localAddress: "127.0.0.1", networkInterface: "lo" }).close();
    refuse("1,25");
    try {
      new UDPSocket({ localAddress: "127.0.0.1", networkInterface: "lo" });
    } catch ({ name, message, code }) {
      report({ name, message, code });
    }
    process.exit(0);`, { REFUSAL: EPERM });
  expect(result).toMatchObject({ name: "NetworkError", code: "EPERM" });
  expect(result.message).toContain("networkInterface");
});
