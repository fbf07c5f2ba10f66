// What must not compile: each line under @ts-expect-error is an error, or this file is one.

import * as sockets from "tcp-udp-sockets";
import { TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, UnixSocket } from "tcp-udp-sockets";

// @ts-expect-error a remote end is required
new TCPSocket();
// @ts-expect-error a remote port is required
new TCPSocket("127.0.0.1");
// @ts-expect-error options is an object
new UDPSocket("127.0.0.1");
// @ts-expect-error no such option
new UDPSocket({ localport: 1 });
// @ts-expect-error a name
new UDPSocket({ networkInterface: 2 });
// @ts-expect-error it cannot be changed
new UDPSocket().setOptions({ networkInterface: "eth0" });
// @ts-expect-error an option of servers only
new TCPSocket("127.0.0.1", 1, { backlog: 1 });
// @ts-expect-error an option of UDP only
new TCPServerSocket({ loopback: true });
// @ts-expect-error a number
new TCPServerSocket({ backlog: "16" });
// @ts-expect-error options of TLS belong into secureTransport (R-unknown)
new TCPServerSocket({ cert: "…", key: "…" });
// @ts-expect-error as for connect()
sockets.connect("example.com", 443, { ca: "…", rejectUnauthorized: true });
// @ts-expect-error a misspelt option of TLS
new TCPSocket("127.0.0.1", 443, { secureTransport: { minversion: "TLSv1.3" } });
// @ts-expect-error a misspelt option that asks for TLS
new TCPSocket("127.0.0.1", 443, { useSecuretransport: true });
// @ts-expect-error the filter is connect()'s
new TCPSocket("127.0.0.1", 443, { allowAddress: () => false });
// @ts-expect-error node:net's name for localPort
new TCPServerSocket({ port: 80 });
// @ts-expect-error a path is required
new UnixSocket();
// @ts-expect-error the path comes first, as an argument
new UnixSocket({ path: "app.sock" });
// @ts-expect-error a path is a text
new UnixSocket(new URL("file:///run/app.sock"));
// @ts-expect-error a Unix socket has no ports
new UnixSocket("app.sock", 6789);
// @ts-expect-error a server's options are required
new UnixServerSocket();
// @ts-expect-error so is its path
new UnixServerSocket({ mode: 0o600 });
// @ts-expect-error the path is an option
new UnixServerSocket("app.sock");
// @ts-expect-error a number
new UnixServerSocket({ path: "app.sock", mode: "600" });
// @ts-expect-error node:net's name for mode
new UnixServerSocket({ path: "app.sock", writableAll: true });
// @ts-expect-error TCP's option
new UnixSocket("app.sock", { noDelay: true });
// @ts-expect-error an option of the constructor only
new TCPSocket("127.0.0.1", 1).setOptions({ localPort: 1 });
// @ts-expect-error options of a server's sockets have no buffer sizes
new TCPServerSocket().setOptions({ sendBufferSize: 1 });
// @ts-expect-error it takes an argument
new UDPSocket().setOptions();
// @ts-expect-error a number of bytes
new TCPServerSocket({ framing: { lengthPrefix: "4" } });
// @ts-expect-error an unknown member
new TCPSocket("127.0.0.1", 1, { framing: { delimiter: ";", endian: "little" } });
// @ts-expect-error what send() does not take
new TCPSocket("127.0.0.1", 1).sendFrame({});
// @ts-expect-error bytes, not a text
new TCPSocket("127.0.0.1", 1).reader.unread("text");
// @ts-expect-error a limit is for delimiters
new TCPSocket("127.0.0.1", 1).reader.read({ limit: 1 });
// @ts-expect-error UDP has no bytes in order
new UDPSocket().reader;
// @ts-expect-error milliseconds, not a text
new TCPServerSocket().shutdown({ grace: "1s" });
// @ts-expect-error a server's member
new TCPSocket("127.0.0.1", 1).shutdown();
// @ts-expect-error TCP's option
new UnixServerSocket({ path: "app.sock", keepAliveDelay: 1000 });
// @ts-expect-error an address is IP's
new UnixServerSocket({ path: "app.sock", localAddress: "127.0.0.1" });
// @ts-expect-error an option of servers only
new UnixSocket("app.sock", { mode: 0o600 });
// @ts-expect-error an option of clients only
new UnixServerSocket({ path: "app.sock", connectTimeout: 1 });
// @ts-expect-error TCP servers have no path
new TCPServerSocket({ path: "app.sock" });

declare const udp: UDPSocket;
declare const tcp: TCPSocket;
declare const server: TCPServerSocket;
declare const unix: UnixSocket;
declare const unixServer: UnixServerSocket;

// @ts-expect-error numbers are not data (R-types)
tcp.send(1);
// @ts-expect-error null is not data (R-types)
udp.send(null);
// @ts-expect-error plain objects are not data (R-types)
tcp.send({ length: 1 });
// @ts-expect-error data is required
tcp.send();
// @ts-expect-error a TCP socket has one peer
tcp.send("x", "127.0.0.1", 1);
// @ts-expect-error an object
udp.send("x", "127.0.0.1", 1, "127.0.0.2");
// @ts-expect-error no such option of a datagram
udp.send("x", "127.0.0.1", 1, { timeToLive: 1 });
// @ts-expect-error a group is required
udp.joinMulticastGroup();
// @ts-expect-error an object
udp.joinMulticastGroup("239.0.0.1", "127.0.0.1");

