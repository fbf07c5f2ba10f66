//! libuv watches the poll set: no hop to another thread, and turns run at the bottom of the stack.
//!
//! `uv_poll` says that the set is ready; `uv_prepare`, which runs before the loop blocks, takes the turns that the set
//! does not tell of (what was sent in timers and promises, what one round left); `uv_idle` keeps the loop from blocking
//! while such work is left. libuv's functions are looked up at run time: Bun and Deno lack them or worse.

use std::cell::Cell;
use std::ffi::{CStr, c_int, c_void};
use std::io;
use std::ptr;

use napi::sys;

use super::Wake;
use crate::binding::environment::{Environment, Scope};
use crate::binding::values::ok;

type Handle = *mut c_void;
type Callback = unsafe extern "C" fn(Handle);
type PollCallback = unsafe extern "C" fn(Handle, c_int, c_int);

/// UV_READABLE, and the handle types by uv.h's numbers.
const READABLE: c_int = 1;
const IDLE: c_int = 6;
const POLL: c_int = 8;
const PREPARE: c_int = 9;

/// libuv's functions, from the program that loaded us.
#[derive(Clone, Copy)]
struct Library {
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

fn symbol(name: &CStr) -> io::Result<*mut c_void> {
    // SAFETY: `name` is NUL-terminated; the look-up runs no code of the symbol.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if found.is_null() {
        let message = format!("this runtime has no {}: use the wake source tokio", name.to_string_lossy());
        return Err(io::Error::other(message));
    }
    Ok(found)
}

