import { TCPServerSocket } from "tcp-udp-sockets";
const server = new TCPServerSocket({ localPort: 6789 });
server.onconnect = ({ connectedSocket }) => {
  connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
};
