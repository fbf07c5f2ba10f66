//! libuv's three handles (`uv_poll`, `uv_prepare`, `uv_idle`), which are made together and closed together. This file does not use
//! Node-API, so that its tests need no Node.

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::ptr;
use std::sync::OnceLock;

use super::busy_poll::BusyPoll;

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

/// The functions of the libuv in this process.
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
    /// `uv_backend_timeout`.
    backend_timeout: unsafe extern "C" fn(*const c_void) -> c_int,
    /// `uv_handle_set_data`.
    set_data: unsafe extern "C" fn(Handle, *mut c_void),
    /// `uv_handle_get_data`.
    data: unsafe extern "C" fn(Handle) -> *mut c_void,
}

/// libuv's functions, looked up once for the process. They are in a static variable because callbacks need them to find their [`Handles`].
/// `None`: the process has no libuv, or some of the functions are missing.
static LIBRARY: OnceLock<Option<Library>> = OnceLock::new();

/// The address of the symbol `name` in this process; `None` if there is no such symbol.
fn symbol(name: &CStr) -> Option<*mut c_void> {
    // SAFETY: `name` ends with a NUL and outlives the call. dlsym does not run the symbol's code.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

impl Library {
    /// The libuv of this process; `None` if it has none, or if some of the functions are missing.
    pub fn of_this_process() -> Option<&'static Self> {
        LIBRARY.get_or_init(Self::load).as_ref()
    }

    #[allow(clippy::missing_transmute_annotations, reason = "the fields give every signature")]
    fn load() -> Option<Self> {
        macro_rules! function {
            ($name:literal) => {{
                let found = symbol($name)?;
                // SAFETY: the symbol is libuv's function of this name. Its signature is the field's type (uv.h, stable ABI 1.x).
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
            backend_timeout: function!(c"uv_backend_timeout"),
            set_data: function!(c"uv_handle_set_data"),
            data: function!(c"uv_handle_get_data"),
        })
    }

    /// The version that this libuv reports, such as "1.51.0".
    pub fn version(&self) -> &'static CStr {
        // SAFETY: the function has no parameters. It returns a constant string of libuv's, which ends with a NUL.
        unsafe { CStr::from_ptr((self.version)()) }
    }
}

/// The memory of one handle. libuv writes to this memory, so we only keep its address and never make a reference to it.
struct HandleMemory(*mut [u128]);

impl HandleMemory {
    fn new(library: &Library, kind: c_int) -> Self {
        // SAFETY: the function only looks up the size of a handle type, and every libuv 1.x has the type `kind`.
        let size = unsafe { (library.handle_size)(kind) };
        Self(Box::into_raw(vec![0u128; size.div_ceil(size_of::<u128>())].into_boxed_slice()))
    }

    fn handle(&self) -> Handle {
        self.0.cast()
    }
}

