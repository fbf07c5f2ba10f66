//! Values to and from JavaScript, by raw Node-API calls.

use std::ffi::{CStr, c_void};
use std::ptr;

use napi::sys;

use crate::net::{SocketError, address_text};

/// A value, or nothing where the call failed (an exception is pending, or JavaScript can't run any more).
pub type Value = sys::napi_value;

/// The raw environment.
pub type Raw = sys::napi_env;

/// Whether a call succeeded.
pub fn ok(status: sys::napi_status) -> bool {
    status == sys::Status::napi_ok
}

/// Runs a Node-API call that gives a value: `value(|out| unsafe { sys::napi_get_undefined(env, out) })`.
fn value(call: impl FnOnce(*mut Value) -> sys::napi_status) -> Value {
    let mut out = ptr::null_mut();
    if ok(call(&raw mut out)) { out } else { ptr::null_mut() }
}

/// `undefined`.
pub fn undefined(env: Raw) -> Value {
    // SAFETY: `env` is the live environment of the calling thread; so it is in all functions here.
    value(|out| unsafe { sys::napi_get_undefined(env, out) })
}

/// `null`.
pub fn null(env: Raw) -> Value {
    // SAFETY: as above.
    value(|out| unsafe { sys::napi_get_null(env, out) })
}

/// A small whole number.
pub fn int(env: Raw, number: i32) -> Value {
    // SAFETY: as above.
    value(|out| unsafe { sys::napi_create_int32(env, number, out) })
}

/// A whole number.
pub fn uint(env: Raw, number: u32) -> Value {
    // SAFETY: as above.
    value(|out| unsafe { sys::napi_create_uint32(env, number, out) })
}

/// A count that may be beyond 32 bits; exact up to 2^53.
pub fn float(env: Raw, number: u64) -> Value {
    // SAFETY: as above.
    value(|out| unsafe { sys::napi_create_double(env, number as f64, out) })
}

/// true or false.
pub fn boolean(env: Raw, flag: bool) -> Value {
    // SAFETY: as above.
    value(|out| unsafe { sys::napi_get_boolean(env, flag, out) })
}

/// A string.
pub fn string(env: Raw, text: &str) -> Value {
    // SAFETY: as above; the pointer and the length are those of `text`.
    value(|out| unsafe { sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, out) })
}

/// An object without members.
pub fn object(env: Raw) -> Value {
    // SAFETY: as above.
    value(|out| unsafe { sys::napi_create_object(env, out) })
}

/// An array of these values.
pub fn array(env: Raw, values: &[Value]) -> Value {
    // SAFETY: as above.
    let array = value(|out| unsafe { sys::napi_create_array_with_length(env, values.len(), out) });
    for (index, element) in (0..).zip(values) {
        // SAFETY: as above. A failed call leaves the element undefined.
        unsafe { sys::napi_set_element(env, array, index, *element) };
    }
    array
}

/// Sets a member.
pub fn set(env: Raw, object: Value, name: &CStr, member: Value) {
    // SAFETY: as above; `name` is NUL-terminated. A failed call leaves the member undefined.
    unsafe { sys::napi_set_named_property(env, object, name.as_ptr(), member) };
}

/// Reads a member.
pub fn get(env: Raw, object: Value, name: &CStr) -> Value {
    // SAFETY: as above.
    value(|out| unsafe { sys::napi_get_named_property(env, object, name.as_ptr(), out) })
}

/// The elements of an array.
pub fn elements(env: Raw, array: Value) -> Vec<Value> {
    let mut length = 0;
    // SAFETY: as above; fails for what is no array.
    if !ok(unsafe { sys::napi_get_array_length(env, array, &raw mut length) }) {
        return Vec::new();
    }
    // SAFETY: as above.
    (0..length).map(|index| value(|out| unsafe { sys::napi_get_element(env, array, index, out) })).collect()
}

/// The kind of a value.
pub fn type_of(env: Raw, of: Value) -> sys::napi_valuetype {
    let mut kind = sys::ValueType::napi_undefined;
    // SAFETY: as above.
    unsafe { sys::napi_typeof(env, of, &raw mut kind) };
    kind
}

