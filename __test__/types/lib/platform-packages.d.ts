// The native half comes from one of these packages, or from a local build; none is installed where types are checked.
declare module "@tcp-udp-sockets/*";
