// A small show of the package, over real sockets of this machine: a TCP echo server and its client, back-pressure, a
// refused connection, and SSDP discovery over multicast. Each line is a call or an event. It needs no network but the
// loopback interface, and ends by itself.
//
//   npm run demo, or: node demo.js

"use strict";

const { TCPServerSocket, TCPSocket, UDPSocket, once } = require("tcp-udp-sockets");

/** How long an act may wait for its next event, in milliseconds. */
const PATIENCE = 5000;

const text = (buffer) => new TextDecoder().decode(buffer);

// --- the acts ------------------------------------------------------------------------------------------------

/** The draft's echo server and client. */
async function echo() {
  title("TCP: an echo server and a client");

  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  line("server", "new", { detail: `listens on ${server.localAddress}, port ${server.localPort}` });
  server.onconnect = ({ connectedSocket }) => {
    line("server", "connect", { event: true, detail: `from port ${connectedSocket.remotePort}` });
    connectedSocket.onmessage = ({ data }) => {
      line("accepted", "message", { event: true, bytes: data.byteLength, detail: text(data) });
      connectedSocket.send(data);
      line("accepted", "send()", { bytes: data.byteLength, detail: "the same back" });
    };
    connectedSocket.onclose = () => line("accepted", "close", { event: true });
  };

  const client = new TCPSocket("127.0.0.1", server.localPort);
  line("client", "new", { detail: `${client.readyState}, from port ${client.localPort}` });
  await next("client", client, "open");
  line("client", "open", { event: true });
  client.send("Hello World");
  line("client", "send()", { bytes: client.bufferedAmount, detail: "Hello World" });
  const { data } = await next("client", client, "message");
  line("client", "message", { event: true, bytes: data.byteLength, detail: text(data) });
  client.close();
  line("client", "close()", { detail: client.readyState });
  await next("client", client, "close");
  line("client", "close", { event: true, detail: client.readyState });
  server.close();
  line("server", "close()", { detail: server.readyState });
  return server.localPort;
}

/** A sender that waits for drain when send() returns false, and half-closes at the end. */
async function backPressure() {
  title("TCP: 16 MiB with back-pressure, then half-close");

  const piece = new Uint8Array(64 * 1024);
  const pieces = 256;
  const server = new TCPServerSocket({ localAddress: "127.0.0.1" });
  const client = new TCPSocket("127.0.0.1", server.localPort);

  server.onconnect = ({ connectedSocket }) => {
    let bytes = 0;
    let messages = 0;
    connectedSocket.onmessage = ({ data }) => {
      bytes += data.byteLength;
      messages += 1;
    };
    connectedSocket.onhalfclose = () => {
      line("accepted", "message", { event: true, bytes, detail: `in ${messages} events` });
      line("accepted", "halfclose", { event: true, detail: `the client is done; ${connectedSocket.readyState} for sending` });
      connectedSocket.send(`${bytes} bytes received`);
      connectedSocket.close();
      line("accepted", "send(), close()");
    };
  };

  await next("client", client, "open");
  let sent = 0;
  let pauses = 0;
  const fill = () => {
    while (sent < pieces) {
      sent += 1;
      if (!client.send(piece)) {
        pauses += 1;
        if (pauses === 1) {
          line("client", "send()", { bytes: sent * piece.length, detail: `false: ${number(client.bufferedAmount)} are buffered` });
        }
        return;
      }
    }
  };
  client.ondrain = () => {
    if (pauses === 1) line("client", "drain", { event: true, detail: `${client.bufferedAmount} are buffered: go on` });
    if (sent < pieces) return fill();
    line("client", "send()", { bytes: sent * piece.length, detail: `${sent} calls, ${pauses} times false and drain` });
    client.halfclose();
    line("client", "halfclose()", { detail: client.readyState });
  };
  fill();

  const answer = next("client", client, "message").then(({ data }) => {
    line("client", "message", { event: true, bytes: data.byteLength, detail: text(data) });
  });
  await Promise.all([answer, next("client", client, "close")]);
  line("client", "close", { event: true, detail: client.readyState });
  server.close();
}

/** An error: no server listens on the port any more. */
async function refused(port) {
  title("TCP: a connection that is refused");

  const client = new TCPSocket("127.0.0.1", port);
  line("client", "new", { detail: `to port ${port}, which nobody has any more` });
  const { error } = await next("client", client, "error");
  line("client", "error", { event: true, detail: `${error.name}, ${error.code}: ${client.readyState}` });
}