/// A number as u32.
pub fn to_u32(env: Raw, from: Value) -> Option<u32> {
    let mut number = 0;
    // SAFETY: as above.
    ok(unsafe { sys::napi_get_value_uint32(env, from, &raw mut number) }).then_some(number)
}

/// A number as u64: sizes of Blobs.
pub fn to_u64(env: Raw, from: Value) -> Option<u64> {
    let mut number = 0f64;
    // SAFETY: as above.
    ok(unsafe { sys::napi_get_value_double(env, from, &raw mut number) }).then_some(number as u64)
}

/// A boolean.
pub fn to_bool(env: Raw, from: Value) -> Option<bool> {
    let mut flag = false;
    // SAFETY: as above.
    ok(unsafe { sys::napi_get_value_bool(env, from, &raw mut flag) }).then_some(flag)
}

/// A string, lone surrogates replaced.
pub fn to_string(env: Raw, from: Value) -> Option<String> {
    let mut length = 0;
    // SAFETY: as above; a null buffer asks for the length.
    if !ok(unsafe { sys::napi_get_value_string_utf8(env, from, ptr::null_mut(), 0, &raw mut length) }) {
        return None;
    }
    let mut bytes = vec![0u8; length + 1];
    // SAFETY: as above; the buffer has `length + 1` bytes.
    let status =
        unsafe { sys::napi_get_value_string_utf8(env, from, bytes.as_mut_ptr().cast(), length + 1, &raw mut length) };
    if !ok(status) {
        return None;
    }
    bytes.truncate(length);
    Some(String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

/// The bytes of an ArrayBuffer or of a view.
///
/// # Safety
/// The slice is valid only until JavaScript runs again or the handle scope closes.
pub unsafe fn to_bytes<'a>(env: Raw, from: Value) -> Option<&'a [u8]> {
    let (mut start, mut length): (*mut c_void, usize) = (ptr::null_mut(), 0);
    // SAFETY: as above; each call checks what kind of value it was given.
    let is_bytes = unsafe {
        if ok(sys::napi_get_arraybuffer_info(env, from, &raw mut start, &raw mut length)) {
            true
        } else {
            let mut kind = sys::TypedarrayType::uint8_array;
            let none = ptr::null_mut();
            if ok(sys::napi_get_typedarray_info(
                env,
                from,
                &raw mut kind,
                &raw mut length,
                &raw mut start,
                none,
                none.cast(),
            )) {
                length *= element_size(kind)?;
                true
            } else {
                ok(sys::napi_get_dataview_info(env, from, &raw mut length, &raw mut start, none, none.cast()))
            }
        }
    };
    if !is_bytes {
        return None;
    }
    if length == 0 || start.is_null() {
        return Some(&[]);
    }
    // SAFETY: the engine vouches for `length` bytes at `start`; the caller for their use.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), length) })
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
    // SAFETY: as above.
    if !ok(unsafe { sys::napi_create_arraybuffer(env, bytes.len(), &raw mut start, &raw mut out) }) {
        return ptr::null_mut();
    }
    if !bytes.is_empty() {
        // SAFETY: the engine gave `bytes.len()` bytes at `start`, which nothing else knows of yet.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), start.cast(), bytes.len()) };
    }
    out
}

/// A `Failure` (docs/binding.md).
pub fn failure(env: Raw, error: &SocketError) -> Value {
    let failure = object(env);
    set(env, failure, c"name", string(env, error.name()));
    if let Some(code) = error.code() {
        set(env, failure, c"code", string(env, &code));
    }
    if let Some(syscall) = error.syscall() {
        set(env, failure, c"syscall", string(env, syscall));
    }
    if let Some(address) = error.address() {
        set(env, failure, c"address", string(env, &address_text(&address)));
    }
    if let Some(port) = error.port() {
        set(env, failure, c"port", uint(env, port.into()));
    }
    set(env, failure, c"reason", string(env, &error.reason()));
    failure
}
