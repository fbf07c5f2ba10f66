// The systems that are checked from this one, by Rust's names.

/**
 * How to compile for a target.
 *
 * @typedef {object} Target
 * @property {string} zig zig's name of the target, for the C parts of dependencies
 * @property {string} [archiver] zig's archiver with the arguments that the cc crate uses for the target; by default "ar"
 * @property {Record<string, string>} [env] variables that build scripts need
 * @property {string[]} [allow] lints whose reports are wrong for this target
 * @property {string} [rustflags] flags of rustc
 */

/** Apple's SDK is not installed. The C code of ring does not need it, because zig has the headers. */
const APPLE = { SDKROOT: "/" };

/** Targets without native thread-locals. There clippy does not recognise that an initializer is `const` already. */
const WITHOUT_THREAD_LOCALS = ["clippy::missing_const_for_thread_local"];

/** @type {Record<string, Target>} */
export const TARGETS = {
  "x86_64-pc-windows-gnu": { zig: "x86_64-windows-gnu", allow: WITHOUT_THREAD_LOCALS },
  // Microsoft's headers and libraries are not installed. Clippy does not link, and the C code of ring also compiles with MinGW's headers.
  "x86_64-pc-windows-msvc": { zig: "x86_64-windows-gnu", archiver: "lib" },
  "aarch64-pc-windows-msvc": { zig: "aarch64-windows-gnu", archiver: "lib" },
  "aarch64-apple-darwin": { zig: "aarch64-macos-none", env: APPLE },
  "x86_64-apple-darwin": { zig: "x86_64-macos-none", env: APPLE },
  "x86_64-unknown-freebsd": { zig: "x86_64-freebsd" },
  "aarch64-unknown-linux-gnu": { zig: "aarch64-linux-gnu.2.28" },
  "armv7-unknown-linux-gnueabihf": { zig: "arm-linux-gnueabihf.2.28" },
  "riscv64gc-unknown-linux-gnu": { zig: "riscv64-linux-gnu.2.28" },
  // Android's headers are not installed. Clippy does not link, and the C code of ring also compiles with musl's headers.
  "aarch64-linux-android": { zig: "aarch64-linux-musl", allow: WITHOUT_THREAD_LOCALS },
  // Node loads the addon, so it cannot contain a libc of its own.
  "x86_64-unknown-linux-musl": { zig: "x86_64-linux-musl", rustflags: "-Ctarget-feature=-crt-static" },
};
