//! What the C library does with memory that engines give back.

use std::env;
use std::hint::black_box;
use std::sync::Once;

/// The variable of the environment that leaves the C library as it is, and the value with which it does.
const SWITCH: &str = "TCP_UDP_SOCKETS_HEAP";
const OFF: &str = "off";

/// Bytes of the allocation that glibc learns from. The largest that it learns from is 32 MiB.
const LESSON: usize = 24 * 1024 * 1024;

/// Makes the C library keep the memory that dead messages leave, for the whole process and once. Otherwise it gives that memory back to
/// the system, and each page of the next messages costs a fault.
///
/// An engine frees many ArrayBuffers at a time: some 32 MiB of large blocks in Node, the small messages of 256 connections in Bun.
/// glibc then returns the end of its heap to the system. The faults were half of what a megabyte from 8 connections cost, and a sixth
/// of a small message. When a program frees its first large allocation, glibc learns from it: from then on it keeps twice that size.
/// The allocation here is never touched, so it takes no memory. MALLOC_TRIM_THRESHOLD_ stays in force where the user has set it. Other
/// allocators are not affected. TCP_UDP_SOCKETS_HEAP=off leaves glibc's policy as it is.
pub fn keep_heap() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if env::var_os(SWITCH).is_some_and(|value| value == OFF) {
            return;
        }
        let mut lesson = Vec::<u8>::new();
        // Where there is no room for it, glibc's policy stays as it is.
        let _ = lesson.try_reserve_exact(LESSON);
        drop(black_box(lesson));
    });
}