/** The draft's SSDP M-SEARCH. It finds a device of our own. */
async function discovery() {
  title("UDP: SSDP discovery over multicast");

  const group = "239.255.255.250";
  const service = "urn:schemas-upnp-org:device:DemoLamp:1";
  const usn = `uuid:tcp-udp-sockets-demo-${process.pid}`;

  // addressReuse is true by default: a discovery service of this machine may use the port as well.
  const device = bindToSSDP();
  device.joinMulticastGroup(group, { interfaceAddress: "127.0.0.1" });
  line("device", "new", { detail: `port ${device.localPort}, joined ${group}` });
  device.onmessage = ({ data, remoteAddress, remotePort }) => {
    const [request] = text(data).split("\r\n");
    if (!request.startsWith("M-SEARCH") || !text(data).includes(service)) return;
    line("device", "message", { event: true, bytes: data.byteLength, detail: `${request}, from port ${remotePort}` });
    const answer =
      `HTTP/1.1 200 OK\r\nST: ${service}\r\nUSN: ${usn}\r\nLOCATION: http://127.0.0.1/lamp.xml\r\n` +
      "CACHE-CONTROL: max-age=60\r\nEXT:\r\n\r\n";
    device.send(answer, remoteAddress, remotePort);
    line("device", "send()", { bytes: answer.length, detail: `to ${remoteAddress}, port ${remotePort}` });
  };

  // loopback: the device is on this machine.
  const searcher = new UDPSocket({ localAddress: "127.0.0.1", loopback: true });
  line("searcher", "new", { detail: `port ${searcher.localPort}` });
  const search =
    `M-SEARCH * HTTP/1.1\r\nST: ${service}\r\nMAN: "ssdp:discover"\r\nHOST: ${group}:${device.localPort}\r\nMX: 1\r\n\r\n`;
  searcher.send(search, group, device.localPort);
  line("searcher", "send()", { bytes: search.length, detail: `to ${group}, port ${device.localPort}` });

  for (;;) {
    const { data, remotePort } = await next("searcher", searcher, "message");
    const [status] = text(data).split("\r\n");
    line("searcher", "message", { event: true, bytes: data.byteLength, detail: `${status}, from port ${remotePort}` });
    if (text(data).includes(usn)) break;
  }
  searcher.close();
  device.close();
  line("both", "close()", { detail: searcher.readyState });
}

function bindToSSDP() {
  try {
    return new UDPSocket({ localPort: 1900 });
  } catch (error) {
    // Another program has the port and does not share it. Any other port shows the same.
    if (error.code !== "EADDRINUSE" && error.code !== "EACCES") throw error;
    return new UDPSocket();
  }
}

// --- waiting -------------------------------------------------------------------------------------------------

/** The next event of a type. Rejects if `error` fires instead, and if no event comes in time. */
async function next(name, socket, type) {
  try {
    return await once(socket, type, { signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    if (error.name !== "TimeoutError") throw error;
    const message = `the ${name} has been waiting for its ${type} event for ${PATIENCE / 1000} seconds; it is ${socket.readyState}`;
    throw new Error(message, { cause: error });
  }
}

// --- printing ------------------------------------------------------------------------------------------------

const inColour = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== "dumb";
const style = (code, string) => (inColour && string.trim() !== "" ? `\x1b[${code}m${string}\x1b[0m` : string);
const bold = (string) => style(1, string);
const dim = (string) => style(2, string);
const COLOURS = { server: 35, accepted: 35, client: 36, device: 33, searcher: 32 };

const start = performance.now();
const number = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

function title(string) {
  console.log(`\n${bold(string)}`);
  console.log(dim(`${"ms".padStart(8)}  ${"socket".padEnd(10)}${"call(), event".padEnd(17)}${"bytes".padStart(11)}`));
}

function line(name, what, { event = false, bytes, detail = "" } = {}) {
  const time = (performance.now() - start).toFixed(1).padStart(8);
  const count = (bytes === undefined ? "" : number(bytes)).padStart(11);
  const shown = event ? bold(what.padEnd(17)) : what.padEnd(17);
  console.log(`${dim(time)}  ${style(COLOURS[name] ?? 0, name.padEnd(10))}${shown}${count}  ${event ? detail : dim(detail)}`.trimEnd());
}

// -------------------------------------------------------------------------------------------------------------

async function show() {
  const port = await echo();
  await backPressure();
  await refused(port);
  await discovery();
  console.log(`\n${bold("That was all, and it worked.")} ${dim("The examples/ folder has each part as a file to copy.")}`);
}

show().catch((error) => {
  console.error(`\nThe demo failed: ${error.message}`);
  process.exit(1);
});
