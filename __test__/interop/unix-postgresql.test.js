"use strict";

// A real PostgreSQL that listens on a Unix socket only, and its own protocol (version 3) on our sockets.

const { createHash, createHmac, pbkdf2Sync, randomBytes } = require("node:crypto");
const { chownSync, mkdtempSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { setImmediate } = require("node:timers");
const { ROOT, deadline, expendable, once, pattern, record, sha256, tcpServer, track } = require("../helpers");
const { launch, nobody, serve, testWith, versionOf } = require("../helpers/programs");
const { UnixSocket, obstacle, socketPath, unix, unixServer, unixTest } = require("../helpers/unix");

const { relay } = require(ROOT);

const PASSWORD = "correct horse battery staple";
/** The name of its socket, which libpq derives from the port. */
const SOCKET = ".s.PGSQL.5432";

const withPostgres = obstacle ? unixTest : testWith("postgres", "initdb");
const withPsql = obstacle ? unixTest : testWith("postgres", "initdb", "psql");
const installed = !obstacle && versionOf("postgres") !== undefined && versionOf("initdb") !== undefined;

/** The running server, its folder and its socket. */
let postgres, folder, address;

/** Who runs the server: it refuses root. */
const user = nobody();
const owner = user ?? { uid: process.geteuid?.(), gid: process.getegid?.() };

beforeAll(async () => {
  if (!installed) return;
  folder = mkdtempSync(path.join(os.tmpdir(), "tus-"));
  const data = path.join(folder, "data");
  const password = path.join(folder, "password");
  writeFileSync(password, PASSWORD);
  if (user) for (const file of [folder, password]) chownSync(file, user.uid, user.gid);
  const made = serve("initdb", ["-D", data, "-U", "scram", "-A", "scram-sha-256", "--pwfile", password, "-N", "--no-locale", "-E", "UTF8"], { user });
  expect(await made.ended(20_000)).toMatchObject({ code: 0 });
  // The role "peer" is for this process's user, who needs no password. All others need one.
  writeFileSync(path.join(data, "pg_hba.conf"), "local all peer peer map=tests\nlocal all all scram-sha-256\n");
  writeFileSync(path.join(data, "pg_ident.conf"), `tests "${os.userInfo().username}" peer\n`);
  const settings = { listen_addresses: "", fsync: "off", max_connections: 20, shared_buffers: "8MB", unix_socket_permissions: "0777" };
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  postgres = serve("postgres", ["-D", data, "-k", folder, ...options], { user });
  await postgres.says(/database system is ready to accept connections/, 20_000);
  address = path.join(folder, SOCKET);
  const session = await Session.begin("scram", PASSWORD);
  await session.query("CREATE ROLE peer LOGIN");
  session.socket.close();
}, 60_000);

afterAll(async () => {
  // SIGINT ends the sessions too.
  await postgres?.stop("SIGINT");
  if (folder) rmSync(folder, { recursive: true, force: true });
}, 20_000);

// --- the protocol --------------------------------------------------------------------------------------------

const int32 = (value) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const cstring = (text) => Buffer.from(`${text}\0`);
/** A message of the client; `type` is empty in those that come before the session. */
const message = (type, ...parts) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body]);
};
const PROTOCOL = int32(3 << 16);
const CANCEL = int32((1234 << 16) + 5678);
const SSL = int32((1234 << 16) + 5679);

/** The fields of an error or a notice: "C" is its SQLSTATE, "M" its text. */
const fieldsOf = (body) => Object.fromEntries(body.toString().split("\0").filter(Boolean).map((field) => [field[0], field.slice(1)]));

/** The columns of a row. */
function columnsOf(body) {
  const columns = [];
  let at = 2;
  for (let left = body.readInt16BE(0); left > 0; left--) {
    const length = body.readInt32BE(at);
    columns.push(length === -1 ? null : body.subarray(at + 4, at + 4 + length));
    at += 4 + Math.max(length, 0);
  }
  return columns;
}

/** The client's side of SCRAM-SHA-256 (RFC 7677), without channel binding. */
class Scram {
  #password;
  #nonce = randomBytes(18).toString("base64");
  #serverSignature;

  constructor(password) {
    this.#password = password;
  }

  get first() {
    return `n,,n=,r=${this.#nonce}`;
  }

