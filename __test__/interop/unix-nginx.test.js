"use strict";

// A real nginx: as a reverse proxy in front of a server of ours, and as a server that our client asks. Both speak over paths.

const { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { expendable, once, pattern, record, sha256 } = require("../helpers");
const { httpClient, serveHTTP, whole } = require("../helpers/http");
const { nobody, serve, testWith, versionOf } = require("../helpers/programs");
const { UnixSocket, obstacle, unix, unixServer, unixTest } = require("../helpers/unix");

const withNginx = obstacle ? unixTest : testWith("nginx");
const installed = !obstacle && versionOf("nginx") !== undefined;

/** nginx's worker is another user than this process, if this one is root. */
const user = nobody();
const withAnotherUser = user || !installed ? withNginx : (name, body) => test.skip(`${name} (needs root)`, body);

const BIG = Buffer.from(pattern(4 << 20, 31));

/** The running nginx, the process ID of its worker, and its folder. */
let nginx, worker, folder;
const at = (name) => path.join(folder, name);

/** It writes only into the folder. Only root's nginx knows `user`. */
const configuration = () => `
${user ? `user ${user.name} ${user.group};` : ""}
daemon off;
worker_processes 1;
pid ${at("pid")};
error_log stderr notice;
events { worker_connections 128; }
http {
  access_log off;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${at(`${name}-temp`)};`).join("\n  ")}
  client_max_body_size 64m;
  upstream app { server unix:${at("app")}; keepalive 4; }
  server {
    listen unix:${at("front")};
    location /files/ { alias ${at("files")}/; }
    location /app/ {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_request_buffering off;
      proxy_buffering off;
    }
  }
}
`;

beforeAll(async () => {
  if (!installed) return;
  folder = mkdtempSync(path.join(os.tmpdir(), "tus-"));
  // The worker reaches the sockets and files in it.
  chmodSync(folder, 0o755);
  writeFileSync(at("nginx.conf"), configuration());
  mkdirSync(at("files"));
  writeFileSync(at("files/big"), BIG);
  nginx = serve("nginx", ["-p", folder, "-c", at("nginx.conf"), "-e", "stderr"]);
  worker = Number((await nginx.says(/start worker process (\d+)/, 10_000))[1]);
}, 20_000);

afterAll(async () => {
  await nginx?.stop("SIGTERM");
  if (folder) rmSync(folder, { recursive: true, force: true });
}, 20_000);

/** A client of ours at nginx. */
async function atNginx() {
  const socket = unix(at("front"));
  await once(socket, "open");
  return { socket, ...httpClient(socket) };
}

/** A server of ours where nginx looks for it; it tells what it was asked. */
function app(options = {}) {
  const server = unixServer({ path: at("app"), mode: 0o666, ...options });
  async function answer({ method, target, body, socket }) {
    const { pid, uid, gid } = socket.peerCredentials;
    const headers = { Method: method, Target: target, Digest: sha256(await whole(body)), Peer: `${pid} ${uid} ${gid}` };
    return { headers, body: target.endsWith("/big") ? BIG : "a short answer" };
  }
  return { server, ...serveHTTP(server, answer) };
}

describe("nginx as the reverse proxy of our server", () => {
  withNginx("its requests come on one connection; its worker is the peer", async () => {
    const { sockets, errors } = app();
    const { request } = await atNginx();
    for (const target of ["/app/one", "/app/two"]) {
      const { status, headers, body } = await request("GET", target);
      expect({ status, text: String(await whole(body)) }).toEqual({ status: 200, text: "a short answer" });
      const { uid, gid } = user ?? { uid: process.geteuid(), gid: process.getegid() };
      expect(headers).toMatchObject({ method: "GET", target, peer: `${worker} ${uid} ${gid}` });
    }
    expect(sockets).toHaveLength(1);
    expect(errors).toEqual([]);
  });

  withNginx("4 MiB there and 4 MiB back, whole and in chunks", async () => {
    const { errors } = app();
    const { request } = await atNginx();
    const sent = pattern(4 << 20, 32);
    async function* inPieces() {
      for (let start = 0; start < sent.length; start += 77_777) yield sent.subarray(start, start + 77_777);
    }
    for (const body of [sent, inPieces()]) {
      const answer = await request("POST", "/app/big", { body });
      expect(answer.headers).toMatchObject({ method: "POST", digest: sha256(sent) });
      expect(sha256(await whole(answer.body))).toBe(sha256(BIG));
    }
    expect(errors).toEqual([]);
  });

  withNginx("40 clients at once", async () => {
    const { errors } = app();
    const answers = await Promise.all(
      Array.from({ length: 40 }, async (_, i) => {
        const { request } = await atNginx();
        const { status, headers, body } = await request("PUT", `/app/${i}`, { body: `body ${i}` });
        await whole(body);
        return [status, headers.target, headers.digest];
      }),
    );
    expect(answers).toEqual(answers.map((_, i) => [200, `/app/${i}`, sha256(Buffer.from(`body ${i}`))]));
    expect(errors).toEqual([]);
  });

  withNginx("502 before our server listens, and after its close() once the connection that nginx keeps has ended", async () => {
    const { request } = await atNginx();
    async function status() {
      const answer = await request("GET", "/app/");
      await whole(answer.body);
      return answer.status;
    }
    expect(await status()).toBe(502);
    const { server, sockets, errors } = app();
    expect(await status()).toBe(200);
    server.close();
    // The connection lives on without its server, and nginx uses it.
    expect(await status()).toBe(200);
    expect(sockets).toHaveLength(1);
    sockets[0].close();
    await once(sockets[0], "close");
    expect(await status()).toBe(502);
    expect(errors).toEqual([]);
  });

  withAnotherUser("mode: a worker of another user is refused by 0o600, and served by 0o666", async () => {
    for (const [mode, expected] of [[0o600, 502], [0o666, 200]]) {
      const { server } = app({ mode });
      const { request } = await atNginx();
      const answer = await request("GET", "/app/");
      await whole(answer.body);
      expect(answer.status).toBe(expected);
      server.close();
    }
    expect(nginx.said).toMatch(/connect\(\) to unix:.* failed \(13: Permission denied\)/);
  });
});

describe("our client at nginx", () => {
  withNginx("a file of 4 MiB, twice on one connection; the master is the peer", async () => {
    const { socket, request } = await atNginx();
    expect(socket.peerCredentials).toEqual({ pid: nginx.child.pid, uid: process.geteuid(), gid: process.getegid() });
    for (let count = 0; count < 2; count++) {
      const { status, headers, body } = await request("GET", "/files/big");
      expect({ status, server: headers.server.split("/")[0] }).toEqual({ status: 200, server: "nginx" });
      expect(sha256(await whole(body))).toBe(sha256(BIG));
    }
  });

  withNginx("what is not HTTP: 400, and an ordinary end", async () => {
    const socket = unix(at("front"));
    await once(socket, "open");
    const log = record(socket, ["message", "error", "close"]);
    socket.send("this is not HTTP\r\n\r\n");
    await log.until("close");
    expect(Buffer.from(log.entries[0].event.data).toString()).toMatch(/^(HTTP\/1\.1 400 |<html>)/);
    expect(log.types.filter((type) => type !== "message")).toEqual(["close"]);
  });
});

// The last test: nginx has ended afterwards.
describe("the end of nginx", () => {
  withNginx("a quiet connection ends, and then there is nobody to connect to", async () => {
    const socket = unix(at("front"));
    const { request } = await once(socket, "open").then(() => httpClient(socket));
    await whole((await request("GET", "/files/big")).body);
    const log = record(socket, ["halfclose", "error", "close"]);
    nginx.child.kill("SIGQUIT");
    await log.until("halfclose");
    socket.close();
    await log.until("close");
    expect(log.types).toEqual(["halfclose", "close"]);
    await nginx.ended(8000);
    const { error } = await once(expendable(new UnixSocket(at("front"))), "error");
    expect({ code: error.code, address: error.address }).toEqual({ code: "ENOENT", address: at("front") });
  });
});
