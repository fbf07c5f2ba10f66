// What users write, as CommonJS: compiles without an error under every tsconfig beside this file.

import { TCPServerSocket, TCPSocket, UDPSocket, connect, features, once, relay } from "tcp-udp-sockets";
import type {
  ConnectEvent,
  ConnectOptions,
  ErrorEvent,
  Features,
  MulticastOptions,
  OnceOptions,
  Port,
  ReadyState,
  RelayError,
  RelayResult,
  SendData,
  SocketError,
  TCPMessageEvent,
  TCPOptions,
  TCPServerOptions,
  TCPServerSocketOpenInfo,
  UDPMessage,
  UDPMessageEvent,
  UDPOptions,
  UDPSendOptions,
} from "tcp-udp-sockets";
import { equal } from "./equal.js";

// --- the draft's three examples, as far as types go ---------------------------------------------------------

const discovery = new UDPSocket();
discovery.joinMulticastGroup("239.255.255.250");
const moreBufferingOK: boolean = discovery.send("M-SEARCH * HTTP/1.1\r\n\r\n", "239.255.255.250", 1900);
discovery.onmessage = function (udpMessageEvent) {
  equal<typeof this, UDPSocket>(true);
  equal<typeof udpMessageEvent, UDPMessageEvent>(true);
  equal<typeof udpMessageEvent.data, ArrayBuffer>(true);
  equal<typeof udpMessageEvent.remotePort, number>(true);
  equal<typeof udpMessageEvent.localAddress, string | null>(true);
  equal<typeof udpMessageEvent.localInterface, string | null>(true);
  equal<typeof udpMessageEvent.typeOfService, number | null>(true);
};

const client = new TCPSocket("127.0.0.1", 6789);
client.onopen = () => client.send("Hello World");
client.onmessage = function (messageEvent) {
  equal<typeof this, TCPSocket>(true);
  equal<typeof messageEvent.data, ArrayBuffer>(true);
  this.close();
};
client.onclose = () => console.log("closed");
client.onhalfclose = (event: Event) => console.log(event.type);
client.onerror = ({ error }) => console.error(error.name, error.code, error.syscall, error.address, error.port);
client.onerror = null;

const server = new TCPServerSocket({ localPort: 6789 });
server.onconnect = function ({ connectedSocket }) {
  equal<typeof this, TCPServerSocket>(true);
  equal<typeof connectedSocket, TCPSocket>(true);
  connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
};

// --- options: everything may be left out or undefined, also under exactOptionalPropertyTypes -----------------

const udpOptions: UDPOptions = {
  localAddress: "::",
  localPort: 0,
  remoteAddress: "fe80::1%eth0",
  remotePort: "1900",
  connected: true,
  packetInfo: true,
  networkInterface: "eth0",
  addressReuse: false,
  loopback: true,
  reusePort: false,
  broadcast: undefined,
  timeToLive: 1,
  multicastTimeToLive: 0,
  multicastInterface: "eth0",
  typeOfService: 184,
  sendBufferSize: 65536,
  receiveBufferSize: undefined,
  ipv6Only: true,
  highWaterMark: 1024,
  maxBufferedAmount: undefined,
};
const tcpOptions: TCPOptions = {
  localAddress: undefined,
  localPort: undefined,
  useSecureTransport: false,
  noDelay: false,
  keepAliveDelay: 60_000,
  keepAliveInterval: 2000,
  keepAliveCount: 5,
  userTimeout: 30_000,
  idleTimeout: 0,
  typeOfService: undefined,
  sendBufferSize: undefined,
  receiveBufferSize: 65536,
  ipv6Only: false,
  allowHalfOpen: undefined,
  closeTimeout: 10_000,
  highWaterMark: 0,
  maxBufferedAmount: 1,
};
const serverOptions: TCPServerOptions = { ...tcpOptions, backlog: 16, reusePort: true, maxConnections: 1000 };
new UDPSocket(udpOptions);
new TCPServerSocket(serverOptions);
// A remotePort read from one socket is a port for another (R-port).
new TCPSocket(client.remoteAddress, client.remotePort, tcpOptions);
const port: Port = client.remotePort;
new TCPSocket("127.0.0.1", 1, { framing: { delimiter: "\n", limit: 1000 } }).sendFrame("text");
new TCPServerSocket({ framing: { lengthPrefix: 4, littleEndian: true, includesPrefix: false } });
const { reader } = client;
const chunk: Promise<Uint8Array<ArrayBuffer> | null> = reader.read({ signal: new AbortController().signal, timeout: 1000 });
const exact: Promise<Uint8Array<ArrayBuffer>> = reader.readExactly(4);
const head: Promise<Uint8Array<ArrayBuffer> | null> = reader.readUntil("\r\n\r\n", { limit: 8192 });
const line: Promise<string | null> = client.reader.readLine();
void [chunk, exact, head, line, (async () => {
  for await (const text of reader.lines({ limit: 100 })) text.trim();
})()];
reader.unread(new Uint8Array(reader.buffered));
reader.release();
const ended: Promise<undefined> = new TCPServerSocket().shutdown({ grace: 1000, timeout: undefined });
void ended.then(() => new TCPServerSocket().shutdown());
client.setOptions({ noDelay: false, idleTimeout: 60_000, keepAliveDelay: 0, sendBufferSize: 65536, highWaterMark: undefined });

