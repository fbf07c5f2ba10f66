// Plain text first, then TLS on the same connection. It asks a mail server over SMTP for its features, before and after STARTTLS.
//
//   node tls-starttls.js ADDRESS PORT NAME [ca.pem]
//
// NAME is the server's host name, which must be in its certificate. Without ca.pem the system's authorities are trusted.

"use strict";

const { readFileSync } = require("node:fs");
const { TCPSocket, once } = require("tcp-udp-sockets");

const [address, port, sni, trusted] = process.argv.slice(2);

/** More than the length of any answer in this example, in characters. */
const LONGEST_ANSWER = 16_384;

/**
 * Sends a command, if there is one, and returns the whole answer. The last line of an answer has a blank after the number. It
 * rejects if the server ends or the connection is lost before that, after a minute, and if the number is not the expected one.
 */
async function ask(socket, expected, command) {
  const what = command ?? "the greeting";
  const signal = AbortSignal.timeout(60_000);
  if (command !== undefined) socket.send(`${command}\r\n`);
  let answer = "";
  while (!/^\d{3}( .*)?\r\n$/m.test(answer)) {
    const { data } = await once(socket, "message", { signal }).catch((error) => {
      const begun = answer === "" ? "" : `; it began with ${JSON.stringify(answer)}`;
      throw new Error(`no whole answer to ${what}: ${error.message}${begun}`, { cause: error });
    });
    answer += new TextDecoder().decode(data);
    if (!/^(\d{3}[ \r-]|\d{0,3}$)/.test(answer) || answer.length > LONGEST_ANSWER) {
      throw new Error(`that is no mail server: it answers ${what} with ${JSON.stringify(answer.slice(0, 60))}`);
    }
  }
  if (!answer.startsWith(expected)) throw new Error(`the server refuses ${what}: ${answer.trimEnd()}`);
  return answer;
}

async function show() {
  if (sni === undefined) throw new Error("usage: node tls-starttls.js ADDRESS PORT NAME [ca.pem]");
  const ca = trusted === undefined ? undefined : readFileSync(trusted);
  const socket = new TCPSocket(address, port, { connectTimeout: 30_000, secureTransport: "starttls" });
  await once(socket, "open");
  await ask(socket, "220");
  const before = await ask(socket, "250", "EHLO client.example");
  if (!/^250[ -]STARTTLS\r$/im.test(before)) throw new Error("the server offers no STARTTLS: nothing is sent in the clear");
  await ask(socket, "220", "STARTTLS");
  // From here on all data is encrypted. Plain text that an attacker inserted before is no message: it makes the handshake fail.
  const info = await socket.startTls({ sni, ca });
  console.log(`${info.protocol}, ${info.cipher}`);
  // An attacker may have written the earlier answer: ask again.
  console.log(await ask(socket, "250", "EHLO client.example"));
  await ask(socket, "221", "QUIT");
  socket.close();
}

show().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