impl Drop for HandleMemory {
    fn drop(&mut self) {
        // SAFETY: `self.0` is from Box::into_raw in `new`, and a drop happens once. Only `Handles` owns a `HandleMemory`. It is freed after
        // libuv has closed the handle in this memory, or if the handle was never initialised.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

/// The functions that the handles call.
#[derive(Clone, Copy)]
pub struct Callbacks {
    /// Called when the descriptor is ready.
    pub ready: fn(&Handles),
    /// Called when the loop is about to wait.
    pub prepare: fn(&Handles),
}

/// The three handles. They live until libuv has closed them. That may be later than the end of the environment.
pub struct Handles {
    /// The libuv that the handles belong to.
    library: &'static Library,
    /// The loop that the handles belong to.
    uv_loop: *const c_void,
    /// A pointer for the callbacks. Only the caller of `start` knows what it points to.
    pub owner: *const c_void,
    /// The functions that the handles call.
    callbacks: Callbacks,
    /// Decides whether the loop is polled before it waits.
    pub busy_poll: RefCell<BusyPoll>,
    /// The `uv_poll` handle, which reports that the descriptor is ready.
    poll: HandleMemory,
    /// The `uv_prepare` handle, which runs before the loop waits.
    prepare: HandleMemory,
    /// The `uv_idle` handle. The loop does not wait while this handle is started.
    idle: HandleMemory,
    /// Whether the handles keep the loop alive.
    is_kept: Cell<bool>,
    /// Whether `idle` is started.
    is_idling: Cell<bool>,
    /// How many handles are initialised and not yet closed. At first these are the first ones of [`Self::all`].
    open: Cell<usize>,
    /// Called once libuv has closed all handles. `None` before [`Self::close`].
    when_closed: Cell<Option<Box<dyn FnOnce()>>>,
}

impl Handles {
    /// Makes the handles and starts to watch `descriptor`. After an error no handle is left.
    ///
    /// # Safety
    /// `uv_loop` must be a loop of the calling thread. `callbacks` must be sound for this `owner`, whenever they are called before
    /// [`Self::close`].
    pub unsafe fn start(
        library: &'static Library,
        uv_loop: *mut c_void,
        descriptor: c_int,
        owner: *const c_void,
        callbacks: Callbacks,
        busy_poll: BusyPoll,
    ) -> io::Result<*mut Self> {
        let handles = Box::into_raw(Box::new(Self {
            library,
            uv_loop,
            owner,
            callbacks,
            busy_poll: RefCell::new(busy_poll),
            poll: HandleMemory::new(library, POLL),
            prepare: HandleMemory::new(library, PREPARE),
            idle: HandleMemory::new(library, IDLE),
            is_kept: Cell::new(true),
            is_idling: Cell::new(false),
            open: Cell::new(0),
            when_closed: Cell::new(None),
        }));
        // SAFETY: `handles` is from Box::into_raw above. The caller promises that `uv_loop` is a loop of this thread.
        let started = unsafe { Self::initialise(handles, uv_loop, descriptor) };
        if let Err(error) = started {
            // SAFETY: `handles` is from Box::into_raw above. The caller does not receive it, so this is the only call that closes it.
            unsafe { Self::close(handles, || {}) };
            return Err(error);
        }
        Ok(handles)
    }

    /// Initialises and starts the handles. After an error, `open` is the number of handles that must be closed.
    ///
    /// # Safety
    /// `handles` must be new and from Box::into_raw. `uv_loop` must be a loop of this thread.
    unsafe fn initialise(handles: *mut Self, uv_loop: *mut c_void, descriptor: c_int) -> io::Result<()> {
        // SAFETY: the caller promises that `handles` is new. Only `close` and its callbacks free it, and neither can run before this
        // function returns.
        let this = unsafe { &*handles };
        let [poll, prepare, idle] = this.all();
        let adopt = |handle| {
            // SAFETY: libuv has just initialised the handle. libuv leaves the data field of a handle to its user.
            unsafe { (this.library.set_data)(handle, handles.cast()) };
            this.open.set(this.open.get() + 1);
        };
        // SAFETY: the caller promises that `uv_loop` is a loop of this thread. Each piece of memory is as large as a handle of its type and
        // aligned for any type. It stays where it is until libuv has closed the handle. Each handle is initialised before any other
        // function is called with it.
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
            // SAFETY: `start` has initialised the handle, and its memory lives as long as `self`. Both functions only change a flag of the
            // handle, so they may be called even while the handle is being closed.
            unsafe { if keep { (self.library.reference)(handle) } else { (self.library.unreference)(handle) } }
        }
    }

    /// Sets whether the loop goes on without waiting.
    pub fn set_idling(&self, idling: bool) {
        if self.is_idling.replace(idling) == idling {
            return;
        }
        let idle = self.idle.handle();
        // SAFETY: `start` has initialised the handle. The caller of `close` promises not to use the handles after that, so this handle is
        // not being closed. Starting an idle handle fails only without a callback, and stopping it never fails.
        unsafe {
            if idling {
                (self.library.idle_start)(idle, on_idle);
            } else {
                (self.library.idle_stop)(idle);
            }
        }
    }

    /// Whether the loop would wait now. Only a `prepare` callback may ask.
    pub fn would_wait(&self) -> bool {
        // SAFETY: `start`'s caller has promised that it is a loop of this thread. It lives longer than its handles.
        unsafe { (self.library.backend_timeout)(self.uv_loop) != 0 }
    }

    /// Closes the handles. The loop does that in one of its next iterations. Then `when_closed` is called, and the handles are freed.
    ///
    /// # Safety
    /// `handles` must be from [`Self::start`], and must not be used after this call.
    pub unsafe fn close(handles: *mut Self, when_closed: impl FnOnce() + 'static) {
        // SAFETY: the caller promises that `handles` is from `start` and is not closed yet. The first `open` handles are initialised, and
        // each is closed once. No reference to `*handles` is kept from one statement to the next, so the last `on_closed` may free it. If
        // no handle is open, there is no callback, so `handles` is freed here.
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

    /// Frees the handles, and calls `when_closed`.
    ///
    /// # Safety
    /// `handles` must be from `start`. Neither libuv nor anything else may use it any more.
    unsafe fn free(handles: *mut Self) {
        // SAFETY: `handles` is from Box::into_raw in `start`. The caller promises that nothing uses it any more, so it is freed only once.
        let handles = unsafe { Box::from_raw(handles) };
        if let Some(when_closed) = handles.when_closed.take() {
            when_closed();
        }
    }
}

/// Converts a status of libuv into a Result. The status of an error is negative: minus the system's error number.
fn done(status: c_int) -> io::Result<()> {
    if status < 0 { Err(io::Error::from_raw_os_error(-status)) } else { Ok(()) }
}

/// The [`Handles`] to which `handle` belongs.
///
/// # Safety
/// libuv must be calling a callback with `handle`. So `initialise` has set the handle's data.
unsafe fn handles_of(handle: Handle) -> *mut Handles {
    match Library::of_this_process() {
        // SAFETY: the caller promises that libuv is calling a callback with `handle`, so the handle is initialised.
        Some(library) => unsafe { (library.data)(handle) }.cast(),
        None => ptr::null_mut(),
    }
}

/// libuv calls this when the descriptor is ready.
unsafe extern "C" fn on_ready(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls this only with a handle that `initialise` has started, and not while the handle is being closed. The handle's
    // data points to its `Handles`, which are freed only after libuv has closed the handle.
    if let Some(handles) = unsafe { handles_of(handle).as_ref() } {
        (handles.callbacks.ready)(handles);
    }
}

/// libuv calls this before the loop waits.
unsafe extern "C" fn on_prepare(handle: Handle) {
    // SAFETY: libuv calls this only with a handle that `initialise` has started, and not while the handle is being closed. The handle's
    // data points to its `Handles`, which are freed only after libuv has closed the handle.
    if let Some(handles) = unsafe { handles_of(handle).as_ref() } {
        (handles.callbacks.prepare)(handles);
    }
}

/// The loop does not block while an idle handle is started. The callback itself has nothing to do.
unsafe extern "C" fn on_idle(_handle: Handle) {}

/// libuv calls this when it has closed a handle.
unsafe extern "C" fn on_closed(handle: Handle) {
    // SAFETY: libuv calls this once for each handle that `close` has closed. The handle's data points to its `Handles`, from Box::into_raw
    // in `start`. After the last of these calls libuv uses none of the handles. The caller of `close` has promised not to use them either.
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
