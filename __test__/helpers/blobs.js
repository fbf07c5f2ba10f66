"use strict";

const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

/** A Blob that reports `size` bytes, and whose bytes can no longer be read. */
async function unreadableBlob(size) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tcp-blob-"));
  const file = path.join(folder, "short-lived");
  try {
    fs.writeFileSync(file, Buffer.alloc(size, "x"));
    const blob = await fs.openAsBlob(file);
    fs.unlinkSync(file);
    await expect(blob.arrayBuffer()).rejects.toThrow();
    expect(blob.size).toBe(size);
    return blob;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

module.exports = { unreadableBlob };
