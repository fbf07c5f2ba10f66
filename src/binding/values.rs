//! Values to and from JavaScript, by raw Node-API calls.

use std::ffi::{CStr, c_void};
use std::ptr;

use napi::sys;

use crate::net::memory::{self, NoMemory};
use crate::net::{SocketError, address_text};

/// A value, or nothing where the call failed (an exception is pending, or JavaScript can't run any more).
pub type Value = sys::napi_value;

/// The raw environment.
pub type Raw = sys::napi_env;

/// Whether a call succeeded.
pub fn ok(status: sys::napi_status) -> bool {
    status == sys::Status::napi_ok
}

/// A Node-API call by its name.
macro_rules! node_api {
    ($function:ident($($argument:expr),* $(,)?)) => {
        // SAFETY: every call of this module is made so. The first argument is the live environment of the calling thread: nobody
        // else has a `Raw`. Values are handles of an open scope, or null; the engine checks what kind of value each is, and answers
        // with a status. Every pointer is that of a local variable, of a NUL-terminated constant, or of memory that is as long as
        // the argument behind it says: all of them outlive the call, which keeps none.
        unsafe { sys::$function($($argument),*) }
    };
}

/// What a Node-API call gives in its last argument: `value(|out| node_api!(napi_get_undefined(env, out)))`.
fn value(call: impl FnOnce(*mut Value) -> sys::napi_status) -> Value {
    let mut out = ptr::null_mut();
    if ok(call(&raw mut out)) { out } else { ptr::null_mut() }
}

/// `undefined`.
pub fn undefined(env: Raw) -> Value {
    value(|out| node_api!(napi_get_undefined(env, out)))
}

/// `null`.
pub fn null(env: Raw) -> Value {
    value(|out| node_api!(napi_get_null(env, out)))
}

/// A small whole number.
pub fn int(env: Raw, number: i32) -> Value {
    value(|out| node_api!(napi_create_int32(env, number, out)))
}

/// A whole number.
pub fn uint(env: Raw, number: u32) -> Value {
    value(|out| node_api!(napi_create_uint32(env, number, out)))
}

/// A count that may be beyond 32 bits; exact up to 2^53.
pub fn float(env: Raw, number: u64) -> Value {
    value(|out| node_api!(napi_create_double(env, number as f64, out)))
}

/// true or false.
pub fn boolean(env: Raw, flag: bool) -> Value {
    value(|out| node_api!(napi_get_boolean(env, flag, out)))
}

/// A string.
pub fn string(env: Raw, text: &str) -> Value {
    value(|out| node_api!(napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, out)))
}

/// An object without members.
pub fn object(env: Raw) -> Value {
    value(|out| node_api!(napi_create_object(env, out)))
}

/// An array of these values.
pub fn array(env: Raw, values: &[Value]) -> Value {
    let array = value(|out| node_api!(napi_create_array_with_length(env, values.len(), out)));
    for (index, element) in (0..).zip(values) {
        // A failed call leaves the element undefined.
        node_api!(napi_set_element(env, array, index, *element));
    }
    array
}

/// Sets a member.
pub fn set(env: Raw, object: Value, name: &CStr, member: Value) {
    // A failed call leaves the member undefined.
    node_api!(napi_set_named_property(env, object, name.as_ptr(), member));
}

/// Reads a member.
pub fn get(env: Raw, object: Value, name: &CStr) -> Value {
    value(|out| node_api!(napi_get_named_property(env, object, name.as_ptr(), out)))
}

/// The elements of an array; none of what is no array.
pub fn elements(env: Raw, array: Value) -> Result<Vec<Value>, NoMemory> {
    let mut length = 0;
    if !ok(node_api!(napi_get_array_length(env, array, &raw mut length))) {
        return Ok(Vec::new());
    }
    let mut elements = memory::vec(length as usize)?;
    elements.extend((0..length).map(|index| value(|out| node_api!(napi_get_element(env, array, index, out)))));
    Ok(elements)
}

/// The kind of a value.
pub fn type_of(env: Raw, of: Value) -> sys::napi_valuetype {
    let mut kind = sys::ValueType::napi_undefined;
    node_api!(napi_typeof(env, of, &raw mut kind));
    kind
}

