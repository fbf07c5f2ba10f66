// Whoever imports and whoever requires gets the same functions, and so the same sockets.
export { closeAll, openSockets, socketPair } from "./testing.js";
