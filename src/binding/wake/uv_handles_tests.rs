//! Tests with a fake libuv: it fails at a chosen call, and closes handles when the test says so.

use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use super::super::busy_poll::Costs;
use super::*;

/// The state of the fake libuv.
#[derive(Default)]
struct Uv {
    /// Which call fails, counted from 0 among the calls that can fail. `None`: no call fails.
    fails: Option<usize>,
    /// How many calls there were that can fail.
    calls: usize,
    /// The data of each handle that is initialised and not yet closed.
    data: HashMap<usize, *mut c_void>,
    /// The handles that are being closed, each with its callback.
    closing: Vec<(Handle, UvCallback)>,
    /// The `uv_prepare` handle, once it is started.
    prepare: Option<(Handle, UvCallback)>,
    /// The `uv_poll` handle, once it is started.
    ready: Option<(Handle, UvPollCallback)>,
    /// Whether the `uv_idle` handle is started.
    is_idling: bool,
    /// For each handle, whether it keeps the loop alive.
    referenced: HashMap<usize, bool>,
}

thread_local! {
    /// The fake libuv of this test's thread.
    static UV: RefCell<Uv> = RefCell::default();
}

/// The size of a handle in bytes.
const SIZE: usize = 100;

/// The costs of a wake source.
const COSTS: Costs = Costs { limit: Duration::ZERO, wake_up: Duration::ZERO, first: 1 };

/// The status that the failing call returns.
const EMFILE: c_int = -24;

fn status() -> c_int {
    UV.with_borrow_mut(|uv| {
        uv.calls += 1;
        if uv.fails == Some(uv.calls - 1) { EMFILE } else { 0 }
    })
}

fn initialise(handle: Handle) -> c_int {
    // The real libuv also writes to the whole handle. So the first word of the handle is not the data.
    // SAFETY: `handle` points to memory that `Handles` has allocated with SIZE bytes, as `handle_size` says.
    unsafe { handle.cast::<u8>().write_bytes(0xee, SIZE) };
    let status = status();
    if status == 0 {
        UV.with_borrow_mut(|uv| {
            assert!(uv.data.insert(handle as usize, ptr::null_mut()).is_none());
            uv.referenced.insert(handle as usize, true);
        });
    }
    status
}

fn is_initialised(handle: Handle) -> bool {
    UV.with_borrow(|uv| uv.data.contains_key(&(handle as usize)))
}

extern "C" fn version() -> *const c_char {
    c"1.2.3".as_ptr()
}
extern "C" fn handle_size(_kind: c_int) -> usize {
    SIZE
}
extern "C" fn poll_init(_loop: *mut c_void, handle: Handle, _descriptor: c_int) -> c_int {
    initialise(handle)
}
extern "C" fn poll_start(handle: Handle, _events: c_int, callback: UvPollCallback) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.ready = Some((handle, callback)));
    status()
}
extern "C" fn other_init(_loop: *mut c_void, handle: Handle) -> c_int {
    initialise(handle)
}
extern "C" fn prepare_start(handle: Handle, callback: UvCallback) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.prepare = Some((handle, callback)));
    status()
}
extern "C" fn idle_start(handle: Handle, _callback: UvCallback) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.is_idling = true);
    0
}
extern "C" fn idle_stop(handle: Handle) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.is_idling = false);
    0
}
extern "C" fn reference(handle: Handle) {
    UV.with_borrow_mut(|uv| uv.referenced.insert(handle as usize, true));
}
extern "C" fn unreference(handle: Handle) {
    UV.with_borrow_mut(|uv| uv.referenced.insert(handle as usize, false));
}
extern "C" fn close(handle: Handle, callback: Option<UvCallback>) {
    assert!(is_initialised(handle), "what was not initialised cannot be closed");
    UV.with_borrow_mut(|uv| {
        assert!(uv.closing.iter().all(|(other, _)| *other != handle), "closed twice");
        uv.closing.push((handle, callback.unwrap()));
    });
}
extern "C" fn set_data(handle: Handle, data: *mut c_void) {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.data.insert(handle as usize, data));
}
extern "C" fn data(handle: Handle) -> *mut c_void {
    UV.with_borrow(|uv| uv.data[&(handle as usize)])
}

extern "C" fn backend_timeout(_loop: *const c_void) -> c_int {
    UV.with_borrow(|uv| if uv.is_idling { 0 } else { -1 })
}