impl Library {
    #[allow(clippy::missing_transmute_annotations, reason = "the fields above give every signature")]
    fn load() -> io::Result<Self> {
        macro_rules! function {
            ($name:literal) => {{
                let found = symbol($name)?;
                // SAFETY: the symbol is libuv's function of that name, which has the field's signature (uv.h, stable ABI 1.x).
                unsafe { std::mem::transmute(found) }
            }};
        }
        Ok(Self {
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
}

/// The three handles. They live until libuv has closed them, which may be after the environment's end.
struct Handles {
    library: Library,
    environment: *const Environment,
    poll: Vec<u128>,
    prepare: Vec<u128>,
    idle: Vec<u128>,
    kept: Cell<bool>,
    idling: Cell<bool>,
    /// Not closed yet.
    open: Cell<u32>,
    /// Given back to Node when all are closed, so that its loop may end.
    cleanup: Cell<sys::napi_async_cleanup_hook_handle>,
}

impl Handles {
    fn poll(&self) -> Handle {
        self.poll.as_ptr().cast_mut().cast()
    }

    fn prepare(&self) -> Handle {
        self.prepare.as_ptr().cast_mut().cast()
    }

    fn idle(&self) -> Handle {
        self.idle.as_ptr().cast_mut().cast()
    }

    fn environment(&self) -> &Environment {
        // SAFETY: handles are closed in the cleanup hook, before the environment is freed; closed ones call nothing.
        unsafe { &*self.environment }
    }

    fn set_kept(&self, handle: Handle, keep: bool) {
        // SAFETY: the handle is initialised and not closed.
        unsafe { if keep { (self.library.keep)(handle) } else { (self.library.let_go)(handle) } }
    }

    fn set_idling(&self, idling: bool) {
        if self.idling.replace(idling) == idling {
            return;
        }
        // SAFETY: as above.
        unsafe {
            if idling {
                (self.library.idle_start)(self.idle(), on_idle);
            } else {
                (self.library.idle_stop)(self.idle());
            }
        }
    }

    /// After a turn: whether the loop may block.
    fn settle(&self) {
        if let Some(work) = self.environment().net(|net| net.has_work()) {
            self.set_idling(work);
        }
    }
}

/// The environment's end of the handles.
struct UvWake {
    handles: *const Handles,
}

impl UvWake {
    fn handles(&self) -> &Handles {
        // SAFETY: freed when libuv has closed them; the environment calls its wake source only before that.
        unsafe { &*self.handles }
    }
}

impl Wake for UvWake {
    fn need_turn(&self) {
        self.handles().set_idling(true);
    }

    fn keep_alive(&self, stay: bool) {
        let handles = self.handles();
        if handles.kept.replace(stay) != stay {
            handles.set_kept(handles.poll(), stay);
            handles.set_kept(handles.idle(), stay);
        }
    }

    fn is_at_bottom(&self) -> bool {
        true
    }
}

/// Starts watching.
pub fn start(environment: &Environment) -> io::Result<Box<dyn Wake>> {
    let library = Library::load()?;
    let mut uv_loop = ptr::null_mut();
    // SAFETY: on the environment's thread.
    if !ok(unsafe { sys::napi_get_uv_event_loop(environment.raw(), &raw mut uv_loop) }) {
        return Err(io::Error::other("this runtime has no libuv loop: use the wake source tokio"));
    }
    let descriptor = environment.net(|net| net.descriptor()).flatten();
    let descriptor = descriptor.ok_or_else(|| io::Error::other("the environment is ending"))?;
    // SAFETY: a plain look-up; memory of that size, aligned for anything, holds a handle of that type.
    let memory = |kind| vec![0u128; unsafe { (library.handle_size)(kind) }.div_ceil(size_of::<u128>())];
    let handles = Box::new(Handles {
        library,
        environment,
        poll: memory(POLL),
        prepare: memory(PREPARE),
        idle: memory(IDLE),
        kept: Cell::new(true),
        idling: Cell::new(false),
        open: Cell::new(3),
        cleanup: Cell::new(ptr::null_mut()),
    });
    let uv_loop: *mut c_void = uv_loop.cast();
    // SAFETY: the memory is of the right size and stays where it is until the close callbacks have run.
    unsafe {
        let failed = (library.poll_init)(uv_loop, handles.poll(), descriptor);
        if failed != 0 {
            return Err(io::Error::from_raw_os_error(-failed));
        }
        (library.prepare_init)(uv_loop, handles.prepare());
        (library.idle_init)(uv_loop, handles.idle());
        let handles: *const Handles = Box::into_raw(handles);
        for handle in [(*handles).poll(), (*handles).prepare(), (*handles).idle()] {
            (library.set_data)(handle, handles.cast_mut().cast());
        }
        (library.let_go)((*handles).prepare());
        (library.poll_start)((*handles).poll(), READABLE, on_ready);
        (library.prepare_start)((*handles).prepare(), on_prepare);
        let mut cleanup = ptr::null_mut();
        sys::napi_add_async_cleanup_hook(environment.raw(), Some(on_end), handles.cast_mut().cast(), &raw mut cleanup);
        (*handles).cleanup.set(cleanup);
        Ok(Box::new(UvWake { handles }))
    }
}

/// # Safety
/// `handle` is one of a live `Handles`.
unsafe fn handles_of<'a>(handle: Handle) -> &'a Handles {
    // SAFETY: the data pointer has the same offset in every handle; any library table will do to read it.
    unsafe {
        // `data` is the first member of every uv_handle_t.
        let data = *handle.cast::<*const Handles>();
        debug_assert_eq!(((*data).library.data)(handle), data.cast_mut().cast());
        &*data
    }
}

unsafe extern "C" fn on_ready(handle: Handle, _status: c_int, _events: c_int) {
    // SAFETY: libuv calls back with the handle that was started.
    turn(unsafe { handles_of(handle) }, true);
}

unsafe extern "C" fn on_prepare(handle: Handle) {
    // SAFETY: as above.
    let handles = unsafe { handles_of(handle) };
    if handles.environment().net(|net| net.has_work()).unwrap_or(false) {
        turn(handles, false);
    }
}

/// Idling does nothing: that it is active keeps the loop from blocking.
unsafe extern "C" fn on_idle(_handle: Handle) {}

fn turn(handles: &Handles, ask: bool) {
    let environment = handles.environment();
    let Some(_scope) = Scope::open(environment.raw()) else { return };
    environment.turn(ask);
    handles.settle();
}

/// The environment ends: its sockets first, then the handles; when libuv has closed them, Node may go on.
unsafe extern "C" fn on_end(_hook: sys::napi_async_cleanup_hook_handle, data: *mut c_void) {
    let handles: *const Handles = data.cast();
    // SAFETY: the hook was given this pointer; it is freed in the last close callback.
    unsafe {
        for handle in [(*handles).poll(), (*handles).prepare(), (*handles).idle()] {
            ((*handles).library.close)(handle, Some(on_closed));
        }
        (*handles).environment().end();
    }
}

unsafe extern "C" fn on_closed(handle: Handle) {
    // SAFETY: the handle's data is the `Handles`, which no callback uses any more after the last of the three.
    unsafe {
        let handles = ptr::from_ref(handles_of(handle)).cast_mut();
        let left = (*handles).open.get() - 1;
        (*handles).open.set(left);
        if left == 0 {
            sys::napi_remove_async_cleanup_hook((*handles).cleanup.get());
            drop(Box::from_raw(handles));
        }
    }
}
