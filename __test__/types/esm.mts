// The same exports as an ES module.

import { TCPServerSocket, TCPSocket, UDPSocket, UnixSocket, features, once } from "tcp-udp-sockets";
import * as sockets from "tcp-udp-sockets";
import type { ConnectEvent, ErrorEvent, SocketError, UDPMessageEvent, UnixConnectEvent } from "tcp-udp-sockets";

const server: TCPServerSocket = new sockets.TCPServerSocket();
server.onconnect = (event: ConnectEvent) => event.connectedSocket.close();
server.onerror = (event: ErrorEvent) => {
  const error: SocketError = event.error;
  console.error(error.code.toLowerCase());
};
const udp = new UDPSocket();
udp.onmessage = (event: UDPMessageEvent) => udp.send(event.data, event.remoteAddress, event.remotePort);
const client = new TCPSocket("::1", server.localPort);
// @ts-expect-error options come third
new TCPSocket("::1", {});
// @ts-expect-error not a value (R-noif)
void sockets.ErrorEvent;
const unixServer = new sockets.UnixServerSocket({ path: "app.sock" });
unixServer.onconnect = (event: UnixConnectEvent) => event.connectedSocket.close();
const unix: sockets.UnixSocket = new UnixSocket(unixServer.localPath);
once(unix, "open").then(() => unix.close());
once(client, "open").then(({ type }) => console.log(type));
console.log(client);
const canShare: boolean = features.reusePort;
console.log(canShare);
