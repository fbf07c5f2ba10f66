// The wake sources of this platform, under each of which the tests run.

import process from "node:process";

/** uv works in Node on Unix, tokio (its one-shot watch) on Linux, and thread everywhere. */
export const WAKE_SOURCES = { linux: ["uv", "tokio", "thread"], win32: ["thread"] }[process.platform] ?? ["uv", "thread"];
