// Unix sockets, as users write them: compiles without an error under every tsconfig beside this file.

import { TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, UnixSocket, once, relay } from "tcp-udp-sockets";
import type {
  ConnectEvent,
  ErrorEvent,
  PeerCredentials,
  ReadyState,
  RelayError,
  RelayResult,
  SecureTransportInfo,
  SecureTransportKind,
  SendData,
  SocketError,
  TCPMessageEvent,
  TCPOptions,
  TCPServerOptions,
  TCPSocketEventMap,
  UnixConnectEvent,
  UnixOptions,
  UnixServerOptions,
  UnixServerSocketEventMap,
  UnixServerSocketOpenInfo,
  UnixSocketEventMap,
  UnixSocketOpenInfo,
} from "tcp-udp-sockets";
import { equal } from "./equal.js";

const socket = new UnixSocket("/run/app.sock");
const server = new UnixServerSocket({ path: "/run/app.sock" });

// --- options: everything but the path may be left out or undefined, also under exactOptionalPropertyTypes -----

const { signal } = new AbortController();
const options: Required<UnixOptions> = {
  allowHalfOpen: true,
  idleTimeout: 60_000,
  closeTimeout: 10_000,
  framing: { lengthPrefix: 2 },
  connectTimeout: 5000,
  highWaterMark: 1024,
  maxBufferedAmount: 65536,
  receiveBufferSize: 65536,
  sendBufferSize: 65536,
  secureTransport: { sni: "app.internal" },
  useSecureTransport: true,
  signal,
};
const noOptions: UnixOptions = {
  allowHalfOpen: undefined,
  idleTimeout: 60_000,
  closeTimeout: undefined,
  framing: { delimiter: ";" },
  connectTimeout: undefined,
  highWaterMark: undefined,
  maxBufferedAmount: undefined,
  receiveBufferSize: undefined,
  sendBufferSize: undefined,
  secureTransport: undefined,
  useSecureTransport: undefined,
  signal: undefined,
};
const serverOptions: Required<UnixServerOptions> = {
  path: "\0abstract",
  mode: 0o660,
  backlog: 16,
  maxConnections: 1000,
  framing: { delimiter: "\n", lengthPrefix: undefined, littleEndian: false, includesPrefix: true, limit: 1 },
  handshakeTimeout: 0,
  allowHalfOpen: false,
  idleTimeout: 60_000,
  closeTimeout: 0,
  highWaterMark: 0,
  maxBufferedAmount: 1,
  secureTransport: "off",
  useSecureTransport: false,
  signal,
};
const noServerOptions: UnixServerOptions = {
  path: "app.sock",
  mode: undefined,
  backlog: undefined,
  maxConnections: undefined,
  handshakeTimeout: undefined,
  allowHalfOpen: undefined,
  idleTimeout: 60_000,
  closeTimeout: undefined,
  highWaterMark: undefined,
  maxBufferedAmount: undefined,
  secureTransport: undefined,
  useSecureTransport: undefined,
  signal: undefined,
};
new UnixSocket("app.sock", options).reset();
new UnixSocket("app.sock", noOptions).reset();
new UnixServerSocket(serverOptions).close();
new UnixServerSocket(noServerOptions).close();
// One set of options serves both kinds of socket.
const asTCPOptions: TCPOptions = options;
const { path, mode, ...others } = serverOptions;
const asTCPServerOptions: TCPServerOptions = others;
equal<typeof path, string>(true);
equal<typeof mode, number | undefined>(true);

// --- attributes and methods -----------------------------------------------------------------------------------

equal<typeof socket.remotePath, string>(true);
equal<typeof socket.localPath, string>(true);
equal<typeof socket.peerCredentials, PeerCredentials | null>(true);
equal<typeof socket.readyState, ReadyState>(true);
equal<typeof socket.bufferedAmount, number>(true);
equal<typeof socket.secureTransport, SecureTransportKind>(true);
equal<typeof socket.secureTransportInfo, SecureTransportInfo | null>(true);
equal<typeof server.localPath, string>(true);
equal<typeof server.readyState, "open" | "closed">(true);
equal<typeof server.connections, number>(true);
equal<ReturnType<typeof socket.reset>, void>(true);
equal<ReturnType<typeof socket.halfclose>, void>(true);
equal<ReturnType<typeof server.setSecureContext>, void>(true);
const more: boolean = socket.send(new Blob(["text"]));
const held: boolean = socket.unref().ref().hasRef() && server.unref().ref().hasRef();
server.suspend();
server.resume();

/** Whether a client is a process of the administrator or of one certain user. */
export function isTrusted({ peerCredentials }: UnixSocket): boolean {
  if (peerCredentials === null) return false;
  const { pid, uid, gid } = peerCredentials;
  equal<typeof pid, number | null>(true);
  equal<typeof gid, number>(true);
  return uid === 0 || uid === 1000;
}

