"use strict";

// lib/, src/, docs/binding.md and index.d.ts say the same of the seam between them, and of the options' defaults: a change in one place
// alone fails here. Each alteration below is such a change.

const { all, differences, disagreements } = require("./compare.js");
const { readTexts } = require("./reading.js");

const texts = readTexts();

test("all say the same", () => {
  expect(disagreements(texts)).toEqual([]);
});

/** What a side reads. */
const READ = {
  "src/": ["src", "seam"],
  "src/binding's BLOCK": ["src", "seam"],
  "src/net's READ_SIZE": ["src"],
  "src/ and lib/": ["src", "seam", "lib"],
  "lib/": ["lib"],
  "docs/binding.md": ["binding"],
  "index.d.ts": ["types"],
  "README.md, docs/tls.md": ["readme", "tls"],
};

/** What is altered, for each item and side: a pattern in its texts, and what stands there instead. $1 is what the pattern keeps. */
const alterations = [
  ["eventKinds", "src/", /(EventKind::Message\(_\) => )2,/, "$13,"],
  ["eventKinds", "src/", /EventKind::Timer => 49,/, ""],
  ["eventKinds", "src/", /(EventKind::Timer => 49,)/, "$1 EventKind::Another => 50,"],
  ["eventKinds", "lib/", /(\bUDP_DRAIN: )18,/, "$121,"],
  ["eventKinds", "lib/", /\bSERVER_ERROR: 34,/, ""],
  ["eventKinds", "docs/binding.md", /^\| 5 \| stream error/m, "| 25 | stream error"],
  ["eventKinds", "docs/binding.md", /^\| 8 \| stream startTls.*\n/m, ""],
  ["eventNumbers", "src/", /(\bconst LAST: u32 = )64;/, "$1256;"],
  ["eventNumbers", "src/", /(\bconst PACKED: u32 = )128;/, "$11 << 9;"],
  ["eventNumbers", "src/", /(\bconst BATCH: u32 = )256;/, "$1512;"],
  ["eventNumbers", "src/", /(\bconst SHORT_DATAGRAM: usize = )64;/, "$1128;"],
  ["eventNumbers", "src/", /(\bconst DATAGRAM_BATCH: usize = )32;/, "$164;"],
  ["eventNumbers", "src/", /(\bconst NO_EVENT: [^=]*= \[0, )u32::MAX,/, "$10,"],
  ["eventNumbers", "src/", /(\bconst SLOTS: usize = )5;/, "$16;"],
  ["eventNumbers", "lib/", /(\bconst LAST = )64;/, "$1256;"],
  ["eventNumbers", "lib/", /(\bconst PACKED = )128;/, "$1512;"],
  ["eventNumbers", "lib/", /(\bconst BATCH = )256;/, "$1512;"],
  ["eventNumbers", "lib/", /(\bconst SHORT_DATAGRAM = )64;/, "$1128;"],
  ["eventNumbers", "lib/", /(\bconst DATAGRAM_BATCH = )32;/, "$164;"],
  ["eventNumbers", "lib/", /(\bconst NO\w+ = )0xffffffff;/, "$10xfffffff;"],
  ["eventNumbers", "lib/", /\bslots\[4\]/, "slots[5]"],
  ["eventNumbers", "docs/binding.md", /`\| 64` \(LAST\)/, "`| 256` (LAST)"],
  ["eventNumbers", "docs/binding.md", /`\| 128` \(PACKED\)/, "`| 512` (PACKED)"],
  ["eventNumbers", "docs/binding.md", /`\| 256` \(BATCH\)/, "`| 512` (BATCH)"],
  ["eventNumbers", "docs/binding.md", /at most 64 bytes that/, "at most 128 bytes that"],
  ["eventNumbers", "docs/binding.md", /\(at most 32\)/, "(at most 64)"],
  ["eventNumbers", "docs/binding.md", /\(0xffffffff:/, "(0:"],
  ["eventNumbers", "docs/binding.md", /a Uint32Array of 5/, "a Uint32Array of 6"],
  ["readyStates", "src/", /(^ +Closing = )2,/m, "$15,"],
  ["readyStates", "lib/", /"closing", "closed"/, '"closed", "closing"'],
  ["readyStates", "docs/binding.md", /1 open, 2 closing/, "2 open, 1 closing"],
  ["readyStateNames", "lib/", /"halfclosed"(?=\])/, '"half-closed"'],
  ["readyStateNames", "index.d.ts", /( ReadyState = .*)"halfclosed"/, '$1"half-closed"'],
  ["intake", "src/", /1 => Intake::Held/, "2 => Intake::Held"],
  ["intake", "lib/", /HELD: 1, DROPPED: 2/, "HELD: 2, DROPPED: 1"],
  ["intake", "docs/binding.md", /\b1: (it|the\s+stream) holds/, "3: $1 holds"],
  ["returnCodes", "src/", /(Sent::\w+\(\w+\)+ => )i32::from\(\w+\),/, "$11,"],
  ["returnCodes", "src/", /(UdpSent::Ended\)\) => .*)\b(2|ENDED)\)/, "$13)"],
  ["returnCodes", "lib/", /(=== )0(\) \{\s*record\.isDrainDue)/, "$13$2"],
  ["returnCodes", "lib/", /(=== )1(\) \{\s*return true)/, "$13$2"],
  ["returnCodes", "lib/", /(return (?:taken|result) === )1;/, "$13;"],
  ["returnCodes", "lib/", /(=== )2(\) \{\s*\/\/ "Buffer)/, "$13$2"],
  ["returnCodes", "docs/binding.md", /\b2(:? .{0,20}false,? and the socket)/, "3$1"],
  ["returnCodes", "docs/binding.md", /→ 1\b/, "→ 4"],
  ["notOpen", "src/", /(\bconst NOT_OPEN: i32 = )-1;/, "$1-2;"],
  ["notOpen", "docs/binding.md", /-1(:? InvalidStateError)/, "-2$1"],
  ["listenBits", "src/", /(\.listen\([^;]*?& )(\w+)( != 0, \w+ & )(\w+)/, "$1$4$3$2"],
  ["listenBits", "src/", /(if \w+ & )\w+( != 0 \{\s*net\.report_end)/, "$18$2"],
  ["listenBits", "lib/", /\["message", 1\]/, '["message", 8]'],
  ["listenBits", "lib/", /\["connect", 1\]/, '["connect", 8]'],
  ["listenBits", "lib/", /\["halfclose", 2\]/, '["halfclose", 8]'],
  ["listenBits", "lib/", /(\bconst INCOMING = )1;/, "$18;"],
  ["listenBits", "lib/", /(\bconst HALFCLOSE = )2;/, "$18;"],
  ["listenBits", "lib/", /(\bconst END = )4;/, "$18;"],
  ["listenBits", "docs/binding.md", /\b1: `message`/, "8: `message`"],
  ["listenBits", "docs/binding.md", /\b2: `halfclose`/, "8: `halfclose`"],
  ["listenBits", "docs/binding.md", /\b4:(\s+from\s+now)/, "8:$1"],
  ["block", "src/binding's BLOCK", /(\bconst BLOCK: usize = )[^;]*;/, "$132 * 1024;"],
  ["block", "src/net's READ_SIZE", /(\bconst READ_SIZE: usize = )[^;]*;/, "$1128 * 1024;"],
  ["block", "lib/", /(\bconst BYTES_HELD = )[^;]*;/, "$132 * 1024;"],
  ["scratch", "src/", /(\bconst SCRATCH\w*: usize = )[^;]*;/, "$18 * 1024;"],
  ["scratch", "docs/binding.md", /(a Uint8Array (?:of |\())16 KiB/, "$18 KiB"],
  ["shortStrings", "src/ and lib/", /(\bconst SCRATCH\w*: usize = )[^;]*;/, "$14 * 1024;"],
  ["shortStrings", "src/ and lib/", /Math\.floor\(8192 \/ 3\)/, "Math.floor(32768 / 3)"],
  ["blobPiece", "lib/", /(\bconst PIECE_BYTES = )[^;]*;/, "$164 * 1024;"],
  ["blobPiece", "docs/binding.md", /(up to|at most) 256 KiB/, "$1 64 KiB"],
  ["startTls", "src/", /(\bconst START_TLS\w*: u32 = )10_000;/, "$120_000;"],
  ["startTls", "docs/binding.md", /undefined: 10,000;/, "undefined: 20,000;"],
  ["startTls", "index.d.ts", /\(startTls\(\): 10 s\)/, "(startTls(): 20 s)"],
  ["giveBackReasons", "src/", /1 => GiveBack::Released/, "2 => GiveBack::Released"],
  ["giveBackReasons", "lib/", /EXCESS: 0, RELEASED: 1/, "EXCESS: 1, RELEASED: 0"],
  ["giveBackReasons", "docs/binding.md", /\b2, as 1, and/, "4, as 1, and"],
  ["featureOrder", "src/", /(features\.reuse_port,\s+)(features\.udp_segmentation,)/, "$2 $1"],
  ["featureOrder", "lib/", /("packetInfo",\s+)("networkInterface",)/, "$2 $1"],
  ["statsOrder", "src/", /number\(stats\.min_rtt\),/, ""],
  ["statsOrder", "lib/", /"minRtt", "estimatedSendRate"/, '"estimatedSendRate", "minRtt"'],
  ["statsOrder", "index.d.ts", /( +retransmits: number \| null;)/, "  lost: number | null;\n$1"],
  ["syscallPhrases", "src/", /"sendto"(?=,\n)/, '"sendmsg"'],
  ["syscallPhrases", "lib/", /^ +kqueue: .*\n/m, ""],
  ["transferCalls", "src/", /(\(Self::Read, CallNames::Windows\) => )"recv"/, '$1"WSARecv"'],
  ["transferCalls", "lib/", /(\bTRANSFERS = new Set\(\["read", )"recv", /, "$1"],
  ["connectLimits", "src/", /(DEFAULT_HANDSHAKE_LIMIT: Duration = Duration::from_secs\()120/, "$160"],
  ["connectLimits", "src/", /(FULL_BACKLOG_LIMIT: Duration = Duration::from_secs\()120/, "$160"],
  ["connectLimits", "lib/", /(\bconst HANDSHAKE_TIMEOUT = )120_000;/, "$160_000;"],
  ["connectLimits", "docs/binding.md", /over, 120 s where/, "over, 60 s where"],
  ["connectLimits", "index.d.ts", /120 s while the backlog/, "60 s while the backlog"],
  ["functions", "src/", /"reset" => .*\n/, ""],
  ["functions", "lib/", / \* @property .* reset\n/, ""],
  ["functions", "docs/binding.md", /`reset\(id\)`/, "`restart(id)`"],
  ["failures", "src/", /("readyState" => .*, )Panicked::.*;/, "$1Panicked::Failure;"],
  ["failures", "lib/", /(@property .*)Failure \| undefined\} relay/, "$1undefined} relay"],
  ["failureMembers", "src/", /failure, c"syscall"/, 'failure, c"call"'],
  ["failureMembers", "lib/", /@property \{string\} \[syscall\]/, "@property {string} [call]"],
  ["failureMembers", "docs/binding.md", /\{ name, code, syscall/, "{ name, code, call"],
  ["panics", "src/", /("readyState" => .*, )Panicked::.*;/, "$1Panicked::Number(0);"],
  ["panics", "src/", /("sendBlob" => .*, )Panicked::.*;/, "$1Panicked::Number(0);"],
  ["panics", "docs/binding.md", /`close` false/, "`close` true"],
  ["panics", "docs/binding.md", /a send -1/, "a send 0"],
  ["wakeSources", "src/", /"thread" => Some/, '"threads" => Some'],
  ["wakeSources", "lib/", /"thread"(?=\} Wake)/, '"threads"'],
  ["wakeSources", "docs/binding.md", /(options\.wake`.*)`"thread"`/, '$1`"threads"`'],
  ["optionNames", "lib/", /^ +closeTimeout: to.*\n/m, ""],
  ["optionNames", "index.d.ts", /^ +backlog\?: .*\n/m, ""],
  ["nativeOptionNames", "src/", /c"keepAliveDelay"/, 'c"keepAlive"'],
  ["nativeOptionNames", "lib/", /^ +keepAliveDelay: to.*\n/m, ""],
  ["nativeOptionNames", "docs/binding.md", /keepAliveDelay, /, ""],
  ["defaults", "index.d.ts", /Default: 30000\./, "Default: 60000."],
  ["defaults", "index.d.ts", /(Default: )true(\.\s+\*\/\s+rejectUnauthorized)/, "$1false$2"],
  ["defaults", "src/", /(c"closeTimeout"\)\.unwrap_or\()\w+\)/, "$160_000)"],
  ["defaults", "src/", /(c"highWaterMark"\)\.unwrap_or\()[^)]+\)/, "$132 * 1024)"],
  ["defaults", "src/", /(c"backlog"\)\.unwrap_or\()\w+\)/, "$1128)"],
  ["defaults", "src/", /(c"rejectUnauthorized"\)\.unwrap_or\()true\)/, "$1false)"],
  ["defaults", "src/", /c"handshakeTimeout"\)\.unwrap_or\(\w+\)/, 'c"handshakeTimeout")'],
  ["defaults", "src/", /(set\("noDelay", [\w.]+, )true/, "$1false"],
  ["defaults", "src/", /(set\("loopback", [\w.]+, )false/, "$1true"],
  ["defaults", "lib/", /addressReuse = true/, "addressReuse = false"],
  ["defaults", "lib/", /\?\? "off"/, '?? "on"'],
  ["defaults", "lib/", /(\bconst ATTEMPT_DELAY = )250;/, "$1300;"],
  ["defaults", "README.md, docs/tls.md", /\| 30,000 ms \|/, "| 60,000 ms |"],
  ["defaults", "README.md, docs/tls.md", /the system's, 1 \|/, "the system's, 2 |"],
  ["defaults", "README.md, docs/tls.md", /(`rejectUnauthorized` \| both \| )`true`/, "$1`false`"],
];

test.each(alterations)("%s: an alteration in %s alone fails: %s", (title, side, from, to) => {
  const altered = { ...texts };
  let count = 0;
  for (const key of READ[side]) {
    altered[key] = texts[key].replace(from, to);
    if (altered[key] !== texts[key]) count += 1;
  }
  expect(count).toBeGreaterThan(0);
  expect(differences(title, all[title], altered)).not.toEqual([]);
});

test("each item is altered on each side", () => {
  const wanted = Object.entries(all).flatMap(([title, { sides }]) => Object.keys(sides).map((side) => `${title}: ${side}`));
  const altered = new Set(alterations.map(([title, side]) => `${title}: ${side}`));
  // What no file says, and what a page need not say.
  const left = ["shortStrings: the rule", "defaults: systems", "defaults: docs/binding.md"];
  expect(wanted.filter((each) => !altered.has(each) && !left.includes(each))).toEqual([]);
});

test("what nobody says any more is a difference too", () => {
  const nothing = Object.fromEntries(Object.keys(texts).map((key) => [key, ""]));
  const noticed = new Set(disagreements(nothing).map((sentence) => sentence.split(":")[0]));
  expect([...noticed].sort()).toEqual(Object.keys(all).sort());
});
