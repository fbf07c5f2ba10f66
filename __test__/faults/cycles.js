"use strict";

// Connects and closes again and again: half the connections end with close(), half with reset(). Memory and descriptors must stay flat.
// The addresses of 127.0.0.0/8 are used in turn, so that the ports in TIME_WAIT do not run out.
//
//   node __test__/faults/cycles.js [--cycles 1000000] [--report]

const { readdirSync } = require("node:fs");
const path = require("node:path");
const process = require("node:process");
const { parseArgs } = require("node:util");
const { report } = require("../helpers/report");

const { TCPSocket, TCPServerSocket } = require(path.join(__dirname, "..", ".."));

const { values: options } = parseArgs({ options: { cycles: { type: "string", default: "1000000" }, report: { type: "boolean" } } });
const cycles = Number(options.cycles);
/** Connections at once. */
const AT_ONCE = 64;
const MIB = 2 ** 20;
/** MiB that the process may grow after the first third, and descriptors that may be left: those of Node and of the package itself. */
const GROWTH = 24;
const LEFT = 40;

const descriptors = () => readdirSync("/proc/self/fd").length;
const memory = () => {
  globalThis.gc?.();
  return process.memoryUsage.rss();
};

async function main() {
  const server = new TCPServerSocket({ localAddress: "0.0.0.0", backlog: 1024 });
  const counts = { cycles: 0, closes: 0, resets: 0, errors: {}, accepted: 0, acceptedClosed: 0 };
  const failed = ({ error }) => {
    counts.errors[error.code] = (counts.errors[error.code] ?? 0) + 1;
  };
  server.onerror = failed;
  server.onconnect = ({ connectedSocket }) => {
    counts.accepted += 1;
    connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
    // The peer's reset.
    connectedSocket.onerror = ({ error }) => {
      if (error.code !== "ECONNRESET" && error.code !== "EPIPE") failed({ error });
    };
    connectedSocket.onclose = () => {
      counts.acceptedClosed += 1;
    };
  };
  const one = (number) => new Promise((resolve) => {
    const address = `127.${(number >> 16) & 127}.${(number >> 8) & 255}.${number & 255 || 1}`;
    const client = new TCPSocket(address, server.localPort);
    client.onopen = () => client.send("x");
    client.onmessage = () => {
      if (number % 2 === 0) {
        counts.closes += 1;
        client.close();
      } else {
        counts.resets += 1;
        client.reset();
      }
    };
    client.onerror = (event) => {
      failed(event);
      resolve();
    };
    client.onclose = resolve;
  });
  const start = Date.now();
  const marks = [];
  let next = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (next < cycles) {
      const number = next++;
      await one(number);
      counts.cycles += 1;
      if (counts.cycles % Math.ceil(cycles / 10) === 0 || counts.cycles === cycles) {
        marks.push({ cycles: counts.cycles, rssMiB: Math.round(memory() / MIB), descriptors: descriptors(), seconds: Math.round((Date.now() - start) / 1000) });
        if (!options.report) console.log(marks.at(-1));
      }
    }
  }));
  while (counts.acceptedClosed < counts.accepted) await new Promise((resolve) => setTimeout(resolve, 10));
  server.close();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const result = { ...counts, marks, seconds: (Date.now() - start) / 1000, descriptorsLeft: descriptors() };
  if (options.report) {
    report(result);
    return;
  }
  console.log(result);
  const flat = marks.at(-1).rssMiB - marks[Math.floor(marks.length / 3)].rssMiB;
  if (Object.keys(counts.errors).length > 0 || counts.accepted !== cycles || flat > GROWTH || result.descriptorsLeft > LEFT) process.exitCode = 1;
}

main();
