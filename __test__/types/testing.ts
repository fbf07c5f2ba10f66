// tcp-udp-sockets/testing.

import { TCPServerSocket, TCPSocket, UDPSocket, UnixServerSocket, UnixSocket } from "tcp-udp-sockets";
import { closeAll, openSockets, socketPair } from "tcp-udp-sockets/testing";
import type { AnySocket, SocketPairOptions } from "tcp-udp-sockets/testing";
import { equal } from "./equal.js";

const open = openSockets();
equal<typeof open, AnySocket[]>(true);
equal<AnySocket, TCPSocket | TCPServerSocket | UDPSocket | UnixSocket | UnixServerSocket>(true);
const options: SocketPairOptions = { client: { noDelay: false }, server: { localAddress: "::1", maxConnections: undefined } };
const none: SocketPairOptions = { client: undefined, server: undefined };

export async function pairs(): Promise<void> {
  const [client, accepted] = await socketPair();
  equal<typeof client, TCPSocket>(true);
  equal<typeof accepted, TCPSocket>(true);
  await Promise.all([socketPair(options), socketPair(none), socketPair({})]);
  equal<Awaited<ReturnType<typeof closeAll>>, void>(true);
  await closeAll();
}

// @ts-expect-error the options of each end have a member of their own
socketPair({ noDelay: false });
// @ts-expect-error no such option of TCP
socketPair({ client: { ttl: 1 } });
// @ts-expect-error there are two ends
socketPair().then(([, , third]) => third);
// @ts-expect-error it takes nothing
closeAll({ timeout: 1 });
console.log(open);