  /** @param {string} challenge the server's first message */
  answer(challenge) {
    const { r: nonce, s: salt, i: rounds } = Object.fromEntries(challenge.split(",").map((part) => [part[0], part.slice(2)]));
    expect(nonce.startsWith(this.#nonce)).toBe(true);
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt, "base64"), Number(rounds), 32, "sha256");
    const mac = (key, text) => createHmac("sha256", key).update(text).digest();
    const clientKey = mac(salted, "Client Key");
    const withoutProof = `c=biws,r=${nonce}`;
    const all = `n=,r=${this.#nonce},${challenge},${withoutProof}`;
    const signature = mac(createHash("sha256").update(clientKey).digest(), all);
    this.#serverSignature = mac(mac(salted, "Server Key"), all).toString("base64");
    return `${withoutProof},p=${Buffer.from(clientKey.map((byte, i) => byte ^ signature[i])).toString("base64")}`;
  }

  /** @param {string} final the server's last message: it knows the password too */
  verify(final) {
    expect(final).toBe(`v=${this.#serverSignature}`);
  }
}

/** A session with the server on an open socket. It reads by `message` events. */
class Session {
  #held = Buffer.alloc(0);
  #messages = [];
  #taken = 0;
  #wake = () => {};
  /** What the server has told about itself: "server_version" and others. */
  parameters = {};

  constructor(socket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => this.#add(Buffer.from(data)));
    socket.addEventListener("close", () => this.#wake());
  }

  /** A session on a new connection. */
  static async begin(name, password) {
    const session = await Session.open();
    await session.start(name, password);
    return session;
  }

  /** A connection on which nothing has been said. */
  static async open() {
    const socket = unix(address);
    await once(socket, "open");
    return new Session(socket);
  }

  #add(bytes) {
    const all = this.#held.length > 0 ? Buffer.concat([this.#held, bytes]) : bytes;
    let at = 0;
    while (at + 5 <= all.length) {
      const end = at + 1 + all.readInt32BE(at + 1);
      if (end > all.length) break;
      this.#messages.push({ type: String.fromCharCode(all[at]), body: all.subarray(at + 5, end) });
      at = end;
    }
    this.#held = all.subarray(at);
    this.#wake();
  }

