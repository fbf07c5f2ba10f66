"use strict";

// What a built binary promises to the systems that load it, for each that lies in the repository's root.
// TCP_UDP_SOCKETS_GLIBC names the newest glibc that it may need: a release sets it.

const { readFileSync, readdirSync } = require("node:fs");
const path = require("node:path");
const process = require("node:process");
const { highestGlibc, readElf } = require("./elf");

const MAX_SIZE = 4 << 20; // bytes
/** How much larger a binary may be than the size that docs/platforms.md records. */
const GROWTH = 1.05;
/** Those of Linux, and those of FreeBSD and Android. */
const LIBRARIES =
  /^(libc|libm|libdl|libpthread|librt|libgcc_s|ld-linux-(x86-64|aarch64|armhf|riscv64-lp64d)|libc\.musl-\w+|libthr|libexecinfo|libkvm|libmemstat|libprocstat|libdevstat|libutil|liblog)\.so/;

const root = path.join(__dirname, "..", "..");
const binaries = readdirSync(root).filter((name) => /^tcp-udp-sockets\..*\.node$/.test(name));

/** The recorded sizes in bytes, by platform; NaN where none is recorded. */
const sizes = new Map(
  [...readFileSync(path.join(root, "docs", "platforms.md"), "utf8").matchAll(/^\| `([\w-]+)` \| ([\d,]+|–) \|$/gm)].map(([, platform, size]) => {
    return [platform, Number(size.replaceAll(",", ""))];
  }),
);

test("docs/platforms.md has a line for the size of each platform's binary, all under 4 MB", () => {
  expect([...sizes.keys()]).toEqual(readdirSync(path.join(root, "npm")).sort());
  const measured = [...sizes.values()].filter((size) => !Number.isNaN(size));
  expect(measured.length).toBeGreaterThan(0);
  for (const size of measured) expect(size).toBeLessThan(MAX_SIZE);
});

test("there is a binary", () => {
  expect(binaries).not.toEqual([]);
});

for (const name of binaries) {
  const bytes = readFileSync(path.join(root, name));
  const elf = bytes.toString("latin1", 1, 4) === "ELF" ? readElf(bytes) : undefined;
  const glibc = elf && highestGlibc(elf.versions);

  describe(`${name}: ${bytes.length} bytes${elf ? `, needs glibc ${glibc.join(".")}` : ""}`, () => {
    // `npm run build:debug` leaves symbols in.
    const release = elf === undefined || elf.stripped;

    (release ? test : test.skip)("is under 4 MB", () => {
      expect(bytes.length).toBeLessThan(MAX_SIZE);
    });

    const recorded = sizes.get(name.split(".")[1]);
    (release && recorded > 0 ? test : test.skip)(`is at most 5 % larger than the recorded size, ${recorded}`, () => {
      expect(bytes.length).toBeLessThan(recorded * GROWTH);
    });

    if (elf === undefined) return;

    test("has read-only relocations, all made when it is loaded", () => {
      expect(elf).toMatchObject({ relro: true, bindNow: true });
    });

    test("asks for no executable stack", () => {
      expect(elf.executableStack).toBe(false);
    });

    test("needs the C library and its parts, and nothing else", () => {
      for (const library of elf.libraries) {
        expect(library).toMatch(LIBRARIES);
      }
    });

    test("needs no newer glibc than the one that it is for", () => {
      const most = process.env.TCP_UDP_SOCKETS_GLIBC ?? ownGlibc();
      const [major, minor] = most.split(".").map(Number);
      expect(glibc[0] * 1000 + glibc[1]).toBeLessThanOrEqual(major * 1000 + minor);
    });
  });
}

/** The version of the glibc that this process runs on. */
function ownGlibc() {
  process.report.excludeNetwork = true;
  return process.report.getReport().header.glibcVersionRuntime ?? "0.0";
}
