"use strict";

// The checker of the documentation's code blocks tells what is wrong with a page.

const { execFile } = require("node:child_process");
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const { ROOT } = require("../helpers");

jest.setTimeout(120_000);

const folder = mkdtempSync(path.join(os.tmpdir(), "pages-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * Checks a page: the checker's exit code, and what became of each block.
 *
 * @param {string} markdown
 * @param {string[]} options
 * @returns {Promise<{ code: number, blocks: { outcome: string, detail: string }[], summary: string }>}
 */
function check(markdown, ...options) {
  const page = path.join(folder, `${Math.random()}.md`);
  writeFileSync(page, markdown);
  return new Promise((resolve) => {
    const args = [path.join(ROOT, "scripts", "docs.mjs"), page, "--json", ...options];
    execFile(process.execPath, args, { env: { ...process.env, PATH: [bin, process.env.PATH].join(path.delimiter) } }, (error, stdout, stderr) => {
      const blocks = stdout.split("\n").filter(Boolean).map((line) => JSON.parse(line));
      resolve({ code: error?.code ?? 0, blocks, summary: stderr.trim().split("\n").at(-1) });
    });
  });
}

/** A folder with programs of the tests, which the checker finds first. */
const bin = path.join(folder, "bin");
mkdirSync(bin);

/** A block as a page has it. */
const block = (language, code, run) => `${run === undefined ? "" : `<!-- run: ${run} -->\n`}\`\`\`${language}\n${code}\n\`\`\`\n`;

const IMPORT = 'import { TCPServerSocket, TCPSocket } from "tcp-udp-sockets";';
const SERVER = `${IMPORT}
new TCPServerSocket({ localPort: 6791 }).onconnect = ({ connectedSocket }) => {
  connectedSocket.onmessage = ({ data }) => connectedSocket.send(data);
};`;
const CLIENT = `${IMPORT}
const socket = new TCPSocket("127.0.0.1", 6791);
socket.onopen = () => socket.send("Hello World");
socket.onmessage = ({ data }) => {
  console.log(new TextDecoder().decode(data)); // Hello World
  socket.close();
};`;
const LOG = 'console.log("one"); // one';

/** Pages that are right. */
const right = {
  "a server and its client": [block("js", SERVER, "serves 6791 to the next block") + block("js", CLIENT)],
  "a client of the checker's peer": [block("js", CLIENT, "peer echo 127.0.0.1:6791")],
  "a server for the checker's client": [block("ts", SERVER, "client echo 6791")],
  "types, which are taken away": [block("ts", 'const one: string = "one";\nconsole.log(one); // one')],
  "output in the lines below": [block("js", 'console.log("one\\ntwo");\n// one\n// t…o\n\n// A comment.')],
  "a command, and what needs what it makes": [
    block("sh", "echo '{}' >made.json", "before the next block; makes made.json") +
      block("js", 'import { readFileSync } from "node:fs";\nconsole.log(readFileSync("made.json", "utf8")); // {}'),
  ],
  "a drawing": [block("text", "a ─► b")],
  "JSON": [block("json", "{}")],
  "another step": [block("sh", "exit 1", 'by .ci/run\'s steps "npm test", "types"')],
};

/** Pages whose last block is wrong, and what is said of it. */
const wrong = {
  "a member that there is not": [block("js", CLIENT.replace("onmessage", "onmesage"), "peer echo 127.0.0.1:6791"), /line 4.*'onmesage' does not exist/],
  "an option that there is not": [block("ts", SERVER.replace("localPort:", "port:"), "client echo 6791"), /'port' does not exist/],
  "a type that does not fit": [block("ts", "const one: string = 1;\nconsole.log(one);"), /not assignable to type 'string'/],
  "another output": [block("js", CLIENT.replace("// Hello World", "// Hello"), "peer echo 127.0.0.1:6791"), /shows\nHello\nand it printed\nHello World/],
  "more output than shown": [block("js", `${LOG}\nconsole.log("two");`), /and it printed\none\ntwo/],
  "less output than shown": [block("js", `${LOG}\nif (Math.random() > 2) console.log("two"); // two`), /shows\none\ntwo/],
  "no output at all": [block("js", 'if (Math.random() > 2) console.log("one");'), /printed nothing/],
  "a warning": [block("js", 'process.emitWarning("careful");'), /wrote to standard error\n.*careful/],
  "an exception": [block("js", 'throw new Error("that was it");'), /ended with 1\n[^]*that was it/],
  "a syntax error": [block("js", "const = 1;"), /line 1/],
  "a command that fails, in the middle": [block("sh", "false\ntrue"), /ended with 1/],
  "a command that there is not": [block("sh", "no-such-command-here"), /ended with 127/],
  "a file that it does not make": [block("sh", "true", "makes keys.log"), /has not made keys\.log/],
  "a server that ends": [block("js", 'console.log("one");', "client echo 6791"), /ended with 0 and was to serve/],
  "a client that does not come": [block("js", LOG, "peer echo 127.0.0.1:6791"), /peer echo 127\.0\.0\.1:6791: nobody came/],
  "a broken block before it": [block("sh", "false", "before the next block") + block("js", LOG), /the block before it failed/],
  "no language": [block("", "a ─► b"), /no language/],
  "an unknown language": [block("toml", "a = 1"), /unknown language "toml"/],
  "broken JSON": [block("json", "{"), /JSON/],
  "a program as a drawing": [block("text", LOG.replace("console", "const a = 1;\nconsole")), /looks like a program/],
  "a block that does not end": ["```js\n1;\n", /does not end/],
  "an empty block": ["```js\n```\n", /is empty/],
  "an unknown clause": [block("js", LOG, "peers echo 127.0.0.1:6791"), /unknown clause "peers echo 127\.0\.0\.1:6791"/],
  "an unknown runtime": [block("js", LOG, "in perl"), /unknown clause "in perl"/],
  "an unknown peer": [block("js", LOG, "peer ecco 127.0.0.1:6791"), /no peer "ecco"/],
  "an unknown client": [block("js", LOG, "client ecco 6791"), /no client "ecco"/],
  "a step that .ci/run has not": [block("sh", "npm run demo", 'by .ci/run\'s step "dem"'), /has no step "dem"/],
  "no block to go on with": [block("sh", "true", "before the next block"), /no next block/],
  "a comment that is not right above its block": [`<!-- run: client echo 6791 -->\n\n${block("js", LOG)}`, /directly above its block/],
  "a reason that says nothing": [block("js", LOG, "not here:"), /unknown clause/],
};

/** Lines of text. */
const linesOf = (text) => text.split("\n").length;

/**
 * Several pages as one, since a page costs a compiler's run: the text, and the lines that each has in it.
 *
 * @param {Record<string, [string, unknown]>} pages
 */
function join(pages) {
  let text = "";
  const places = new Map();
  for (const [name, [markdown]] of Object.entries(pages)) {
    const first = linesOf(text);
    text += markdown;
    places.set(name, { first, last: linesOf(text) });
  }
  return { text, places };
}

/** The number of the line in a block's name. */
const lineOf = ({ name }) => Number(name.split(":").at(-1));

describe("scripts/docs.mjs", () => {
  test("what is right passes, and is counted", async () => {
    const { code, blocks, summary } = await check(join(right).text);
    expect(blocks.filter(({ outcome }) => outcome === "failed")).toEqual([]);
    expect([code, summary]).toEqual([0, "8 blocks run, 1 by another step, 0 marked as not runnable, 2 drawings"]);
  });

  describe("fails for", () => {
    // Those that break the page as a whole have one of their own; with a syntax error the compiler looks at nothing else.
    const alone = ["a block that does not end", "no block to go on with", "a syntax error"];
    const { text, places } = join(Object.fromEntries(Object.entries(wrong).filter(([name]) => !alone.includes(name))));
    let all;
    beforeAll(async () => {
      all = await check(text);
    });

    test.each(Object.entries(wrong))("%s", async (name, [markdown, detail]) => {
      const { code, blocks } = alone.includes(name) ? await check(markdown) : all;
      const { first, last } = places.get(name) ?? { first: 1, last: Infinity };
      const its = blocks.filter((one) => lineOf(one) >= first && lineOf(one) < last);
      const failed = its.filter(({ outcome }) => outcome === "failed");
      expect(code).toBe(1);
      expect(failed.at(-1)).toEqual({ name: expect.any(String), outcome: "failed", detail: expect.stringMatching(detail) });
    });

    test("what never ends, and whom nobody answers", async () => {
      const deaf = SERVER.replace("connectedSocket.send(data)", "{}");
      const { code, blocks } = await check(block("js", "setInterval(() => {}, 1000);") + block("js", deaf, "client echo 6791"), "--limit", "3000");
      expect(code).toBe(1);
      expect(blocks[0].detail).toMatch(/has not ended after 3000 ms/);
      expect(blocks[1].detail).toMatch(/has served nobody after 3000 ms|echo of .* was ""/);
    });

    test("more than five blocks that run nowhere", async () => {
      const five = await check(block("sh", "reboot", "not here: it would end the tests").repeat(5));
      expect([five.code, five.summary]).toEqual([0, "0 blocks run, 0 by another step, 5 marked as not runnable, 0 drawings"]);
      const six = await check(block("sh", "reboot", "not here: it would end the tests").repeat(6));
      expect([six.code, six.blocks[5].detail]).toEqual([1, "the 6 blocks marked as not runnable are more than 5"]);
    });

    test("nothing to run at all", async () => {
      expect((await check("Text.\n")).code).toBe(1);
    });
  });

  (process.platform === "win32" ? test.skip : test)("a block of another runtime runs there, and its types are not checked", async () => {
    writeFileSync(path.join(bin, "bun"), '#!/bin/sh\necho "$0: $(basename "$1")"\n', { mode: 0o755 });
    const { code, blocks } = await check(block("js", 'console.log(Bun.version); // …/bun: ….mjs', "in bun"));
    rmSync(path.join(bin, "bun"));
    expect(blocks).toEqual([expect.objectContaining({ outcome: "ran", detail: "" })]);
    expect(code).toBe(0);
  });

  test("what this machine lacks is skipped by name, and fails where everything has to run", async () => {
    const page = block("sh", "true", "needs no-such-program");
    const lenient = await check(page);
    expect([lenient.code, lenient.summary]).toEqual([0, "0 blocks run, 0 by another step, 0 marked as not runnable, 0 drawings, 1 skipped"]);
    expect(lenient.blocks[0].detail).toBe("needs no-such-program, which is not installed");
    expect((await check(page, "--all")).code).toBe(1);
  });

  test.each([
    ["README.md", "connectedSocket.send(data)", "connectedSocket.sent(data)", /'sent' does not exist/],
    ["README.md", "// Hello World", "// Hello Wold", /shows\nHello Wold/],
    ["docs/api.md", "// 11 bytes there", "// 12 bytes there", /shows\n12 bytes there/],
    ["docs/tls.md", 'readFileSync("ca.pem")', 'readFileSync("cert.pem")', /ERR_TLS_/],
  ])("finds a mistake in %s: %s", async (page, words, mistake, detail) => {
    const text = readFileSync(path.join(ROOT, page), "utf8");
    const at = text.indexOf(words);
    expect(at).toBeGreaterThan(0);
    // The block, with the one that it serves or is served by.
    const from = text.lastIndexOf("<!-- run:", at);
    const [comment] = text.slice(from).split("\n", 1);
    // Ports of its own: the pages may be checked meanwhile.
    const scene = text.slice(from).replaceAll("6789", "6792").replaceAll("6790", "6793").split("\n```\n").slice(0, comment.includes("next block") ? 2 : 1);
    const { code, blocks } = await check(`${scene.join("\n```\n").replace(words, mistake)}\n\`\`\`\n`);
    expect(code).toBe(1);
    expect(blocks.map((block) => block.detail).join("\n")).toMatch(detail);
  });
});
