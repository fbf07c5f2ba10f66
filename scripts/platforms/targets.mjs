// The systems that are checked from this one, by Rust's names.

/**
 * How a target is compiled for.
 *
 * @typedef {object} Target
 * @property {string} zig zig's name of the target, for the C parts of dependencies
 * @property {Record<string, string>} [env] variables that build scripts need
 * @property {string[]} [allow] lints that report what is not so on this target
 */

/** @type {Record<string, Target>} */
export const TARGETS = {
  "x86_64-pc-windows-gnu": {
    zig: "x86_64-windows-gnu",
    // Without thread-locals of the system's own, clippy does not see that an initializer is `const` already.
    allow: ["clippy::missing_const_for_thread_local"],
  },
  "aarch64-apple-darwin": {
    zig: "aarch64-macos-none",
    // Apple's SDK is not there, and ring's C needs none of it: zig brings the headers.
    env: { SDKROOT: "/" },
  },
  "x86_64-unknown-freebsd": { zig: "x86_64-freebsd" },
};
