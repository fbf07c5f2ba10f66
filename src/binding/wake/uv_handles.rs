//! libuv's three handles, made together and closed together. There is no Node-API here, so that the tests need no Node.

use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr;
use std::sync::OnceLock;

/// A `uv_handle_t *` of any type.
pub type Handle = *mut c_void;

/// A `uv_prepare_cb`, `uv_idle_cb` or `uv_close_cb`.
type UvCallback = unsafe extern "C" fn(Handle);

/// A `uv_poll_cb`: the handle, a status, and what is ready.
type UvPollCallback = unsafe extern "C" fn(Handle, c_int, c_int);

/// uv.h's UV_READABLE.
const READABLE: c_int = 1;

/// uv.h's UV_IDLE, the type of the handle.
const IDLE: c_int = 6;

/// uv.h's UV_POLL, the type of the handle.
const POLL: c_int = 8;

/// uv.h's UV_PREPARE, the type of the handle.
const PREPARE: c_int = 9;

/// libuv's functions, as the program that loaded us has them.
pub struct Library {
    /// `uv_version_string`.
    version: unsafe extern "C" fn() -> *const c_char,
    /// `uv_handle_size`.
    handle_size: unsafe extern "C" fn(c_int) -> usize,
    /// `uv_poll_init`.
    poll_init: unsafe extern "C" fn(*mut c_void, Handle, c_int) -> c_int,
    /// `uv_poll_start`.
    poll_start: unsafe extern "C" fn(Handle, c_int, UvPollCallback) -> c_int,
    /// `uv_prepare_init`.
    prepare_init: unsafe extern "C" fn(*mut c_void, Handle) -> c_int,
    /// `uv_prepare_start`.
    prepare_start: unsafe extern "C" fn(Handle, UvCallback) -> c_int,
    /// `uv_idle_init`.
    idle_init: unsafe extern "C" fn(*mut c_void, Handle) -> c_int,
    /// `uv_idle_start`.
    idle_start: unsafe extern "C" fn(Handle, UvCallback) -> c_int,
    /// `uv_idle_stop`.
    idle_stop: unsafe extern "C" fn(Handle) -> c_int,
    /// `uv_ref`.
    reference: unsafe extern "C" fn(Handle),
    /// `uv_unref`.
    unreference: unsafe extern "C" fn(Handle),
    /// `uv_close`.
    close: unsafe extern "C" fn(Handle, Option<UvCallback>),
    /// `uv_handle_set_data`.
    set_data: unsafe extern "C" fn(Handle, *mut c_void),
    /// `uv_handle_get_data`.
    data: unsafe extern "C" fn(Handle) -> *mut c_void,
}

/// Looked up once for the process: callbacks need it to find their [`Handles`]. `None`: the process has no libuv, or not all of it.
static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();

/// The address of this name in the process.
fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: `name` ends with a NUL and outlives the call, which runs no code of the symbol.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

impl Library {
    /// The libuv that this process has; `None` where it has none, or not all of it.
    pub fn of_this_process() -> Option<&'static Self> {
        LIBRARY.get_or_init(Self::load).as_ref()
    }

    #[allow(clippy::missing_transmute_annotations, reason = "the fields give every signature")]
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
            reference: function!(c"uv_ref"),
            unreference: function!(c"uv_unref"),
            close: function!(c"uv_close"),
            set_data: function!(c"uv_handle_set_data"),
            data: function!(c"uv_handle_get_data"),
        })
    }

    /// The version that it reports, such as "1.51.0".
    pub fn version(&self) -> &'static CStr {
        // SAFETY: the function takes nothing, and returns a constant of libuv's that ends with a NUL.
        unsafe { CStr::from_ptr((self.version)()) }
    }
}

/// HandleMemory for one handle. libuv writes to it, so we only keep its address and never make a reference to it.
struct HandleMemory(*mut [u128]);

impl HandleMemory {
    fn new(library: &Library, kind: c_int) -> Self {
        // SAFETY: the function looks up the size of a type that every libuv 1.x has.
        let size = unsafe { (library.handle_size)(kind) };
        Self(Box::into_raw(vec![0u128; size.div_ceil(size_of::<u128>())].into_boxed_slice()))
    }