// --- events ---------------------------------------------------------------------------------------------------

equal<UnixSocketEventMap, TCPSocketEventMap>(true);
equal<keyof UnixServerSocketEventMap, "connect" | "error">(true);
socket.onopen = () => socket.send("Hello World");
socket.onmessage = function (event) {
  equal<typeof this, UnixSocket>(true);
  equal<typeof event, TCPMessageEvent>(true);
  equal<typeof event.data, ArrayBuffer>(true);
  this.close();
};
socket.onerror = ({ error }) => equal<typeof error, SocketError>(true);
socket.ondrain = socket.onhalfclose = null;
server.onconnect = function ({ connectedSocket }) {
  equal<typeof this, UnixServerSocket>(true);
  equal<typeof connectedSocket, UnixSocket>(true);
};
server.addEventListener("connect", (event) => equal<typeof event, UnixConnectEvent>(true), { once: true });
server.addEventListener("of my own", (event) => equal<typeof event, Event>(true));
socket.addEventListener("close", { handleEvent: (event) => console.log(event.timeStamp) });
socket.removeEventListener("close", null, true);

class Framed extends UnixSocket {
  frames = 0;
}
const framed: Framed = new Framed("app.sock").unref();

// --- code for TCP and Unix sockets alike ------------------------------------------------------------------------

/** A function for connections of both kinds. */
export async function serve(connection: TCPSocket | UnixSocket): Promise<void> {
  connection.onmessage = ({ data }) => void connection.send(data);
  connection.onclose = (event) => console.log(event.type, connection.readyState);
  const { data } = await once(connection, "message", { signal: AbortSignal.timeout(1000) });
  equal<typeof data, ArrayBuffer>(true);
  const { readable, writable } = await connection.opened;
  await readable.pipeTo(writable);
  await connection.startTls({ sni: "app.internal" });
  if (connection instanceof UnixSocket) equal<typeof connection, UnixSocket>(true);
  else equal<typeof connection, TCPSocket>(true);
}

/** A function for servers of both kinds. */
export function listenOn(listening: TCPServerSocket | UnixServerSocket): void {
  listening.onconnect = ({ connectedSocket }: ConnectEvent | UnixConnectEvent) => void serve(connectedSocket);
  listening.onerror = ({ error }) => console.error(error.message);
}

async function waiting(): Promise<void> {
  for (const type of ["open", "drain", "halfclose", "close"] as const) {
    const event = await once(socket, type);
    equal<typeof event, Event>(true);
  }
  const { error } = await once(socket, "error");
  equal<typeof error, SocketError>(true);
  const { connectedSocket } = await once(server, "connect", { signal: undefined });
  equal<typeof connectedSocket, UnixSocket>(true);
  const failing = await once(server, "error");
  equal<typeof failing, ErrorEvent>(true);
  // @ts-expect-error a server's event
  await once(socket, "connect");
  // @ts-expect-error a server receives no messages
  await once(server, "message");
}
void waiting;

relay(socket, new TCPSocket("127.0.0.1", 1)).catch((error: RelayError) => console.error(error.bytesToA + error.bytesToB));
relay(new TCPSocket("127.0.0.1", 1), framed).catch(console.error);
relay(socket, framed).then((result) => equal<typeof result, RelayResult>(true), console.error);
// @ts-expect-error datagrams are not relayed
relay(socket, new UDPSocket()).catch(console.error);

// --- promises, streams, loops -----------------------------------------------------------------------------------

async function streaming(): Promise<void> {
  const info = await socket.opened;
  equal<typeof info, UnixSocketOpenInfo>(true);
  equal<typeof info.readable, ReadableStream<Uint8Array<ArrayBuffer>>>(true);
  equal<typeof info.writable, WritableStream<SendData>>(true);
  const paths: string[] = [info.remotePath, info.localPath];
  const serverInfo: UnixServerSocketOpenInfo = await server.opened;
  equal<typeof serverInfo.localPath, string>(true);
  equal<Awaited<typeof socket.closed>, undefined>(true);
  equal<Awaited<typeof server.closed>, undefined>(true);
  for await (const connection of server) {
    equal<typeof connection, UnixSocket>(true);
    void connection.readable.pipeTo(connection.writable);
  }
  const next = await serverInfo.readable.getReader().read();
  equal<typeof next.value, UnixSocket | undefined>(true);
  equal<ReturnType<(typeof server)[typeof Symbol.asyncDispose]>, Promise<void>>(true);
  equal<ReturnType<(typeof socket)[typeof Symbol.asyncDispose]>, Promise<void>>(true);
  console.log(paths);
}
void streaming;

console.log(asTCPOptions, asTCPServerOptions, more, held);