/// A number as u32.
pub fn to_u32(env: Raw, from: Value) -> Option<u32> {
    let mut number = 0;
    ok(node_api!(napi_get_value_uint32(env, from, &raw mut number))).then_some(number)
}

/// A number as u64: sizes of Blobs.
pub fn to_u64(env: Raw, from: Value) -> Option<u64> {
    let mut number = 0f64;
    ok(node_api!(napi_get_value_double(env, from, &raw mut number))).then_some(number as u64)
}

/// A boolean.
pub fn to_bool(env: Raw, from: Value) -> Option<bool> {
    let mut flag = false;
    ok(node_api!(napi_get_value_bool(env, from, &raw mut flag))).then_some(flag)
}

/// A string, lone surrogates replaced; `None` of what is no string.
pub fn to_string(env: Raw, from: Value) -> Result<Option<String>, NoMemory> {
    let (mut length, no_buffer) = (0, ptr::null_mut());
    // Without a buffer it tells the length.
    if !ok(node_api!(napi_get_value_string_utf8(env, from, no_buffer, 0, &raw mut length))) {
        return Ok(None);
    }
    let mut bytes: Vec<u8> = memory::vec(length + 1)?;
    let (start, room) = (bytes.as_mut_ptr().cast(), bytes.capacity());
    if !ok(node_api!(napi_get_value_string_utf8(env, from, start, room, &raw mut length))) {
        return Ok(None);
    }
    // SAFETY: the call has written `length` bytes, and a NUL behind them, and no more than there was room for.
    unsafe { bytes.set_len(length.min(room)) };
    memory::text(bytes).map(Some)
}

/// Where the bytes of an ArrayBuffer, or of a view, lie now, for whoever writes there. A detached one has none.
pub fn place_of(env: Raw, of: Value) -> Option<(*mut u8, usize)> {
    let (mut start, mut length): (*mut c_void, usize) = (ptr::null_mut(), 0);
    let mut kind = sys::TypedarrayType::uint8_array;
    if ok(node_api!(napi_get_arraybuffer_info(env, of, &raw mut start, &raw mut length))) {
        return Some((start.cast(), length));
    }
    let (kind_place, length_place, start_place) = (&raw mut kind, &raw mut length, &raw mut start);
    let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
    if ok(node_api!(napi_get_typedarray_info(env, of, kind_place, length_place, start_place, buffer, offset))) {
        return Some((start.cast(), length * element_size(kind)?));
    }
    ok(node_api!(napi_get_dataview_info(env, of, length_place, start_place, buffer, offset)))
        .then_some((start.cast(), length))
}

/// The bytes of an ArrayBuffer or of a view.
///
/// # Safety
/// The slice is valid only until JavaScript runs again or the handle scope closes.
pub unsafe fn to_bytes<'a>(env: Raw, from: Value) -> Option<&'a [u8]> {
    let (start, length) = place_of(env, from)?;
    if length == 0 || start.is_null() {
        return Some(&[]);
    }
    // SAFETY: the engine says that `length` bytes lie at `start` now; the caller lets no JavaScript change that.
    Some(unsafe { std::slice::from_raw_parts(start, length) })
}

/// Bytes of one element, by the numbers of `napi_typedarray_type`.
fn element_size(kind: i32) -> Option<usize> {
    Some(match kind {
        0..=2 => 1,
        // float16, the newest.
        3 | 4 | 11 => 2,
        5..=7 => 4,
        8..=10 => 8,
        _ => return None,
    })
}

/// A new ArrayBuffer of exactly these bytes.
pub fn array_buffer(env: Raw, bytes: &[u8]) -> Value {
    let (mut start, mut out) = (ptr::null_mut(), ptr::null_mut());
    if !ok(node_api!(napi_create_arraybuffer(env, bytes.len(), &raw mut start, &raw mut out))) {
        return ptr::null_mut();
    }
    if !bytes.is_empty() {
        // SAFETY: the engine gave `bytes.len()` bytes at `start`, which nothing else knows of yet.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start.cast(), bytes.len()) };
    }
    out
}

