// What the package adds to the draft's interfaces: promises and streams. Members of Promise type reject where others throw.

partial interface UDPSocket {
  readonly attribute Promise<UDPSocketOpenInfo> opened;
  readonly attribute Promise<undefined> closed;
  readonly attribute ReadableStream readable;
  readonly attribute WritableStream writable;
  undefined setOptions(any options);
  readonly attribute unsigned long long bytesRead;
  readonly attribute unsigned long long bytesWritten;
  readonly attribute unsigned long long datagramsDropped;
};

dictionary UDPSocketOpenInfo {
  ReadableStream readable;
  WritableStream writable;
  DOMString localAddress;
  unsigned short localPort;
};

partial interface TCPSocket {
  readonly attribute Promise<TCPSocketOpenInfo> opened;
  readonly attribute Promise<undefined> closed;
  readonly attribute ReadableStream readable;
  readonly attribute WritableStream writable;
  undefined reset();
  boolean sendFrame((DOMString or Blob or ArrayBuffer or ArrayBufferView) data);
  undefined setOptions(any options);
  readonly attribute unsigned long long bytesRead;
  readonly attribute unsigned long long bytesWritten;
  object getStats();
};

dictionary TCPSocketOpenInfo {
  ReadableStream readable;
  WritableStream writable;
  DOMString remoteAddress;
  unsigned short remotePort;
  DOMString localAddress;
  unsigned short localPort;
};

partial interface TCPServerSocket {
  readonly attribute Promise<TCPServerSocketOpenInfo> opened;
  readonly attribute Promise<undefined> closed;
  readonly attribute ReadableStream readable;
  undefined setOptions(any options);
  Promise<undefined> shutdown(optional ShutdownOptions options = {});
};

dictionary ShutdownOptions {
  [EnforceRange] unsigned long grace = 0;
  [EnforceRange] unsigned long timeout = 30000;
};

dictionary TCPServerSocketOpenInfo {
  ReadableStream readable;
  DOMString localAddress;
  unsigned short localPort;
};

// send()'s optional fourth argument; the draft's IDL keeps its `length` of 1.
dictionary UDPSendOptions {
  DOMString? localAddress;
  DOMString? localInterface;
  [EnforceRange] octet? typeOfService;
};

partial interface UDPMessageEvent {
  readonly attribute DOMString? localAddress;
  readonly attribute DOMString? localInterface;
  readonly attribute octet? typeOfService;
};

partial interface ErrorEvent {
  readonly attribute DOMString message;
};
