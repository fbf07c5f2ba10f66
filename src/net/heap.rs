//! Makes the C library keep freed memory that it would otherwise return to the system.

use std::env;
use std::hint::black_box;
use std::sync::Once;

/// The environment variable that turns this off.
const SWITCH: &str = "TCP_UDP_SOCKETS_HEAP";
/// The value of the variable that turns this off.
const OFF: &str = "off";

/// The size in bytes of the allocation that glibc adapts to. glibc adapts to sizes up to 32 MiB.
const LESSON: usize = 24 * 1024 * 1024;

/// Makes the C library keep the memory that freed messages leave. This holds for the whole process and is done once. Otherwise the library
/// returns that memory to the system, and each page of the next messages costs a page fault.
///
/// An engine frees many ArrayBuffers at a time: about 32 MiB of large blocks in Node, the small messages of 256 connections in Bun. glibc
/// then returns the end of its heap to the system. The page faults that follow were half of the cost of a megabyte from 8 connections, and
/// a sixth of the cost of a small message. But when a program frees its first large allocation, glibc adapts: from then on it keeps twice
/// that size. The allocation here is never touched, so it takes no memory. If the user has set MALLOC_TRIM_THRESHOLD_, it stays in force.
/// Other allocators are not affected. TCP_UDP_SOCKETS_HEAP=off leaves glibc's policy unchanged.
pub fn keep_heap() {
    /// Done by the first call in this process.
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if env::var_os(SWITCH).is_some_and(|value| value == OFF) {
            return;
        }
        let mut lesson = Vec::<u8>::new();
        // If the allocation fails, glibc's policy stays unchanged.
        let _ = lesson.try_reserve_exact(LESSON);
        drop(black_box(lesson));
    });
}