  /** The next message. Null: the connection is closed. */
  async next() {
    while (this.#taken === this.#messages.length) {
      [this.#messages, this.#taken] = [[], 0];
      if (this.socket.readyState === "closed") return null;
      const more = new Promise((resolve) => {
        this.#wake = resolve;
      });
      await deadline(more, "a message of PostgreSQL", 10_000);
    }
    return this.#messages[this.#taken++];
  }

  /** The next message of this type. Fails if an error or the end comes first. */
  async until(type) {
    for (let got; (got = await this.next()) !== null; ) {
      if (got.type === type) return got.body;
      if (got.type === "E") throw new Error(fieldsOf(got.body).M);
    }
    throw new Error(`the connection was closed before "${type}"`);
  }

  /** Logs in. Rejects with the server's error. */
  async start(name, password) {
    this.socket.send(message("", PROTOCOL, cstring("user"), cstring(name), cstring("database"), cstring("postgres"), cstring("")));
    const scram = new Scram(password);
    for (let got; (got = await this.next()) !== null && got.type !== "Z"; ) {
      const { type, body } = got;
      if (type === "E") throw Object.assign(new Error(fieldsOf(body).M), { code: fieldsOf(body).C });
      if (type === "S") {
        const [key, value] = body.toString().split("\0");
        this.parameters[key] = value;
      }
      if (type === "K") this.key = body;
      if (type !== "R") continue;
      const kind = body.readInt32BE(0);
      const text = body.toString("utf8", 4);
      if (kind === 10) this.socket.send(message("p", cstring("SCRAM-SHA-256"), int32(scram.first.length), Buffer.from(scram.first)));
      if (kind === 11) this.socket.send(message("p", Buffer.from(scram.answer(text))));
      if (kind === 12) scram.verify(text);
    }
  }

  /**
   * The rows of a query, and the bytes of a COPY TO STDOUT as their digest. Rejects with the server's error.
   *
   * @param {string} sql
   * @param {(fields: object) => void} [onNotice]
   */
  async query(sql, onNotice = () => {}) {
    this.socket.send(message("Q", cstring(sql)));
    const rows = [];
    const copied = createHash("sha256");
    let [length, error] = [0, undefined];
    for (let got; (got = await this.next()) !== null && got.type !== "Z"; ) {
      if (got.type === "D") rows.push(columnsOf(got.body));
      if (got.type === "N") onNotice(fieldsOf(got.body));
      if (got.type === "E") error = Object.assign(new Error(fieldsOf(got.body).M), { code: fieldsOf(got.body).C });
      if (got.type === "d") {
        copied.update(got.body);
        length += got.body.length;
      }
    }
    if (error) throw error;
    return { rows, length, digest: copied.digest("hex") };
  }
}

/** SQL for the SHA-256 of the text `v`. */
const sha256OfText = "encode(sha256(convert_to(v, 'UTF8')), 'hex')";

/** SQL for a table of two columns. */
const table = (rows) => `SELECT g, md5(g::text) FROM generate_series(1, ${rows}) g`;

/** The SHA-256 of that table as text, a line for each row: by PostgreSQL itself. */
async function digestOfTable(rows, separator) {
  const session = await Session.begin("scram", PASSWORD);
  const lines = `SELECT string_agg(g || '${separator}' || md5(g::text) || E'\\n', '' ORDER BY g) AS v FROM generate_series(1, ${rows}) g`;
  return String((await session.query(`SELECT ${sha256OfText} FROM (${lines}) t`)).rows[0]);
}

describe("our client at PostgreSQL", () => {
  withPostgres("SCRAM with the right password: a session, and its end is no error", async () => {
    const session = await Session.begin("scram", PASSWORD);
    expect(versionOf("postgres")).toContain(session.parameters.server_version);
    const { rows } = await session.query("SELECT current_user, inet_client_addr(), 6 * 7");
    expect(rows.map((columns) => columns.map((column) => column && String(column)))).toEqual([["scram", null, "42"]]);
    const log = record(session.socket, ["halfclose", "error", "close"]);
    session.socket.send(message("X"));
    await log.until("halfclose");
    session.socket.close();
    await log.until("close");
    expect(log.types).toEqual(["halfclose", "close"]);
  });

  withPostgres("SCRAM with a wrong password: its error arrives before its end", async () => {
    const session = await Session.open();
    const log = record(session.socket, ["error", "close"]);
    await expect(session.start("scram", "battery staple")).rejects.toMatchObject({ code: "28P01" });
    await log.until("close");
    expect(log.types).toEqual(["close"]);
  });

  withPostgres("peer authentication: each end knows who the other is", async () => {
    const session = await Session.begin("peer");
    expect(session.socket.peerCredentials).toEqual({ pid: postgres.child.pid, uid: owner.uid, gid: owner.gid });
    const { rows } = await session.query("SELECT current_user");
    expect(String(rows[0])).toBe("peer");
  });

  withPostgres("SSLRequest is answered N on a Unix socket, and the session goes on in plain text; a TLS client is refused", async () => {
    const socket = unix(address);
    await once(socket, "open");
    const answer = once(socket, "message");
    socket.send(message("", SSL));
    expect(Buffer.from((await answer).data).toString()).toBe("N");
    const session = new Session(socket);
    await session.start("scram", PASSWORD);
    expect(String((await session.query("SELECT 'in plain text'")).rows[0])).toBe("in plain text");

    const secure = expendable(new UnixSocket(address, { secureTransport: { sni: "localhost" } }));
    const log = record(secure, ["open", "error"]);
    const { event } = await log.until("error");
    expect(event.error.code).toBe("ERR_TLS_HANDSHAKE_ENDED");
    expect(log.types).toEqual(["error"]);
  });

  withPostgres("a result of one row with 9 MiB, and one of 200,000 rows, taken in pieces", async () => {
    const session = await Session.begin("scram", PASSWORD);
    const { rows } = await session.query(`SELECT ${sha256OfText}, v FROM (SELECT string_agg(md5(g::text), '') AS v FROM generate_series(1, 300000) g) t`);
    const [[digest, value]] = rows;
    expect(value.length).toBe(300_000 * 32);
    expect(sha256(value)).toBe(String(digest));

    // Every message event stops the reading for a moment, so the server has to wait again and again.
    let messages = 0;
    session.socket.addEventListener("message", () => {
      messages += 1;
      session.socket.suspend();
      setImmediate(() => session.socket.resume());
    });
    const copied = await session.query(`COPY (${table(200_000)}) TO STDOUT`);
    expect(copied.length).toBeGreaterThan(7 * 1024 * 1024);
    expect(copied.digest).toBe(await digestOfTable(200_000, "\t"));
    expect(messages).toBeGreaterThan(10);
  });

  withPostgres("COPY FROM STDIN of 8 MiB, with back-pressure", async () => {
    const session = await Session.begin("scram", PASSWORD);
    await session.query("CREATE TEMP TABLE words (n int, v text)");
    session.socket.send(message("Q", cstring("COPY words FROM STDIN")));
    await session.until("G");
    const bytes = Buffer.from(pattern(3 * 1024 * 1024));
    const words = Array.from({ length: 1024 }, (_, i) => bytes.toString("base64", i * 3072, (i + 1) * 3072) + "=".repeat(4096));
    let waits = 0;
    for (let at = 0; at < words.length; at += 16) {
      const lines = words.slice(at, at + 16).map((word, i) => `${at + i}\t${word}\n`);
      if (session.socket.send(message("d", Buffer.from(lines.join(""))))) continue;
      waits += 1;
      await once(session.socket, "drain", 10_000);
    }
    session.socket.send(message("c"));
    await session.until("Z");
    expect(waits).toBeGreaterThan(1);
    const { rows } = await session.query(`SELECT n, ${sha256OfText} FROM (SELECT count(*) AS n, string_agg(v, ',' ORDER BY n) AS v FROM words) t`);
    expect(rows[0].map(String)).toEqual(["1024", sha256(Buffer.from(words.join(",")))]);
  });

  withPostgres("a second connection cancels the query of the first, whose session goes on", async () => {
    const session = await Session.begin("scram", PASSWORD);
    let started;
    const running = new Promise((resolve) => {
      started = resolve;
    });
    const result = session.query("DO $$ BEGIN RAISE NOTICE 'running'; PERFORM pg_sleep(60); END $$", started);
    result.catch(() => {});
    expect((await deadline(running, "the notice")).M).toBe("running");
    const second = await Session.open();
    const log = record(second.socket, ["message", "error", "close"]);
    second.socket.send(message("", CANCEL, session.key));
    await log.until("close");
    expect(log.types).toEqual(["close"]); // It ends without an answer.
    await expect(result).rejects.toMatchObject({ code: "57014" });
    expect(String((await session.query("SELECT 'still here'")).rows[0])).toBe("still here");
  });

  withPostgres("LISTEN and NOTIFY: what it sends by itself arrives at an idle client", async () => {
    const [listener, other] = [await Session.begin("scram", PASSWORD), await Session.begin("peer")];
    await listener.query("LISTEN news");
    await other.query("NOTIFY news, 'extra extra'");
    const body = await listener.until("A");
    expect(body.subarray(4).toString()).toBe("news\0extra extra\0");
  });
});

describe("psql at our servers, joined to PostgreSQL by relay()", () => {
  /** Joins each connection of a server of ours to PostgreSQL. Returns the results of the relays. */
  function joined(server) {
    const results = [];
    server.onconnect = async ({ connectedSocket: client }) => {
      track(client);
      const target = expendable(new UnixSocket(address));
      await once(target, "open");
      results.push(relay(client, target));
    };
    return results;
  }

  /** psql's output for a query. */
  async function psql(host, port, sql) {
    const args = ["-h", host, "-p", String(port), "-U", "scram", "-d", "postgres", "-X", "-A", "-t", "-c", sql];
    const { code, stdout, stderr } = await launch("psql", args, { env: { PGPASSWORD: PASSWORD } }).ended(20_000);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    return stdout;
  }

  const ROWS = 100_000;

  withPsql("through a UnixServerSocket", async () => {
    const server = unixServer({ path: socketPath(SOCKET) });
    const results = joined(server);
    const printed = await psql(path.dirname(server.localPath), 5432, table(ROWS));
    expect(sha256(Buffer.from(printed))).toBe(await digestOfTable(ROWS, "|"));
    const { bytesToA } = await results[0];
    expect(bytesToA).toBeGreaterThan(printed.length);
  });

  withPsql("through a TCPServerSocket", async () => {
    const server = tcpServer();
    const results = joined(server);
    const printed = await psql("127.0.0.1", server.localPort, table(ROWS));
    expect(sha256(Buffer.from(printed))).toBe(await digestOfTable(ROWS, "|"));
    const { bytesToA } = await results[0];
    expect(bytesToA).toBeGreaterThan(printed.length);
  });
});

// The last test: the server has ended afterwards.
describe("the end of PostgreSQL", () => {
  withPostgres("a shutdown ends the session after its error, and then there is nobody to connect to", async () => {
    const session = await Session.begin("scram", PASSWORD);
    const log = record(session.socket, ["error", "close"]);
    postgres.child.kill("SIGINT");
    const { type, body } = await session.next();
    expect([type, fieldsOf(body).C]).toEqual(["E", "57P01"]);
    await log.until("close");
    expect(log.types).toEqual(["close"]);
    await postgres.ended(8000);
    const { error } = await once(expendable(new UnixSocket(address)), "error");
    expect({ code: error.code, address: error.address }).toEqual({ code: "ENOENT", address });
  });
});
