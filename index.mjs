// One copy of each class: whoever imports and whoever requires gets the same ones.
export { TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, UnixSocket, connect, features, once, relay } from "./index.js";