    fn handle(&self) -> Handle {
        self.0.cast()
    }
}

impl Drop for HandleMemory {
    fn drop(&mut self) {
        // SAFETY: from Box::into_raw in `new`, and a drop happens once. `Handles`, the only owner, is freed when libuv has closed the
        // handle in it, or when there was none.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// What the handles call.
#[derive(Clone, Copy)]
pub struct Callbacks {
    /// Called when the descriptor is ready.
    pub ready: fn(&Handles),
    /// Called when the loop is about to wait.
    pub prepare: fn(&Handles),
}

/// The three handles. They live until libuv has closed them, which may be after the environment's end.
pub struct Handles {
    /// Where they come from.
    library: &'static Library,
    /// The caller's own, for its callbacks.
    pub owner: *const c_void,
    /// What the handles call.
    callbacks: Callbacks,
    /// Reports that the descriptor is ready.
    poll: HandleMemory,
    /// Runs before the loop waits.
    prepare: HandleMemory,
    /// Keeps the loop from waiting while it is started.
    idle: HandleMemory,
    /// Whether the handles keep the loop alive.
    is_kept: Cell<bool>,
    /// Whether `idle` is started.
    is_idling: Cell<bool>,
    /// How many handles are initialised and not yet closed. They are the first ones of [`Self::all`].
    open: Cell<usize>,
    /// Called once libuv has closed all handles. `None` before [`Self::close`].
    when_closed: Cell<Option<Box<dyn FnOnce()>>>,
}

impl Handles {
    /// Watches `descriptor`. Where something fails, nothing is left of it.
    ///
    /// # Safety
    /// `uv_loop` must be a loop of the calling thread. What `callbacks` do with `owner` must be sound until [`Self::close`].
    pub unsafe fn start(
        library: &'static Library,
        uv_loop: *mut c_void,
        descriptor: c_int,
        owner: *const c_void,
        callbacks: Callbacks,
    ) -> io::Result<*mut Self> {
        let handles = Box::into_raw(Box::new(Self {
            library,
            owner,
            callbacks,
            poll: HandleMemory::new(library, POLL),
            prepare: HandleMemory::new(library, PREPARE),
            idle: HandleMemory::new(library, IDLE),
            is_kept: Cell::new(true),
            is_idling: Cell::new(false),
            open: Cell::new(0),
            when_closed: Cell::new(None),
        }));
        // SAFETY: `handles` is from Box::into_raw above, and the caller promises that the loop is one of this thread.
        let started = unsafe { Self::initialise(handles, uv_loop, descriptor) };
        if let Err(error) = started {
            // SAFETY: `handles` is from Box::into_raw above. The caller does not get it, so it is closed only here.
            unsafe { Self::close(handles, || {}) };
            return Err(error);
        }
        Ok(handles)
    }

    /// Initialises and starts the handles. After an error `open` counts those that must be closed.
    ///
    /// # Safety
    /// `handles` must be new, from Box::into_raw, and `uv_loop` a loop of this thread.
    unsafe fn initialise(handles: *mut Self, uv_loop: *mut c_void, descriptor: c_int) -> io::Result<()> {
        // SAFETY: the caller promises that `handles` is new. Only `close` and its callbacks free it, and neither can run before this
        // function returns.
        let this = unsafe { &*handles };
        let [poll, prepare, idle] = this.all();
        let adopt = |handle| {
            // SAFETY: libuv has just initialised the handle, and its data field is ours to set.
            unsafe { (this.library.set_data)(handle, handles.cast()) };
            this.open.set(this.open.get() + 1);
        };
        // SAFETY: the caller promises that the loop is one of this thread. Each piece of memory is as large as a handle of its type,
        // aligned for anything, and stays where it is until libuv has closed the handle. Each handle is initialised before anything
        // else is done with it.
        unsafe {
            done((this.library.poll_init)(uv_loop, poll, descriptor))?;
            adopt(poll);
            done((this.library.prepare_init)(uv_loop, prepare))?;
            adopt(prepare);
            done((this.library.idle_init)(uv_loop, idle))?;
            adopt(idle);
            (this.library.unreference)(prepare);
            done((this.library.poll_start)(poll, READABLE, on_ready))?;
            done((this.library.prepare_start)(prepare, on_prepare))
        }
    }

    /// The handles, in the order in which they are initialised.
    fn all(&self) -> [Handle; 3] {
        [self.poll.handle(), self.prepare.handle(), self.idle.handle()]
    }

    /// Sets whether the handles keep the loop alive.
    pub fn set_kept(&self, keep: bool) {
        if self.is_kept.replace(keep) == keep {
            return;
        }
        for handle in [self.poll.handle(), self.idle.handle()] {
            // SAFETY: `start` has initialised the handle, and its memory is there for as long as `self`. Both functions only change a
            // flag, so it does not matter whether the handle is being closed.
            unsafe { if keep { (self.library.reference)(handle) } else { (self.library.unreference)(handle) } }
        }
    }

    /// Sets whether the loop is to go round without waiting.
    pub fn set_idling(&self, idling: bool) {
        if self.is_idling.replace(idling) == idling {
            return;
        }
        let idle = self.idle.handle();
        // SAFETY: `start` has initialised the handle, and `close`'s caller promises that this is not called afterwards. Neither call can
        // fail, since there is a callback.
        unsafe {
            if idling {
                (self.library.idle_start)(idle, on_idle);
            } else {
                (self.library.idle_stop)(idle);
            }
        }
    }

    /// Closes the handles. The loop does that in one of its next rounds. Then `when_closed` is called, and they are freed.
    ///
    /// # Safety
    /// `handles` must be from [`Self::start`], and must not be used after this.
    pub unsafe fn close(handles: *mut Self, when_closed: impl FnOnce() + 'static) {
        // SAFETY: the caller promises that `handles` is from `start` and not closed yet. The first `open` handles are initialised, and
        // closed once. No reference outlives its expression, so the last callback may free what it was made from. Where no handle
        // is open, there will be no callback, so it is freed here.
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

    /// Frees the handles and reports that they are closed.
    ///
    /// # Safety
    /// `handles` must be from `start`. Neither libuv nor anything else may use it any more.
    unsafe fn free(handles: *mut Self) {
        // SAFETY: from Box::into_raw in `start`. The caller promises that nothing uses it any more, so it is freed once.
        let handles = unsafe { Box::from_raw(handles) };
        if let Some(when_closed) = handles.when_closed.take() {
            when_closed();
        }
    }
}

/// A status of libuv as a Result. It is negative for an error: minus the system's number.
fn done(status: c_int) -> io::Result<()> {
    if status < 0 { Err(io::Error::from_raw_os_error(-status)) } else { Ok(()) }
}

/// The [`Handles`] that a handle is part of.
///
/// # Safety
/// libuv must have called back with `handle`: then `initialise` has set its data.
unsafe fn handles_of(handle: Handle) -> *mut Handles {
    match Library::of_this_process() {
        // SAFETY: libuv has called back with the handle, as the caller promises, so it is initialised.
        Some(library) => unsafe { (library.data)(handle) }.cast(),
        None => ptr::null_mut(),
    }
}

/// The descriptor is ready.
unsafe extern "C" fn on_ready(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls this with the handle that `initialise` has started, and not once it is being closed. Its `Handles` are freed
    // after it has been closed.
    if let Some(handles) = unsafe { handles_of(handle).as_ref() } {
        (handles.callbacks.ready)(handles);
    }
}

/// The loop is about to wait.
unsafe extern "C" fn on_prepare(handle: Handle) {
    // SAFETY: libuv calls this with the handle that `initialise` has started, and not once it is being closed. So the data is its
    // `Handles`, which live until it has been closed.
    if let Some(handles) = unsafe { handles_of(handle).as_ref() } {
        (handles.callbacks.prepare)(handles);
    }
}

/// An idle handle keeps the loop from blocking by being active. The callback has nothing to do.
unsafe extern "C" fn on_idle(_handle: Handle) {}

/// libuv has closed a handle.
unsafe extern "C" fn on_closed(handle: Handle) {
    // SAFETY: libuv calls this once for each handle that `close` has closed. The handle's data is its `Handles`, as Box::into_raw gave
    // it in `start`. After the last of these callbacks libuv knows none of the handles, and `close`'s caller has given them up.
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