// --- send: every kind of data -------------------------------------------------------------------------------

const data: SendData[] = [
  "text",
  new Blob(["text"]),
  new ArrayBuffer(1),
  new Uint8Array(1),
  new DataView(new ArrayBuffer(1)),
  new Float64Array(1),
  new Uint8Array(new SharedArrayBuffer(1)),
];
for (const one of data) equal<ReturnType<typeof client.send>, boolean>(client.send(one) || true);
discovery.send("x", null, null);
discovery.send("x", "::1", port);
discovery.send("x", undefined, undefined);
const sendOptions: UDPSendOptions = { localAddress: "192.0.2.1", localInterface: undefined, typeOfService: null };
discovery.send("x", null, null, sendOptions);
// The answer leaves from the address that was asked.
discovery.addEventListener("message", (event) => discovery.send("x", event.remoteAddress, event.remotePort, event));
void discovery.writable.getWriter().write({ data: "x", localInterface: "eth0" });

// --- attributes ---------------------------------------------------------------------------------------------

equal<typeof client.readyState, ReadyState>(true);
equal<typeof server.connections, number>(true);
equal<typeof discovery.readyState, "open" | "closed">(true);
equal<typeof server.readyState, "open" | "closed">(true);
equal<typeof client.remotePort, string>(true);
equal<typeof client.localPort, number>(true);
equal<typeof discovery.remotePort, number | null>(true);
equal<typeof discovery.remoteAddress, string | null>(true);
equal<typeof client.bufferedAmount, number>(true);
const state: ReadyState = discovery.readyState;

// --- methods ------------------------------------------------------------------------------------------------

const multicast: MulticastOptions = { interfaceAddress: "all", sourceAddress: "192.0.2.1" };
discovery.joinMulticastGroup("239.255.255.250", multicast);
discovery.leaveMulticastGroup("239.255.255.250", { interfaceAddress: undefined });
equal<ReturnType<typeof client.reset>, void>(true);
equal<ReturnType<typeof client.halfclose>, void>(true);
equal<ReturnType<typeof server.suspend>, void>(true);
equal<ReturnType<typeof server.resume>, void>(true);
const held: boolean = client.unref().ref().hasRef();
class Framed extends TCPSocket {
  frames = 0;
}
equal<number, ReturnType<() => typeof framed.frames>>(true);
const framed = new Framed("::1", 1).unref();

// --- listeners ----------------------------------------------------------------------------------------------

client.addEventListener("message", function (event) {
  equal<typeof this, TCPSocket>(true);
  equal<typeof event, TCPMessageEvent>(true);
  const asMessageEvent: MessageEvent = event;
  equal<typeof asMessageEvent.type, string>(true);
});
client.addEventListener("error", ({ error }) => equal<typeof error, SocketError>(true), { once: true });
client.addEventListener("close", { handleEvent: (event) => console.log(event.timeStamp) });
client.addEventListener("drain", null);
client.addEventListener("of my own", (event) => console.log(event.type), true);
discovery.addEventListener("message", ({ remoteAddress }) => equal<typeof remoteAddress, string>(true), {
  signal: new AbortController().signal,
});
server.addEventListener("connect", (event) => equal<typeof event, ConnectEvent>(true));
const onError = (event: ErrorEvent): void => console.error(event.error.message);
for (const socket of [client, discovery, server]) {
  equal<typeof socket extends EventTarget ? true : false, true>(true);
}
client.addEventListener("error", onError);
discovery.addEventListener("error", onError);
server.addEventListener("error", onError);
client.removeEventListener("error", onError);
client.removeEventListener("of my own", () => {}, { capture: true });
client.dispatchEvent(new Event("of my own"));

// --- once() -------------------------------------------------------------------------------------------------

