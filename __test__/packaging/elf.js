"use strict";

// Reads of a little-endian ELF file what a packaging test asks; no binutils needed, and so any Linux binary can be looked at on any
// system.

const PT = { LOAD: 1, DYNAMIC: 2, GNU_STACK: 0x6474e551, GNU_RELRO: 0x6474e552 };
const DT = { NEEDED: 1n, STRTAB: 5n, BIND_NOW: 24n, FLAGS: 30n, FLAGS_1: 0x6ffffffbn, VERNEED: 0x6ffffffen, VERNEEDNUM: 0x6fffffffn };
const DF_BIND_NOW = 8n;
const DF_1_NOW = 1n;
const PF_X = 1;
const SHT_SYMTAB = 2;

/**
 * Where a file for 64-bit processors has what is read here, and one for 32-bit processors: in the ELF header the place of each table, and the
 * size and the count of its rows; then the members of a row.
 */
const LAYOUTS = {
  2: { segments: [32, 54, 56], sections: [40, 58, 60], segment: { flags: 4, offset: 8, address: 16, size: 32 }, word: 8 },
  1: { segments: [28, 42, 44], sections: [32, 46, 48], segment: { flags: 24, offset: 4, address: 8, size: 16 }, word: 4 },
};

/**
 * @param {Buffer} file
 * @returns {{ relro: boolean, bindNow: boolean, executableStack: boolean, stripped: boolean, libraries: string[],
 *   versions: string[] }} `libraries`: what it needs; `versions`: the symbol versions that it needs of them
 */
function readElf(file) {
  const layout = LAYOUTS[file[4]];
  if (file.toString("latin1", 0, 4) !== "\x7fELF" || layout === undefined || file[5] !== 1) throw new Error("not a little-endian ELF file");
  const word = (at) => (layout.word === 8 ? Number(file.readBigUInt64LE(at)) : file.readUInt32LE(at));
  const segments = table(file, layout.segments, word, (at) => ({
    type: file.readUInt32LE(at),
    flags: file.readUInt32LE(at + layout.segment.flags),
    offset: word(at + layout.segment.offset),
    address: word(at + layout.segment.address),
    size: word(at + layout.segment.size),
  }));
  const sections = table(file, layout.sections, word, (at) => file.readUInt32LE(at + 4));

  const of = (type) => segments.find((segment) => segment.type === type);
  const dynamic = readDynamic(file, of(PT.DYNAMIC), layout.word);
  const value = (tag) => dynamic.find((entry) => entry.tag === tag)?.value;
  const inFile = (address) => {
    const { address: start, offset } = segments.find(
      (each) => each.type === PT.LOAD && address >= each.address && address < each.address + each.size,
    );
    return address - start + offset;
  };
  const strings = inFile(Number(value(DT.STRTAB)));
  const string = (index) => file.toString("latin1", strings + index, file.indexOf(0, strings + index));

  return {
    relro: of(PT.GNU_RELRO) !== undefined,
    bindNow:
      value(DT.BIND_NOW) !== undefined ||
      ((value(DT.FLAGS) ?? 0n) & DF_BIND_NOW) !== 0n ||
      ((value(DT.FLAGS_1) ?? 0n) & DF_1_NOW) !== 0n,
    // Without the header the kernel takes the stack for an executable one.
    executableStack: ((of(PT.GNU_STACK)?.flags ?? PF_X) & PF_X) !== 0,
    stripped: !sections.includes(SHT_SYMTAB),
    libraries: dynamic.filter(({ tag }) => tag === DT.NEEDED).map((entry) => string(Number(entry.value))),
    versions: [...readVersions(file, value(DT.VERNEED) && inFile(Number(value(DT.VERNEED))), Number(value(DT.VERNEEDNUM) ?? 0), string)],
  };
}

/** The rows of the program or section header table, whose place, row size and row count the ELF header tells. */
function table(file, [placeAt, sizeAt, countAt], word, row) {
  const place = word(placeAt);
  const size = file.readUInt16LE(sizeAt);
  return Array.from({ length: file.readUInt16LE(countAt) }, (_, index) => row(place + index * size));
}

/** The entries of the dynamic section: a tag and a value, each one word. */
function readDynamic(file, { offset, size }, word) {
  const entries = [];
  for (let at = offset; at < offset + size; at += 2 * word) {
    if (word === 8) entries.push({ tag: file.readBigInt64LE(at), value: file.readBigUInt64LE(at + 8) });
    else entries.push({ tag: BigInt(file.readInt32LE(at)), value: BigInt(file.readUInt32LE(at + 4)) });
  }
  return entries;
}

/** The names in the version-needed list: a chain of libraries, each with a chain of versions. */
function readVersions(file, start, libraries, string) {
  const names = new Set();
  for (let library = 0, at = start; library < libraries; library++, at += file.readUInt32LE(at + 12)) {
    const versions = file.readUInt16LE(at + 2);
    for (let version = 0, aux = at + file.readUInt32LE(at + 8); version < versions; version++, aux += file.readUInt32LE(aux + 12)) {
      names.add(string(file.readUInt32LE(aux + 8)));
    }
  }
  return names;
}

/**
 * The highest of versions such as "GLIBC_2.28", as [2, 28]; [0, 0] where there is none.
 *
 * @param {string[]} versions
 */
function highestGlibc(versions) {
  return versions
    .map((name) => /^GLIBC_(\d+)\.(\d+)/.exec(name))
    .filter(Boolean)
    .map(([, major, minor]) => [Number(major), Number(minor)])
    .reduce((a, b) => (b[0] - a[0] || b[1] - a[1]) > 0 ? b : a, [0, 0]);
}

module.exports = { highestGlibc, readElf };
