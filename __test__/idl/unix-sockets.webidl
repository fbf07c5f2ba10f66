// Unix sockets (R-unix), which the draft does not have. Their interfaces are the draft's for TCP, with paths in the place of addresses and ports,
// and with everything that the package adds to those.

[Exposed=*]
interface UnixSocket : EventTarget {
  constructor(DOMString path, optional UnixOptions options = {});
  readonly attribute DOMString remotePath;
  readonly attribute DOMString localPath;
  readonly attribute object? peerCredentials;
  readonly attribute unsigned long bufferedAmount;
  readonly attribute ReadyState readyState;
  readonly attribute SecureTransportKind secureTransport;
  readonly attribute object? secureTransportInfo;
  readonly attribute Promise<UnixSocketOpenInfo> opened;
  readonly attribute Promise<undefined> closed;
  readonly attribute ReadableStream readable;
  readonly attribute WritableStream writable;
  attribute EventHandler ondrain;
  attribute EventHandler onopen;
  attribute EventHandler onclose;
  attribute EventHandler onhalfclose;
  attribute EventHandler onerror;
  attribute EventHandler onmessage;
  undefined close();
  undefined halfclose();
  undefined reset();
  boolean sendFrame((DOMString or Blob or ArrayBuffer or ArrayBufferView) data);
  undefined suspend();
  undefined resume();
  boolean send((DOMString or Blob or ArrayBuffer or ArrayBufferView) data);
  Promise<object> startTls(optional SecureTransportOptions options = {});
  object ref();
  object unref();
  boolean hasRef();
  undefined setOptions(any options);
  readonly attribute unsigned long long bytesRead;
  readonly attribute unsigned long long bytesWritten;
};

[Exposed=*]
interface UnixServerSocket : EventTarget {
  constructor(UnixServerOptions options);
  readonly attribute DOMString localPath;
  readonly attribute ReadyState readyState;
  readonly attribute unsigned long connections;
  readonly attribute Promise<UnixServerSocketOpenInfo> opened;
  readonly attribute Promise<undefined> closed;
  readonly attribute ReadableStream readable;
  attribute EventHandler onconnect;
  attribute EventHandler onerror;
  undefined close();
  undefined suspend();
  undefined resume();
  undefined setSecureContext(optional SecureTransportOptions options = {});
  object ref();
  object unref();
  boolean hasRef();
  undefined setOptions(any options);
  Promise<undefined> shutdown(optional ShutdownOptions options = {});
};

enum SecureTransportKind { "off", "on", "starttls" };

dictionary SecureTransportOptions {
  DOMString sni;
};

dictionary UnixOptions {
  boolean allowHalfOpen;
  boolean useSecureTransport;
};

dictionary UnixServerOptions {
  required DOMString path;
  [EnforceRange] unsigned short mode;
  boolean useSecureTransport;
};

dictionary UnixSocketOpenInfo {
  ReadableStream readable;
  WritableStream writable;
  DOMString remotePath;
  DOMString localPath;
};

dictionary UnixServerSocketOpenInfo {
  ReadableStream readable;
  DOMString localPath;
};
