// Plain text first, then TLS on the same connection: asks a mail server over SMTP what it can do, before STARTTLS and after.
//
//   node tls-starttls.js ADDRESS PORT NAME [ca.pem]
//
// NAME is the server's host name: its certificate must be for it. Without ca.pem the system's authorities are trusted.

"use strict";

const { once } = require("node:events");
const { readFileSync } = require("node:fs");
const { TCPSocket } = require("tcp-udp-sockets");

const [address, port, sni, trusted] = process.argv.slice(2);
const ca = trusted === undefined ? undefined : readFileSync(trusted);

/** Sends a command, if there is one, and gives the whole answer: its last line has a blank behind the number. */
async function ask(socket, command) {
  if (command !== undefined) socket.send(`${command}\r\n`);
  let answer = "";
  while (!/^\d{3} .*\r\n$/m.test(answer)) {
    const [{ data }] = await once(socket, "message");
    answer += new TextDecoder().decode(data);
  }
  return answer;
}

async function show() {
  const socket = new TCPSocket(address, port, { secureTransport: "starttls" });
  const failed = new Promise((_, reject) => {
    socket.onerror = ({ error }) => reject(error);
  });
  const talk = async () => {
    await once(socket, "open");
    await ask(socket);
    const before = await ask(socket, "EHLO client.example");
    if (!before.includes("STARTTLS")) throw new Error("the server offers no STARTTLS: nothing is sent in the clear");
    const ready = await ask(socket, "STARTTLS");
    if (!ready.startsWith("220")) throw new Error(`STARTTLS was refused: ${ready}`);
    // From here on everything is TLS's. What anybody slipped in before is no message: it makes the handshake fail.
    const info = await socket.startTls({ sni, ca });
    console.log(`${info.protocol}, ${info.cipher}`);
    // What the server said before may have been anybody's: ask again.
    console.log(await ask(socket, "EHLO client.example"));
    await ask(socket, "QUIT");
    socket.close();
  };
  await Promise.race([talk(), failed]);
}

show().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
