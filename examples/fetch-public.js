// Fetches a URL that somebody else has given, and never connects to an address of the own network, whatever the name, a second look-up or a
// redirect leads to. It needs undici: npm install undici
//
//   node fetch-public.js https://example.com/

"use strict";

const { BlockList } = require("node:net");
const { Agent, fetch } = require("undici");
const { connector } = require("tcp-udp-sockets/agent");

const inside = new BlockList(); // What is not the public Internet: RFC 6890 and its successors.
for (const [network, bits] of [
  ["0.0.0.0", 8], ["10.0.0.0", 8], ["100.64.0.0", 10], ["127.0.0.0", 8], ["169.254.0.0", 16], ["172.16.0.0", 12], ["192.0.0.0", 24],
  ["192.0.2.0", 24], ["192.88.99.0", 24], ["192.168.0.0", 16], ["198.18.0.0", 15], ["198.51.100.0", 24], ["203.0.113.0", 24], ["224.0.0.0", 3],
]) {
  inside.addSubnet(network, bits);
}
for (const [network, bits] of [["::", 3], ["2001::", 23], ["2001:db8::", 32], ["2002::", 16], ["3fff::", 20], ["4000::", 2], ["8000::", 1]]) {
  inside.addSubnet(network, bits, "ipv6");
}
const dispatcher = new Agent({ connect: connector({ blockList: inside, connectTimeout: 5000 }) });

async function main(url) {
  if (url === undefined) throw new Error("usage: node fetch-public.js URL");
  const response = await fetch(url, { dispatcher, signal: AbortSignal.timeout(30_000) });
  for await (const chunk of response.body) process.stdout.write(chunk);
  if (!response.ok) throw new Error(`the server refuses: ${response.status}`);
}

main(process.argv[2]).catch((error) => {
  const { code, address, message } = error.cause ?? error;
  console.error(code === "ERR_ADDRESS_BLOCKED" ? `${address} is no public address (${code})` : message);
  process.exitCode = 1;
});
