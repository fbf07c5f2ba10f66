"use strict";

// keyLog: SSLKEYLOGFILE, where asked for and nowhere else.

const { existsSync, mkdirSync, readFileSync } = require("node:fs");
const { runJSON } = require("../helpers");
const { authority } = require("../helpers/certificates");
const { folder, listenTLS } = require("../helpers/tls");

const { ca, server: identity } = authority();

/** A client in a process of its own that connects with these options and this environment; what node:tls logged meanwhile. */
async function connect(options, env) {
  const server = await listenTLS({ cert: identity.cert, key: identity.key });
  const theirs = [];
  server.server.on("keylog", (line) => theirs.push(String(line).trim()));
  const script = `
    const options = { ca: process.argv.at(-1), ...${JSON.stringify(options)} };
    const socket = new TCPSocket("127.0.0.1", ${server.port}, { secureTransport: options });
    socket.onopen = () => { report(socket.secureTransport); socket.reset(); };
    socket.onerror = ({ error }) => report(error.message);`;
  expect(await runJSON(script, { env, args: [ca.cert] })).toBe("on");
  return theirs;
}

const linesOf = (path) => readFileSync(path, "utf8").trim().split("\n");

describe("keyLog", () => {
  test("with it, SSLKEYLOGFILE gets the secrets that the other end logs too", async () => {
    const path = folder({ "before.log": "# kept\n" });
    const theirs = await connect({ keyLog: true }, { SSLKEYLOGFILE: path("before.log") });
    const [first, ...lines] = linesOf(path("before.log"));
    // Appended, never overwritten.
    expect(first).toBe("# kept");
    expect(lines.length).toBeGreaterThanOrEqual(4);
    for (const line of lines) {
      expect(line).toMatch(/^[A-Z_0-9]+ [0-9a-f]{64} [0-9a-f]+$/);
    }
    const common = lines.filter((line) => theirs.includes(line));
    expect(common.map((line) => line.split(" ")[0])).toEqual(
      expect.arrayContaining(["CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"]),
    );
  });

  test("without it, the variable does nothing: no secret leaves by the environment alone", async () => {
    const path = folder();
    await connect({}, { SSLKEYLOGFILE: path("none.log") });
    await connect({ keyLog: false }, { SSLKEYLOGFILE: path("none.log") });
    expect(existsSync(path("none.log"))).toBe(false);
  });

  test("without the variable, it does nothing", async () => {
    await connect({ keyLog: true }, { SSLKEYLOGFILE: "" });
  });

  test("a file that cannot be written breaks no connection", async () => {
    const path = folder();
    mkdirSync(path("directory"));
    await connect({ keyLog: true }, { SSLKEYLOGFILE: path("directory") });
    await connect({ keyLog: true }, { SSLKEYLOGFILE: path("missing/file.log") });
  });
});
