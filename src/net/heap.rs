//! What the C library does with memory that engines give back.

use std::hint::black_box;
use std::sync::Once;

/// Has the C library keep the memory that dead messages leave, instead of giving it back and having it faulted in again.
///
/// An engine lets many ArrayBuffers die at a time: some 32 MiB of large blocks in Node, the small messages of 256 connections in
/// Bun. glibc then returns the end of its heap to the system, and each page of the next ones costs a fault: half of what a megabyte
/// from 8 connections cost, and a sixth of a small message. It learns from the first large allocation that is freed that this
/// program does such things, and keeps twice its size from then on; the largest that it learns from is 32 MiB. This one is never
/// touched, so it takes no memory. What the user has set (MALLOC_TRIM_THRESHOLD_) stays in force; for other allocators it means
/// nothing.
pub fn keep_heap() {
    const LESSON: usize = 24 * 1024 * 1024;
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let mut lesson = Vec::<u8>::new();
        // Where there is no room for it, nothing is learnt.
        let _ = lesson.try_reserve_exact(LESSON);
        drop(black_box(lesson));
    });
}
