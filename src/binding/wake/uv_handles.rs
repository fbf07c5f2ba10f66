//! libuv's three handles: made together, closed together. No Node-API, so that its tests need no Node.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr;
use std::sync::OnceLock;

/// A `uv_handle_t *`, of whichever type.
pub type Handle = *mut c_void;
type Callback = unsafe extern "C" fn(Handle);
type PollCallback = unsafe extern "C" fn(Handle, c_int, c_int);

/// UV_READABLE, and the handle types by uv.h's numbers.
const READABLE: c_int = 1;
const IDLE: c_int = 6;
const POLL: c_int = 8;
const PREPARE: c_int = 9;

/// libuv's functions, from the program that loaded us.
pub struct Library {
    version: unsafe extern "C" fn() -> *const c_char,
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    poll_init: unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int,
    poll_start: unsafe extern "C" fn(Handle, c_int, PollCallback) -> c_int,
    prepare_init: unsafe extern "C" fn(*mut c_void, Handle) -> c_int,
    prepare_start: unsafe extern "C" fn(Handle, Callback) -> c_int,
    idle_init: unsafe extern "C" fn(*mut c_void, Handle) -> c_int,
    idle_start: unsafe extern "C" fn(Handle, Callback) -> c_int,
    idle_stop: unsafe extern "C" fn(Handle) -> c_int,
    keep: unsafe extern "C" fn(Handle),
    let_go: unsafe extern "C" fn(Handle),
    close: unsafe extern "C" fn(Handle, Option<Callback>),
    set_data: unsafe extern "C" fn(Handle, *mut c_void),
    data: unsafe extern "C" fn(Handle) -> *mut c_void,
}

/// Looked up once for the process: callbacks need it to find out whose they are. `None`: there is no libuv.
static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();

fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: `name` is NUL-terminated; the look-up runs no code of the symbol.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

impl Library {
    /// The libuv that this process has; `None` where it has none, or none that is whole.
    pub fn of_this_process() -> Option<&'static Self> {
        LIBRARY.get_or_init(Self::load).as_ref()
    }

    #[allow(clippy::missing_transmute_annotations, reason = "the fields above give every signature")]
    fn load() -> Option<Self> {
        macro_rules! function {
            ($name:literal) => {{
                let found = symbol($name)?;
                // SAFETY: the symbol is libuv's function of that name, which has the field's signature (uv.h, stable ABI 1.x).
                unsafe { std::mem::transmute(found) }
            }};
        }
        Some(Self {
            version: function!(c"uv_version_string"),
            handle_size: function!(c"uv_handle_size"),
            poll_init: function!(c"uv_poll_init"),
            poll_start: function!(c"uv_poll_start"),
            prepare_init: function!(c"uv_prepare_init"),
            prepare_start: function!(c"uv_prepare_start"),
            idle_init: function!(c"uv_idle_init"),
            idle_start: function!(c"uv_idle_start"),
            idle_stop: function!(c"uv_idle_stop"),
            keep: function!(c"uv_ref"),
            let_go: function!(c"uv_unref"),
            close: function!(c"uv_close"),
            set_data: function!(c"uv_handle_set_data"),
            data: function!(c"uv_handle_get_data"),
        })
    }

    /// What it says it is: "1.51.0".
    pub fn version(&self) -> &'static CStr {
        // SAFETY: the call takes nothing, and gives a NUL-terminated constant of libuv's.
        unsafe { CStr::from_ptr((self.version)()) }
    }
}

/// Memory for one handle. It is libuv's to write to, so it is known by its address alone: there is no reference to it.
struct Memory(*mut [u128]);

impl Memory {
    fn new(library: &Library, kind: c_int) -> Self {
        // SAFETY: the call looks a size up, for a type that every libuv 1.x has.
        let size = unsafe { (library.handle_size)(kind) };
        Self(Box::into_raw(vec![0u128; size.div_ceil(size_of::<u128>())].into_boxed_slice()))
    }

