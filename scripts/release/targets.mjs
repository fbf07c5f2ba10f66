// Where each platform's binary is built and tested for a release. A further platform is a line here, one in TRIPLES (scripts/build.mjs), a
// folder in npm/ and a require() in lib/load-binding.js.

/**
 * @typedef {object} Target
 * @property {string} runner the label of GitHub's machine that builds the binary, and tests it where `tested` is true
 * @property {"native" | "zig" | "ndk"} by what links: the system's own compiler, zig (any Linux C library, and FreeBSD's), or Android's NDK
 * @property {string} [glibc] the oldest glibc that the binary must load with, for zig
 * @property {boolean} tested whether the machine can run the binary. Without that, the package is called untested
 */

/** The oldest glibc that binaries need. Debian 10 and RHEL 8 have it. */
const GLIBC = "2.28";

/** By the names of the folders in npm/. @type {Record<string, Target>} */
export const TARGETS = {
  "android-arm64": { runner: "ubuntu-24.04", by: "ndk", tested: false },
  "darwin-arm64": { runner: "macos-15", by: "native", tested: true },
  "darwin-x64": { runner: "macos-15-intel", by: "native", tested: true },
  "freebsd-x64": { runner: "ubuntu-24.04", by: "zig", tested: false },
  "linux-arm-gnueabihf": { runner: "ubuntu-24.04", by: "zig", glibc: GLIBC, tested: false },
  "linux-arm64-gnu": { runner: "ubuntu-24.04-arm", by: "zig", glibc: GLIBC, tested: true },
  "linux-arm64-musl": { runner: "ubuntu-24.04-arm", by: "zig", tested: true },
  "linux-riscv64-gnu": { runner: "ubuntu-24.04", by: "zig", glibc: GLIBC, tested: false },
  "linux-x64-gnu": { runner: "ubuntu-24.04", by: "zig", glibc: GLIBC, tested: true },
  "linux-x64-musl": { runner: "ubuntu-24.04", by: "zig", tested: true },
  "win32-arm64-msvc": { runner: "windows-11-arm", by: "native", tested: true },
  "win32-x64-msvc": { runner: "windows-2025", by: "native", tested: true },
};

/** The target of a platform; throws if it is unknown. @param {string | undefined} platform */
export function target(platform) {
  if (platform !== undefined && Object.hasOwn(TARGETS, platform)) return TARGETS[platform];
  throw new Error(`unknown platform ${platform}; known are ${Object.keys(TARGETS).join(", ")}`);
}