// @ts-expect-error read-only
tcp.readyState = "open";
// @ts-expect-error read-only
udp.bufferedAmount = 0;
// @ts-expect-error read-only
server.localPort = 1;
// @ts-expect-error a UDP socket is never connecting
const never: boolean = udp.readyState === "connecting";
// @ts-expect-error a TCP socket's remotePort is a string, as in the draft
const remotePort: number = tcp.remotePort;
// @ts-expect-error a Unix socket has paths
void unix.remoteAddress;
// @ts-expect-error a Unix socket has paths
void unix.localPort;
// @ts-expect-error a server has a path
void unixServer.localAddress;
// @ts-expect-error a TCP socket's peer has no credentials
void tcp.peerCredentials;
// @ts-expect-error null until the socket is open
void unix.peerCredentials.uid;
// @ts-expect-error read-only
unix.peerCredentials = null;
// @ts-expect-error frozen
if (unix.peerCredentials) unix.peerCredentials.uid = 0;
// @ts-expect-error pid may be null
const pid: number = unix.peerCredentials?.pid ?? null;
// @ts-expect-error read-only
unixServer.localPath = "app.sock";
// @ts-expect-error a number is not data (R-types)
unix.send(1);

// @ts-expect-error read-only
tcp.readable = udp.readable;
// @ts-expect-error a server has nothing to write to
void server.writable;
// @ts-expect-error datagrams are written with their data in an object
void udp.writable.getWriter().write("x");
// @ts-expect-error a signal, not its controller
new UDPSocket({ signal: new AbortController() });
// @ts-expect-error a TCP socket's bytes come from its readable
void tcp[Symbol.asyncIterator];

// @ts-expect-error UDP has no open event
udp.onopen = null;
// @ts-expect-error UDP has no close event
udp.onclose = null;
// @ts-expect-error a server sends nothing
server.send("x");
// @ts-expect-error a server receives no messages
server.onmessage = null;
// @ts-expect-error only connections are half-closed
udp.halfclose();
// @ts-expect-error only connections are reset
server.reset();
// @ts-expect-error only connections are reset
unixServer.reset();
// @ts-expect-error a server sends nothing
unixServer.send("x");
// @ts-expect-error a Unix server's sockets are UnixSockets
unixServer.onconnect = ({ connectedSocket }: sockets.ConnectEvent) => connectedSocket;
// @ts-expect-error a TCP server's sockets are TCPSockets
server.onconnect = ({ connectedSocket }) => connectedSocket.peerCredentials;
// @ts-expect-error a handler is a function or null
tcp.onmessage = "no";
// @ts-expect-error the event is an ErrorEvent
tcp.addEventListener("error", (event: sockets.ConnectEvent) => event);
// @ts-expect-error error.code is a string
tcp.onerror = ({ error }) => error.code === 19;
// @ts-expect-error an event's data is read-only
tcp.onmessage = (event) => (event.data = new ArrayBuffer(0));

// @ts-expect-error allowAddress answers at once
sockets.connect("example.com", 80, { allowAddress: async () => true });
// @ts-expect-error lookup gives texts
sockets.connect("example.com", 80, { lookup: async () => [{ address: "127.0.0.1", family: 4 }] });
// @ts-expect-error the port is not optional
sockets.connect("example.com");
// @ts-expect-error the values are Direct Sockets'
sockets.connect("example.com", 80, { dnsQueryType: 4 });
// @ts-expect-error it is a promise
sockets.connect("example.com", 80).send("x");

// @ts-expect-error no such event
sockets.once(tcp, "mesage");
// @ts-expect-error a server's event
sockets.once(tcp, "connect");
// @ts-expect-error UDP has no close event
sockets.once(udp, "close");
// @ts-expect-error a server receives no messages
sockets.once(server, "message");
// @ts-expect-error the type is not optional
sockets.once(tcp);
// @ts-expect-error one of the package's interfaces
sockets.once(new EventTarget(), "message");
// @ts-expect-error a signal, not its controller
sockets.once(tcp, "message", { signal: new AbortController() });
// @ts-expect-error no such option
sockets.once(tcp, "message", { timeout: 1000 });
// @ts-expect-error it is a promise of one event, not of a list
sockets.once(tcp, "message").then(([event]) => event);
// @ts-expect-error a function, not a class
new sockets.once(tcp, "message");

// @ts-expect-error read-only
sockets.features.reusePort = false;
// @ts-expect-error no such feature
void sockets.features.quic;
// @ts-expect-error booleans, not functions
sockets.features.tcpStats();

// The event interfaces are types only (R-noif).
// @ts-expect-error not a value
void sockets.UDPMessageEvent;
// @ts-expect-error not a value
void sockets.ConnectEvent;
// @ts-expect-error not a value
void sockets.UnixConnectEvent;
// @ts-expect-error not a value
void sockets.PeerCredentials;
// @ts-expect-error not a value
void sockets.ErrorEvent;
// @ts-expect-error there is no default export
void sockets.default;
// @ts-expect-error nothing is global without tcp-udp-sockets/globals (R-trust)
void globalThis.UDPSocket;

console.log(never, remotePort, pid);