fn library() -> &'static Library {
    let fake = || {
        Some(Library {
            version,
            handle_size,
            poll_init,
            poll_start,
            prepare_init: other_init,
            prepare_start,
            idle_init: other_init,
            idle_start,
            idle_stop,
            reference,
            unreference,
            close,
            backend_timeout,
            set_data,
            data,
        })
    };
    LIBRARY.get_or_init(fake).as_ref().unwrap()
}

/// The owner of the handles.
#[derive(Default)]
struct Owner {
    /// The callbacks that were called, in order.
    called: RefCell<Vec<&'static str>>,
}

fn owner(handles: &Handles) -> &Owner {
    // SAFETY: `start` below has set `owner` to the address of an `Owner`. Each test keeps that `Owner` longer than the handles.
    unsafe { &*handles.owner.cast() }
}

fn start(owned_by: &Owner, fails: Option<usize>) -> io::Result<*mut Handles> {
    UV.set(Uv { fails, ..Uv::default() });
    let callbacks = Callbacks {
        ready: |handles| owner(handles).called.borrow_mut().push("ready"),
        prepare: |handles| owner(handles).called.borrow_mut().push("prepare"),
    };
    // SAFETY: the fake libuv does not use its loop. The callbacks cast the owner to an `Owner`. It is `owned_by`, which outlives the
    // handles.
    unsafe {
        Handles::start(
            library(),
            ptr::null_mut(),
            7,
            ptr::from_ref(owned_by).cast(),
            callbacks,
            BusyPoll::new(COSTS, None),
        )
    }
}

/// One iteration of the loop: it closes the handles for which close() was called, and calls their callbacks.
fn go_round() {
    let closing = UV.with_borrow_mut(|uv| std::mem::take(&mut uv.closing));
    for (handle, callback) in closing {
        // The real libuv also reads and writes a handle until it calls the callback.
        // SAFETY: the memory has SIZE bytes, and must be valid until the callback has run, which is what the test checks. The callback was
        // passed to close() together with this handle.
        unsafe {
            handle.cast::<u8>().write_bytes(0xdd, SIZE);
            callback(handle);
        }
        UV.with_borrow_mut(|uv| uv.data.remove(&(handle as usize)));
    }
}

#[test]
fn each_failure_is_returned_and_undoes_what_was_done() {
    let owned_by = Owner::default();
    // Three handles are initialised, two are started.
    for step in 0..5 {
        let error = start(&owned_by, Some(step)).err().unwrap();
        assert_eq!(error.raw_os_error(), Some(-EMFILE));
        let closing = UV.with_borrow(|uv| uv.closing.len());
        assert_eq!(closing, step.min(3), "what was initialised is being closed, and nothing else");
        go_round();
        assert!(UV.with_borrow(|uv| uv.data.is_empty()));
    }
}

#[test]
fn handles_call_their_owner_and_are_freed_when_the_loop_has_closed_them() {
    let owned_by = Owner::default();
    let handles = start(&owned_by, None).unwrap();
    let (ready, prepare) = UV.with_borrow(|uv| (uv.ready.unwrap(), uv.prepare.unwrap()));
    // SAFETY: these are the callbacks with which the handles were started, and each is called with its own handle.
    unsafe {
        (ready.1)(ready.0, 0, READABLE);
        (prepare.1)(prepare.0);
    }
    assert_eq!(*owned_by.called.borrow(), ["ready", "prepare"]);
    // SAFETY: `start` has made `handles`, and they are closed only below.
    let this = unsafe { &*handles };
    let idling = || UV.with_borrow(|uv| uv.is_idling);
    this.set_idling(true);
    assert!(idling() && !this.would_wait());
    this.set_idling(false);
    assert!(!idling() && this.would_wait());
    assert!(!this.busy_poll.borrow_mut().begins_wait(), "no turn has ended yet");
    let referenced = || UV.with_borrow(|uv| uv.referenced.values().filter(|kept| **kept).count());
    assert_eq!(referenced(), 2, "the handle that runs before each wait does not keep the loop alive");
    this.set_kept(false);
    assert_eq!(referenced(), 0);
    this.set_kept(true);
    assert_eq!(referenced(), 2);

    let closed = std::rc::Rc::new(Cell::new(false));
    let report = std::rc::Rc::clone(&closed);
    // SAFETY: `start` has made `handles`, and they are not used after this.
    unsafe { Handles::close(handles, move || report.set(true)) };
    assert!(!closed.get(), "the loop has not closed them yet");
    go_round();
    assert!(closed.get());
}

#[test]
fn a_library_reports_its_version() {
    assert_eq!(library().version(), c"1.2.3");
}
