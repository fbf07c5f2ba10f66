// One copy of each class: whoever imports and whoever requires gets the same ones.
export { TCPServerSocket, TCPSocket, UDPSocket, connect, once, relay } from "./index.js";
