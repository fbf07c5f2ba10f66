// What fails in wine, and why. Each cause was found with a C program, or with node:net in the package's place.

/** Wine 10 lets send() take all bytes at once, and sends the rest later. If the peer ends its direction meanwhile, wine drops that rest. */
const PEER_END = "wine drops what it has not sent yet of a write when the peer ends its direction; node:net loses bytes there, too";
const RESET = "Windows drops what was received and not read when the peer resets the connection, and so does wine";
const UNNOTICED = "the poll set reports a socket again only after a read, so a reset behind unread bytes is noticed by the next read or write";
const AFTER_END = "a reset after the peer's end is noticed by the next write; undecided whether Windows would report it";
const NODE = "node:net tells in wine that bytes were sent when wine has only queued them";
const NUMBERS = "wine has other error numbers";
const SLOW = "in wine each call goes through another process, and the test counts on a fast one";

/** @type {import("./suite.mjs").Expected[]} */
export const EXPECTED = [
  { test: /relay\(a, b\) \(R-relay\) (what one read|what a slow reader|a reader that does not)/, cause: PEER_END },
  { test: /relay\(\) with TLS on one side or on both .* a reader that does not read holds/, cause: PEER_END },
  { test: /other ways to end TCPSocket: halfclose\(\) has none when the peer ends either/, cause: PEER_END },
  { test: /a FIN that came before our bytes are out closes only when they are/, cause: PEER_END },
  { test: /without a listener: buffered data is flushed, our FIN follows/, cause: PEER_END },
  { test: /refuses the streams of its sockets, and a write under way rejects: no drain would come/, cause: PEER_END },
  { test: /closing by the peer's close_notify has the limit/, cause: PEER_END },
  { test: /a peer that reads slowly, for much longer than closeTimeout, gets everything/, cause: PEER_END },
  { test: /once\(\) and an error that closes the socket .* what came before a loss is given first/, cause: RESET },
  { test: /TCPSocket: bytes received before the loss are delivered first/, cause: RESET },
  { test: /suspend\.test\.js: a loss (waits for|while it waits)/, cause: RESET },
  { test: /close-timeout\.test\.js: .*(resets the connection: the peer does not take|a peer that reads nothing: error)/, cause: UNNOTICED },
  { test: /a reset after the peer's FIN, with us still sending, is a loss/, cause: AFTER_END },
  { test: /without a listener the system pushes the sender back/, cause: NODE },
  { test: /a suspended receiver holds the sender back/, cause: NODE },
  { test: /errors\.test\.js: .*(a group that no interface can join|multicastInterface that the system refuses)/, cause: NUMBERS },
  { test: /an address that no interface has throws NetworkError with code ENODEV/, cause: NUMBERS },
  { test: /without localAddress, which the system chooses, and to the wildcard/, cause: "wine tells 0.0.0.0 as the peer's address" },
  { test: /a connection that ends without a byte: at most one error/, cause: "the test's own node:net is told of the reset that answers it" },
  { test: /process\.exit\(\) inside a drain handler, with a flood under way/, cause: SLOW },
  { test: /10,000 opened and closed sockets leave no growth/, cause: SLOW },
];