const onceOptions: OnceOptions = { signal: AbortSignal.timeout(1000) };
async function waiting(): Promise<void> {
  const message = await once(client, "message", onceOptions);
  equal<typeof message, TCPMessageEvent>(true);
  const { data: received } = await once(client, "message");
  equal<typeof received, ArrayBuffer>(true);
  for (const type of ["open", "drain", "halfclose", "close"] as const) {
    const event = await once(client, type, { signal: undefined });
    equal<typeof event, Event>(true);
  }
  const { error } = await once(client, "error", {});
  equal<typeof error, SocketError>(true);
  const datagram = await once(discovery, "message");
  equal<typeof datagram, UDPMessageEvent>(true);
  equal<Awaited<ReturnType<() => typeof drained>>, Event>(true);
  const drained = await once(discovery, "drain");
  const { connectedSocket } = await once(server, "connect");
  equal<typeof connectedSocket, TCPSocket>(true);
  for (const failing of [await once(discovery, "error"), await once(server, "error")]) equal<typeof failing, ErrorEvent>(true);
  await Promise.race([once(framed, "close"), once(client, "close", undefined)]);
}
void waiting;

// --- promises, streams, loops, signals ------------------------------------------------------------------------

const { signal } = new AbortController();
new UDPSocket({ signal });
new TCPSocket("::1", 1, { signal });
new TCPServerSocket({ signal: undefined });

async function streaming(): Promise<void> {
  const { readable, writable, remotePort } = await client.opened;
  equal<typeof readable, ReadableStream<Uint8Array<ArrayBuffer>>>(true);
  equal<typeof writable, WritableStream<SendData>>(true);
  equal<typeof remotePort, number>(true);
  equal<Awaited<typeof client.closed>, undefined>(true);
  const writer = client.writable.getWriter();
  await writer.write("text");
  await writer.write(new Uint8Array(1));
  const { value } = await client.readable.getReader({ mode: "byob" }).read(new Uint8Array(16));
  equal<typeof value, Uint8Array<ArrayBuffer> | undefined>(true);
  const { localAddress } = await discovery.opened;
  equal<typeof localAddress, string>(true);
  const info: TCPServerSocketOpenInfo = await server.opened;
  await discovery.writable.getWriter().write({ data: "x", remoteAddress: null, remotePort: "1900" });
  for await (const message of discovery) equal<typeof message, UDPMessage>(true);
  for await (const socket of server) {
    equal<typeof socket, TCPSocket>(true);
    void socket.readable.pipeTo(socket.writable);
  }
  const next = await info.readable.getReader().read();
  equal<typeof next.value, TCPSocket | undefined>(true);
  equal<ReturnType<(typeof server)[typeof Symbol.asyncDispose]>, Promise<void>>(true);
}
void streaming;

// --- errors -------------------------------------------------------------------------------------------------

server.onerror = ({ error }) => {
  equal<typeof error.code, string>(true);
  equal<typeof error.syscall, string | undefined>(true);
  equal<typeof error.address, string | undefined>(true);
  equal<typeof error.port, number | undefined>(true);
  equal<typeof error.cause, unknown>(true);
  const asError: Error = error;
  throw asError;
};

console.log(moreBufferingOK, state, held, framed);

// --- connect() ----------------------------------------------------------------------------------------------

const connectOptions: ConnectOptions = {
  dnsQueryType: "ipv4",
  attemptDelay: 100,
  connectTimeout: 10_000,
  lookup: async (host) => [host],
  allowAddress: (address) => !address.startsWith("10."),
  localAddress: undefined,
  noDelay: false,
};
const noConnectOptions: ConnectOptions = {
  dnsQueryType: undefined,
  attemptDelay: undefined,
  connectTimeout: undefined,
  lookup: undefined,
  allowAddress: undefined,
};
const anyIterable: ConnectOptions = { lookup: (host: string) => new Set([host]) };
connect("example.com", "80", connectOptions).then((socket) => {
  equal<typeof socket, TCPSocket>(true);
  socket.send("x");
});
connect("example.com", 80, noConnectOptions).catch(() => connect("::1", 80));
connect("example.com", 80, anyIterable).catch((error: SocketError) => console.error(error.code, error.cause));

// --- relay ------------------------------------------------------------------------------------------------------

relay(client, new TCPSocket("127.0.0.1", 1)).then((result) => {
  equal<typeof result, RelayResult>(true);
  console.log(result.bytesToA + result.bytesToB);
}, (error: RelayError) => console.error(error.code, error.bytesToA + error.bytesToB));

// --- features ---------------------------------------------------------------------------------------------------

equal<typeof features, Readonly<Features>>(true);
const shared: TCPServerOptions = { reusePort: features.reusePort };
const every: boolean[] = Object.values(features);
console.log(shared, every, features.asyncContext);