/// A new ArrayBuffer that no JavaScript knows of, of `length` bytes, and where they lie. They are not cleared where the runtime can
/// do without: in a Buffer that native code makes, which has its ArrayBuffer for itself.
pub fn blank_array_buffer(env: Raw, length: usize) -> Option<(Value, *mut u8)> {
    let (mut start, mut view) = (ptr::null_mut(), ptr::null_mut());
    if ok(node_api!(napi_create_buffer(env, length, &raw mut start, &raw mut view))) {
        let (mut offset, mut buffer) = (0, ptr::null_mut());
        let (kind, count) = (ptr::null_mut(), ptr::null_mut());
        let (start_place, buffer_place) = (&raw mut start, &raw mut buffer);
        let told =
            node_api!(napi_get_typedarray_info(env, view, kind, count, start_place, buffer_place, &raw mut offset));
        if ok(told) && offset == 0 && place_of(env, buffer) == Some((start.cast(), length)) {
            return Some((buffer, start.cast()));
        }
    } else {
        clear_exception(env);
    }
    let mut buffer = ptr::null_mut();
    let made = node_api!(napi_create_arraybuffer(env, length, &raw mut start, &raw mut buffer));
    if !ok(made) {
        clear_exception(env);
        return None;
    }
    Some((buffer, start.cast()))
}

/// A new ArrayBuffer on memory of ours; `None` where the engine has no such thing (Electron).
///
/// # Safety
/// `start` must point to `length` bytes that may be written, and that live until `release` is called with `hint`.
pub unsafe fn external_array_buffer(
    env: Raw,
    start: *mut u8,
    length: usize,
    release: unsafe extern "C" fn(Raw, *mut c_void, *mut c_void),
    hint: *mut c_void,
) -> Option<Value> {
    let mut buffer = ptr::null_mut();
    let (start, buffer_place) = (start.cast(), &raw mut buffer);
    // SAFETY: the caller vouches for the memory and for what `release` does with `hint`; the rest is as in every call here.
    let made = unsafe { sys::napi_create_external_arraybuffer(env, start, length, Some(release), hint, buffer_place) };
    if ok(made) {
        return Some(buffer);
    }
    clear_exception(env);
    None
}

/// A view on an ArrayBuffer, of the engine's own making whatever the globals of that name are: a Uint8Array, or a Uint32Array.
pub fn view(env: Raw, buffer: Value, kind: sys::napi_typedarray_type) -> Option<Value> {
    let (_, length) = place_of(env, buffer)?;
    let count = length / element_size(kind)?;
    let view = value(|out| node_api!(napi_create_typedarray(env, kind, count, buffer, 0, out)));
    (!view.is_null()).then_some(view)
}

/// A reference that holds a value.
pub fn hold(env: Raw, to: Value) -> Option<sys::napi_ref> {
    let mut reference = ptr::null_mut();
    ok(node_api!(napi_create_reference(env, to, 1, &raw mut reference))).then_some(reference)
}

/// A reference that lets its value be collected.
pub fn refer(env: Raw, to: Value) -> Option<sys::napi_ref> {
    let mut reference = ptr::null_mut();
    ok(node_api!(napi_create_reference(env, to, 0, &raw mut reference))).then_some(reference)
}

/// An exception that a call has left is nobody's.
fn clear_exception(env: Raw) {
    // There may be none: then the status says so.
    value(|out| node_api!(napi_get_and_clear_last_exception(env, out)));
}

/// A `Failure` (docs/binding.md).
pub fn failure(env: Raw, error: &SocketError) -> Value {
    let failure = object(env);
    set(env, failure, c"name", string(env, error.name()));
    if let Some(code) = error.code() {
        set(env, failure, c"code", string(env, &code));
    }
    if let Some(syscall) = error.syscall() {
        set(env, failure, c"syscall", string(env, syscall.name()));
    }
    if let Some(address) = error.address() {
        set(env, failure, c"address", string(env, &address_text(&address)));
    }
    if let Some(port) = error.port() {
        set(env, failure, c"port", uint(env, port.into()));
    }
    set(env, failure, c"reason", string(env, &error.to_string()));
    failure
}

/// The value of a Result, or else the Failure that is answered.
macro_rules! attempt {
    ($call:expr, $result:expr) => {
        match $result {
            Ok(value) => value,
            Err(error) => return failure($call.raw, &SocketError::from(error)),
        }
    };
}
pub(super) use attempt;