    fn handle(&self) -> Handle {
        self.0.cast()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: made by Box::into_raw in `new`, freed once. Its owner goes when libuv has closed what was in it.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// What the handles tell their owner.
#[derive(Clone, Copy)]
pub struct Calls {
    /// The descriptor is ready.
    pub ready: fn(&Handles),
    /// The loop is about to wait.
    pub prepare: fn(&Handles),
}

/// The three handles. They live until libuv has closed them, which may be after the environment's end.
pub struct Handles {
    library: &'static Library,
    /// The caller's own.
    pub owner: *const c_void,
    calls: Calls,
    poll: Memory,
    prepare: Memory,
    idle: Memory,
    /// Whether they keep the loop alive.
    kept: Cell<bool>,
    idling: Cell<bool>,
    /// How many are initialised, and not yet closed: the first ones of [`Self::all`].
    open: Cell<usize>,
    /// To be done when libuv has closed them.
    when_closed: Cell<Option<Box<dyn FnOnce()>>>,
}

impl Handles {
    /// Watches `descriptor`. What has failed leaves nothing behind.
    ///
    /// # Safety
    /// `uv_loop` must be a loop of the calling thread's, and what `calls` do with `owner` must be sound until [`Self::close`].
    pub unsafe fn start(
        library: &'static Library,
        uv_loop: *mut c_void,
        descriptor: c_int,
        owner: *const c_void,
        calls: Calls,
    ) -> io::Result<*mut Self> {
        let handles = Box::into_raw(Box::new(Self {
            library,
            owner,
            calls,
            poll: Memory::new(library, POLL),
            prepare: Memory::new(library, PREPARE),
            idle: Memory::new(library, IDLE),
            kept: Cell::new(true),
            idling: Cell::new(false),
            open: Cell::new(0),
            when_closed: Cell::new(None),
        }));
        // SAFETY: made just now; the caller vouches for the loop.
        let started = unsafe { Self::initialise(handles, uv_loop, descriptor) };
        if let Err(error) = started {
            // SAFETY: made above, and closed only here.
            unsafe { Self::close(handles, || {}) };
            return Err(error);
        }
        Ok(handles)
    }

    /// # Safety
    /// `handles` is new, and `uv_loop` a loop of this thread's.
    unsafe fn initialise(handles: *mut Self, uv_loop: *mut c_void, descriptor: c_int) -> io::Result<()> {
        // SAFETY: made by `start`, and freed by nobody before a close callback, which only the loop calls.
        let this = unsafe { &*handles };
        let [poll, prepare, idle] = this.all();
        let adopt = |handle| {
            // SAFETY: the handle has just been initialised.
            unsafe { (this.library.set_data)(handle, handles.cast()) };
            this.open.set(this.open.get() + 1);
        };
        // SAFETY: each piece of memory is as large as a handle of its type, aligned for anything, and stays where it is until libuv
        // has closed the handle. A handle is started only after it has been initialised.
        unsafe {
            done((this.library.poll_init)(uv_loop, poll, descriptor))?;
            adopt(poll);
            done((this.library.prepare_init)(uv_loop, prepare))?;
            adopt(prepare);
            done((this.library.idle_init)(uv_loop, idle))?;
            adopt(idle);
            (this.library.let_go)(prepare);
            done((this.library.poll_start)(poll, READABLE, on_ready))?;
            done((this.library.prepare_start)(prepare, on_prepare))
        }
    }

    /// In the order in which they are initialised.
    fn all(&self) -> [Handle; 3] {
        [self.poll.handle(), self.prepare.handle(), self.idle.handle()]
    }

    /// Whether they keep the loop alive.
    pub fn set_kept(&self, keep: bool) {
        if self.kept.replace(keep) == keep {
            return;
        }
        for handle in [self.poll.handle(), self.idle.handle()] {
            // SAFETY: `start` has initialised it; whether it is being closed does not matter to these two.
            unsafe { if keep { (self.library.keep)(handle) } else { (self.library.let_go)(handle) } }
        }
    }

    /// Whether the loop is to go round without waiting.
    pub fn set_idling(&self, idling: bool) {
        if self.idling.replace(idling) == idling {
            return;
        }
        let idle = self.idle.handle();
        // SAFETY: `start` has initialised it, and its owner calls this only before `close`. Neither call can fail: there is a callback.
        unsafe {
            if idling {
                (self.library.idle_start)(idle, on_idle);
            } else {
                (self.library.idle_stop)(idle);
            }
        }
    }

    /// Closes them. The loop does it, in its own time: then `when_closed` is called, and they are freed.
    ///
    /// # Safety
    /// `handles` is of [`Self::start`], and nobody uses it after this.
    pub unsafe fn close(handles: *mut Self, when_closed: impl FnOnce() + 'static) {
        // SAFETY: the caller vouches for it. No reference outlives its expression, so that the last callback may free it.
        unsafe {
            (*handles).when_closed.set(Some(Box::new(when_closed)));
            let (library, open) = ((*handles).library, (*handles).open.get());
            let all = (*handles).all();
            for handle in &all[..open] {
                (library.close)(*handle, Some(on_closed));
            }
            if open == 0 {
                Self::free(handles);
            }
        }
    }

    /// # Safety
    /// libuv knows of none of them any more, and nobody else does.
    unsafe fn free(handles: *mut Self) {
        // SAFETY: made by Box::into_raw in `start`; the caller vouches that it is freed once.
        let handles = unsafe { Box::from_raw(handles) };
        if let Some(when_closed) = handles.when_closed.take() {
            when_closed();
        }
    }
}

/// What a status of libuv's says: 0, or minus the system's number.
fn done(status: c_int) -> io::Result<()> {
    if status < 0 { Err(io::Error::from_raw_os_error(-status)) } else { Ok(()) }
}

/// Whose a handle is.
///
/// # Safety
/// `handle` is one that libuv calls back with, so that `initialise` has set its data.
unsafe fn handles_of(handle: Handle) -> *mut Handles {
    match Library::of_this_process() {
        // SAFETY: the caller vouches for the handle.
        Some(library) => unsafe { (library.data)(handle) }.cast(),
        None => ptr::null_mut(),
    }
}

unsafe extern "C" fn on_ready(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls back with a handle that was started; its `Handles` are freed after it has been closed.
    if let Some(handles) = unsafe { handles_of(handle).as_ref() } {
        (handles.calls.ready)(handles);
    }
}

unsafe extern "C" fn on_prepare(handle: Handle) {
    // SAFETY: it was started, and has not been closed: then it is not called. Its `Handles` are alive for so long.
    if let Some(handles) = unsafe { handles_of(handle).as_ref() } {
        (handles.calls.prepare)(handles);
    }
}

/// Idling does nothing: that it is active keeps the loop from blocking.
unsafe extern "C" fn on_idle(_handle: Handle) {}

unsafe extern "C" fn on_closed(handle: Handle) {
    // SAFETY: the handle's data is the `Handles` of `start`, as Box::into_raw gave it. After the last of these callbacks libuv knows
    // of none of them, and `close`'s caller has given them up.
    unsafe {
        let handles = handles_of(handle);
        let left = (*handles).open.get() - 1;
        (*handles).open.set(left);
        if left == 0 {
            Handles::free(handles);
        }
    }
}

#[cfg(test)]
#[path = "uv_handles_tests.rs"]
mod tests;
