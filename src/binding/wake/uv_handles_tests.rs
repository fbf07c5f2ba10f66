//! With a libuv that fails where it is told to, and closes handles when it is told to.

use std::cell::RefCell;
use std::collections::HashMap;

use super::*;

/// What the fake libuv knows.
#[derive(Default)]
struct Uv {
    /// Which of the calls that can fail does, by its number.
    fails: Option<usize>,
    calls: usize,
    /// Initialised, and not yet closed; the data of each.
    data: HashMap<usize, *mut c_void>,
    closing: Vec<(Handle, Callback)>,
    prepare: Option<(Handle, Callback)>,
    ready: Option<(Handle, PollCallback)>,
    is_idling: bool,
    /// Sizes, so that a write beyond one shows under a checker of memory.
    referenced: HashMap<usize, bool>,
}

thread_local! {
    static UV: RefCell<Uv> = RefCell::default();
}

const SIZE: usize = 100;
const EMFILE: c_int = -24;

fn status() -> c_int {
    UV.with_borrow_mut(|uv| {
        uv.calls += 1;
        if uv.fails == Some(uv.calls - 1) { EMFILE } else { 0 }
    })
}

fn initialise(handle: Handle) -> c_int {
    // As libuv does, which writes all over a handle: its first word is not the data.
    // SAFETY: the memory has SIZE bytes, as `handle_size` says.
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
extern "C" fn poll_start(handle: Handle, _events: c_int, callback: PollCallback) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.ready = Some((handle, callback)));
    status()
}
extern "C" fn other_init(_loop: *mut c_void, handle: Handle) -> c_int {
    initialise(handle)
}
extern "C" fn prepare_start(handle: Handle, callback: Callback) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.prepare = Some((handle, callback)));
    status()
}
extern "C" fn idle_start(handle: Handle, _callback: Callback) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.is_idling = true);
    0
}
extern "C" fn idle_stop(handle: Handle) -> c_int {
    assert!(is_initialised(handle));
    UV.with_borrow_mut(|uv| uv.is_idling = false);
    0
}
extern "C" fn keep(handle: Handle) {
    UV.with_borrow_mut(|uv| uv.referenced.insert(handle as usize, true));
}
extern "C" fn let_go(handle: Handle) {
    UV.with_borrow_mut(|uv| uv.referenced.insert(handle as usize, false));
}
extern "C" fn close(handle: Handle, callback: Option<Callback>) {
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
            keep,
            let_go,
            close,
            set_data,
            data,
        })
    };
    LIBRARY.get_or_init(fake).as_ref().unwrap()
}

/// What the owner was told.
#[derive(Default)]
struct Owner {
    told: RefCell<Vec<&'static str>>,
}

fn owner(handles: &Handles) -> &Owner {
    // SAFETY: `start` below has put it there, and it outlives the handles.
    unsafe { &*handles.owner.cast() }
}

fn start(owned_by: &Owner, fails: Option<usize>) -> io::Result<*mut Handles> {
    UV.set(Uv { fails, ..Uv::default() });
    let calls = Calls {
        ready: |handles| owner(handles).told.borrow_mut().push("ready"),
        prepare: |handles| owner(handles).told.borrow_mut().push("prepare"),
    };
    // SAFETY: the fake libuv does not look at its loop; the owner outlives the handles.
    unsafe { Handles::start(library(), ptr::null_mut(), 7, ptr::from_ref(owned_by).cast(), calls) }
}

/// The loop goes round: what is to be closed is.
fn go_round() {
    let closing = UV.with_borrow_mut(|uv| std::mem::take(&mut uv.closing));
    for (handle, callback) in closing {
        // As libuv does, which reads and writes a handle until its callback is called.
        // SAFETY: the memory must still be there, and a handle's callback gets the handle.
        unsafe {
            handle.cast::<u8>().write_bytes(0xdd, SIZE);
            callback(handle);
        }
        UV.with_borrow_mut(|uv| uv.data.remove(&(handle as usize)));
    }
}

#[test]
fn each_failure_undoes_what_was_done_and_is_told() {
    let owned_by = Owner::default();
    // Three are initialised, two are started.
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
fn handles_tell_their_owner_and_are_freed_when_the_loop_has_closed_them() {
    let owned_by = Owner::default();
    let handles = start(&owned_by, None).unwrap();
    let (ready, prepare) = UV.with_borrow(|uv| (uv.ready.unwrap(), uv.prepare.unwrap()));
    // SAFETY: as libuv calls back, with the handles that were started.
    unsafe {
        (ready.1)(ready.0, 0, READABLE);
        (prepare.1)(prepare.0);
    }
    assert_eq!(*owned_by.told.borrow(), ["ready", "prepare"]);
    // SAFETY: started, and not closed.
    let this = unsafe { &*handles };
    let idling = || UV.with_borrow(|uv| uv.is_idling);
    this.set_idling(true);
    assert!(idling());
    this.set_idling(false);
    assert!(!idling());
    let referenced = || UV.with_borrow(|uv| uv.referenced.values().filter(|kept| **kept).count());
    assert_eq!(referenced(), 2, "the one that runs before each wait keeps nothing alive");
    this.set_kept(false);
    assert_eq!(referenced(), 0);
    this.set_kept(true);
    assert_eq!(referenced(), 2);

    let closed = std::rc::Rc::new(Cell::new(false));
    let told = std::rc::Rc::clone(&closed);
    // SAFETY: started above, and not used below.
    unsafe { Handles::close(handles, move || told.set(true)) };
    assert!(!closed.get(), "the loop has not closed them yet");
    go_round();
    assert!(closed.get());
}

#[test]
fn a_library_says_which_it_is() {
    assert_eq!(library().version(), c"1.2.3");
}
