"use strict";

// A full backlog: a client goes on trying. On other systems than Linux the attempt is refused at once.

const { expectIsDOMException, once } = require("../helpers");
const { linuxTest } = require("../helpers/socket-files");
const { selfSigned } = require("../helpers/certificates");
const { dialPath, unix, unixServer } = require("../helpers/unix");

/** A server that accepts nothing, with a full backlog. */
async function fullServer(options) {
  const server = unixServer({ backlog: 1, ...options });
  const waiting = await Promise.all(Array.from({ length: 2 }, () => dialPath(server.localPath)));
  return { server, waiting };
}

linuxTest("a client connects when the server accepts again, and loses nothing", async () => {
  const { server } = await fullServer();
  const clients = Array.from({ length: 10 }, () => unix(server.localPath));
  expect(clients.map(({ readyState }) => readyState)).toEqual(Array(10).fill("connecting"));
  const received = [];
  let accepted = 0;
  server.onconnect = ({ connectedSocket }) => {
    accepted += 1;
    connectedSocket.onmessage = ({ data }) => received.push(Buffer.from(data).toString());
  };
  await Promise.all(clients.map((client) => once(client, "open")));
  clients.forEach((client, i) => {
    client.send(String(i));
    client.close();
  });
  await Promise.all(clients.map((client) => once(client, "close")));
  expect(accepted).toBe(12);
  expect(received.map(Number).sort((a, b) => a - b)).toEqual([...clients.keys()]);
});

linuxTest("connectTimeout ends the attempt: ETIMEDOUT, no close", async () => {
  const { server } = await fullServer();
  const client = unix(server.localPath, { connectTimeout: 100 });
  client.onclose = () => {
    throw new Error("close fired");
  };
  const { error } = await once(client, "error");
  expectIsDOMException(error, "NetworkError", "ETIMEDOUT");
  expect([error.address, error.port, client.readyState]).toEqual([server.localPath, undefined, "closed"]);
});

linuxTest("close(), reset() and a signal end the attempt at once", async () => {
  const { server } = await fullServer();
  const closed = unix(server.localPath);
  const reset = unix(server.localPath);
  const [controller, reason] = [new AbortController(), new Error("enough")];
  const aborted = unix(server.localPath, { signal: controller.signal });
  const errors = [closed, reset, aborted].map((client) => once(client, "error"));
  closed.close();
  reset.reset();
  controller.abort(reason);
  const [ofClosed, ofReset, ofAborted] = (await Promise.all(errors)).map(({ error }) => error);
  expect([ofClosed.code, ofReset.code, ofAborted.code]).toEqual(["ECONNABORTED", "ECONNABORTED", "ABORT_ERR"]);
  expect(ofAborted.cause).toBe(reason);
});

linuxTest("a server that closes meanwhile is ECONNREFUSED or ENOENT", async () => {
  const { server } = await fullServer();
  const client = unix(server.localPath);
  const failure = once(client, "error");
  server.close();
  expect((await failure).error.code).toBe("ENOENT");
});

linuxTest("with TLS the handshake follows when the server accepts", async () => {
  const own = selfSigned();
  const { server } = await fullServer({ secureTransport: { cert: own.cert, key: own.key } });
  const client = unix(server.localPath, { secureTransport: { ca: own.cert, sni: "localhost" } });
  server.onerror = () => {};
  server.onconnect = ({ connectedSocket }) => {
    connectedSocket.send("private");
    connectedSocket.close();
  };
  await once(client, "open");
  expect(client.secureTransportInfo.authorized).toBe(true);
  expect(Buffer.from((await once(client, "message")).data).toString()).toBe("private");
  await once(client, "close");
});
