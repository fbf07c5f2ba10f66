"use strict";

// The tables and drawings of docs/states.md. Each row of the tables of UDPSocket and TCPServerSocket is done to an open socket here. A test
// of the Rust half compares TCPSocket's table with its state machine (src/proto/machine_page_tests.rs). The drawings have the tables' states,
// arrows and events.

const { readFileSync } = require("node:fs");
const path = require("node:path");
const { ROOT, udp, tcpServer, expendable } = require("../helpers");
const { namespaceTest, inNamespace, setups } = require("../helpers/netns");

const PAGE = readFileSync(path.join(ROOT, "docs", "states.md"), "utf8");

/** The rows of a section's table of events: event, from, to. @param {string} title @returns {string[][]} */
function rowsOf(title) {
  const [section] = PAGE.split(/^## /m).filter((text) => text.startsWith(`${title}\n`));
  const lines = section.split("\n");
  const start = lines.indexOf(lines.find((line) => line.startsWith("| event |")));
  const rows = lines.slice(start + 2);
  return rows.slice(0, rows.findIndex((line) => !line.startsWith("|"))).map((line) => line.replaceAll("`", "").split("|").slice(1, 4).map((cell) => cell.trim()));
}

/** Does to a new UDP socket what a row says. @type {Record<string, (socket: import("../..").UDPSocket, abort: () => void) => void>} */
const toUDP = {
  "close()": (socket) => socket.close(),
  "signal aborted": (_socket, abort) => abort(),
  "abort() of writable": (socket) => void socket.writable.abort(new Error("enough")),
  "datagram too long": (socket) => void socket.send(new Uint8Array(65_508), "127.0.0.1", 9),
};

/** Does to a new server what a row says. @type {Record<string, (server: import("../..").TCPServerSocket, abort: () => void) => void>} */
const toServer = {
  "close()": (server) => server.close(),
  "shutdown()": (server) => void server.shutdown(),
  "signal aborted": (_server, abort) => abort(),
};

/** The states before and after, once the socket's promise `closed` is settled. */
async function change(make, act) {
  const controller = new AbortController();
  const socket = make({ signal: controller.signal });
  const before = socket.readyState;
  const closed = socket.closed.catch(() => {});
  act(socket, () => controller.abort());
  await closed;
  return [before, socket.readyState];
}

describe("docs/states.md (R-udp-close, R-srv-close, R-abort)", () => {
  test("each row of UDPSocket and of TCPServerSocket is done here", () => {
    expect(rowsOf("UDPSocket").map(([event]) => event).sort()).toEqual([...Object.keys(toUDP), "buffer full"].sort());
    expect(rowsOf("TCPServerSocket").map(([event]) => event).sort()).toEqual(Object.keys(toServer).sort());
  });

  test.each(Object.keys(toUDP))("UDPSocket: %s", async (event) => {
    const [, from, to] = rowsOf("UDPSocket").find(([name]) => name === event);
    expect(await change((options) => expendable(udp(options)), toUDP[event])).toEqual([from, to]);
  });

  namespaceTest("UDPSocket: buffer full", async () => {
    const [, from, to] = rowsOf("UDPSocket").find(([name]) => name === "buffer full");
    const result = await inNamespace(
      `const socket = new UDPSocket({ localAddress: HERE, remoteAddress: NEIGHBOUR, remotePort: 9, maxBufferedAmount: 100_000 });
      const before = socket.readyState;
      const closed = socket.closed.catch(({ code }) => code);
      while (socket.readyState === "open") {
        for (let i = 0; i < 10; i++) socket.readyState === "open" && socket.send(new Uint8Array(1000));
        await turn();
      }
      release();
      report({ before, after: socket.readyState, code: await closed });`,
      { setup: setups.link + setups.silent, timeout: 15_000 },
    );
    expect(result).toEqual({ before: from, after: to, code: "ENOBUFS" });
  });

  test.each(Object.keys(toServer))("TCPServerSocket: %s", async (event) => {
    const [, from, to] = rowsOf("TCPServerSocket").find(([name]) => name === event);
    expect(await change(tcpServer, toServer[event])).toEqual([from, to]);
  });
});

describe("docs/img/states-….svg", () => {
  test.each([
    ["states-tcp.svg", "TCPSocket", ["new->connecting", "accepted->open"]],
    ["states-server.svg", "TCPServerSocket", ["new->open"]],
    ["states-udp.svg", "UDPSocket", ["new->open"]],
  ])("%s has the arrows of the table of %s, each with its events", (file, title, starts) => {
    const svg = readFileSync(path.join(ROOT, "docs", "img", file), "utf8");
    const drawn = svg.split('class="edge').slice(1).map((text) => {
      const [edge] = text.split("</g>");
      const [, arrow] = /<title>(.*?)<\/title>/.exec(edge);
      return [arrow.replaceAll("&#45;", "-").replaceAll("&gt;", ">"), ...[...edge.matchAll(/<text[^>]*>(.*?)<\/text>/g)].map(([, text]) => text.trim())];
    });
    const rows = rowsOf(title);
    const arrows = [...new Set(rows.map(([, from, to]) => `${from}->${to}`))];
    const expected = arrows.map((arrow) => [arrow, ...rows.filter(([, from, to]) => `${from}->${to}` === arrow).map(([event]) => event)]);
    expect(drawn.sort()).toEqual([...starts.map((arrow) => [arrow]), ...expected].sort());
  });
});
