// tcp-udp-sockets/globals: the names are global, as values and as types.

import "tcp-udp-sockets/globals";
import { UDPSocket as Imported } from "tcp-udp-sockets";

const udp: UDPSocket = new UDPSocket({ localPort: 0 });
const same: Imported = udp;
const server: TCPServerSocket = new TCPServerSocket();
server.onconnect = ({ connectedSocket }) => {
  const socket: TCPSocket = connectedSocket;
  socket.onmessage = ({ data }) => socket.send(data);
};
const client = new globalThis.TCPSocket("127.0.0.1", server.localPort);
// @ts-expect-error only the three interfaces are global
void globalThis.UDPMessageEvent;
// @ts-expect-error the global's arguments are checked too
new TCPSocket(1, 1);
console.log(same, client);
