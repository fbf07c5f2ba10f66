//! Converts values to and from JavaScript. `memory_views.rs` does this for bytes.

use std::ffi::CStr;
use std::ptr;

use napi::sys;

use super::env::{Env, Value, ok};
use crate::net::memory::{self, NoMemory};

/// Values for JavaScript.
impl<'scope> Env<'scope> {
    /// `undefined`.
    pub fn undefined(self) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `out` points to a local variable of
        // `made`.
        self.made(|out| unsafe { sys::napi_get_undefined(self.raw(), out) })
    }

    /// `null`.
    pub fn null(self) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `out` points to a local variable of
        // `made`.
        self.made(|out| unsafe { sys::napi_get_null(self.raw(), out) })
    }

    /// A small whole number.
    pub fn int(self, number: i32) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the number is passed by value; `out`
        // points to a local variable of `made`.
        self.made(|out| unsafe { sys::napi_create_int32(self.raw(), number, out) })
    }

    /// A whole number.
    pub fn uint(self, number: u32) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the number is passed by value; `out`
        // points to a local variable of `made`.
        self.made(|out| unsafe { sys::napi_create_uint32(self.raw(), number, out) })
    }

    /// A number that may have a fraction.
    pub fn double(self, number: f64) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the number is passed by value; `out`
        // points to a local variable of `made`.
        self.made(|out| unsafe { sys::napi_create_double(self.raw(), number, out) })
    }

    /// A count that may need more than 32 bits. It is exact up to 2^53.
    pub fn float(self, number: u64) -> Value<'scope> {
        self.double(number as f64)
    }

    /// true or false.
    pub fn boolean(self, flag: bool) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the flag is passed by value; `out`
        // points to a local variable of `made`.
        self.made(|out| unsafe { sys::napi_get_boolean(self.raw(), flag, out) })
    }

    /// A string.
    pub fn string(self, text: &str) -> Value<'scope> {
        let (start, length) = (text.as_ptr().cast(), text.len().cast_signed());
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `length` bytes of UTF-8 lie at `start`,
        // and the call copies them; `out` points to a local variable of `made`.
        self.made(|out| unsafe { sys::napi_create_string_utf8(self.raw(), start, length, out) })
    }

    /// A string of these characters, which are Latin-1.
    pub fn latin1(self, text: &[u8]) -> Value<'scope> {
        let (start, length) = (text.as_ptr().cast(), text.len().cast_signed());
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `length` bytes lie at `start`, and the call
        // copies them; `out` points to a local variable of `made`.
        self.made(|out| unsafe { sys::napi_create_string_latin1(self.raw(), start, length, out) })
    }

    /// An object without members.
    pub fn object(self) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `out` points to a local variable of
        // `made`.
        self.made(|out| unsafe { sys::napi_create_object(self.raw(), out) })
    }

    /// An array of these values.
    pub fn array(self, values: &[Value<'scope>]) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the length is passed by value; `out`
        // points to a local variable of `made`.
        let array = self.made(|out| unsafe { sys::napi_create_array_with_length(self.raw(), values.len(), out) });
        for (index, element) in (0..).zip(values) {
            // A failed call leaves the element undefined.
            // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; array and element are handles of the
            // `Env`'s scope or null, which the engine refuses; the call keeps no pointer.
            unsafe { sys::napi_set_element(self.raw(), array.raw(), index, element.raw()) };
        }
        array
    }

    /// Sets a member of an object.
    pub fn set(self, object: Value<'scope>, name: &CStr, member: Value<'scope>) {
        // A failed call leaves the member undefined.
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; object and member are handles of the
        // `Env`'s scope or null, which the engine refuses; the name ends with a NUL and outlives the call.
        unsafe { sys::napi_set_named_property(self.raw(), object.raw(), name.as_ptr(), member.raw()) };
    }

    /// Calls a function without arguments, with the function itself as `this`. `Err` if it throws, or if JavaScript cannot run.
    pub fn call(self, function: Value<'scope>) -> Result<Value<'scope>, sys::napi_status> {
        self.call_method(function, function, None)
    }

    /// Calls a function with `receiver` as `this` and with at most one argument. `Err` if it throws, or if JavaScript cannot run.
    pub fn call_method(
        self,
        receiver: Value<'scope>,
        function: Value<'scope>,
        argument: Option<Value<'scope>>,
    ) -> Result<Value<'scope>, sys::napi_status> {
        let argument = argument.map(Value::raw);
        let arguments = argument.as_slice();
        let mut status = sys::Status::napi_ok;
        let result = self.made(|out| {
            // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; receiver, function and argument are
            // handles of the `Env`'s scope or null, which the engine refuses; `arguments` is as long as it says and outlives the call;
            // `out` points to a local variable of `made`.
            status = unsafe {
                let (count, start) = (arguments.len(), arguments.as_ptr());
                sys::napi_call_function(self.raw(), receiver.raw(), function.raw(), count, start, out)
            };
            status
        });
        if ok(status) { Ok(result) } else { Err(status) }
    }
}

/// Values from JavaScript.
impl<'scope> Env<'scope> {
    /// Reads a member of an object. (A getter runs.)
    pub fn get(self, object: Value<'scope>, name: &CStr) -> Value<'scope> {
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the object is a handle of the `Env`'s
        // scope or null, which the engine refuses; the name ends with a NUL and outlives the call; `out` points to a local variable of
        // `made`.
        self.made(|out| unsafe { sys::napi_get_named_property(self.raw(), object.raw(), name.as_ptr(), out) })
    }

    /// The elements of an array. The list is empty if the value is not an array.
    pub fn elements(self, array: Value<'scope>) -> Result<Vec<Value<'scope>>, NoMemory> {
        let mut length = 0;
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is
        // an array; `length` outlives the call.
        if !ok(unsafe { sys::napi_get_array_length(self.raw(), array.raw(), &raw mut length) }) {
            return Ok(Vec::new());
        }
        let mut elements = memory::vec(length as usize)?;
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the array is a handle of the `Env`'s
        // scope, and the engine accepts any index; `out` points to a local variable of `made`.
        let element = |index| self.made(|out| unsafe { sys::napi_get_element(self.raw(), array.raw(), index, out) });
        elements.extend((0..length).map(element));
        Ok(elements)
    }

    /// The kind of a value: one of the numbers of `napi_valuetype`. It is `napi_undefined` if there is no value.
    pub fn type_of(self, of: Value<'scope>) -> sys::napi_valuetype {
        let mut kind = sys::ValueType::napi_undefined;
        // SAFETY: an `Env` exists only while its environment is live, and on that environment's thread. The value is a handle of this
        // `Env`'s scope, or null, which the engine refuses. `kind` outlives the call.
        unsafe { sys::napi_typeof(self.raw(), of.raw(), &raw mut kind) };
        kind
    }

    /// Whether a value is a string.
    pub fn is_string(self, value: Value<'scope>) -> bool {
        self.type_of(value) == sys::ValueType::napi_string
    }

    /// A number as u32; `None` if the value is not a number. In Deno undefined counts as 0.
    pub fn to_u32(self, from: Value<'scope>) -> Option<u32> {
        let mut number = 0;
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is a
        // number; `number` outlives the call.
        ok(unsafe { sys::napi_get_value_uint32(self.raw(), from.raw(), &raw mut number) }).then_some(number)
    }

    /// A number that may be missing, as u32; `None` if the value is undefined, or anything else that is not a number.
    pub fn to_optional_u32(self, from: Value<'scope>) -> Option<u32> {
        (self.type_of(from) == sys::ValueType::napi_number).then(|| self.to_u32(from)).flatten()
    }

    /// A number as u64, for sizes of Blobs; `None` if the value is not a number.
    pub fn to_u64(self, from: Value<'scope>) -> Option<u64> {
        let mut number = 0f64;
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is a
        // number; `number` outlives the call.
        ok(unsafe { sys::napi_get_value_double(self.raw(), from.raw(), &raw mut number) }).then_some(number as u64)
    }

    /// A boolean; `None` if the value is not a boolean.
    pub fn to_bool(self, from: Value<'scope>) -> Option<bool> {
        let mut flag = false;
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is a
        // boolean; `flag` outlives the call.
        ok(unsafe { sys::napi_get_value_bool(self.raw(), from.raw(), &raw mut flag) }).then_some(flag)
    }

    /// A string, with U+FFFD for each lone surrogate; `None` if the value is not a string.
    pub fn to_text(self, from: Value<'scope>) -> Result<Option<String>, NoMemory> {
        let mut length = 0;
        // Without a buffer the call only returns the length.
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; the engine checks whether the value is a
        // string; there is no buffer to write to, and `length` outlives the call.
        let measured =
            unsafe { sys::napi_get_value_string_utf8(self.raw(), from.raw(), ptr::null_mut(), 0, &raw mut length) };
        if !ok(measured) {
            return Ok(None);
        }
        let mut bytes: Vec<u8> = memory::vec(length + 1)?;
        let (start, room) = (bytes.as_mut_ptr().cast(), bytes.capacity());
        // SAFETY: an `Env` exists only on its environment's thread, while the environment is live; `bytes` has room for `room` bytes at
        // `start`, and the call writes at most `room` bytes; `length` outlives the call.
        let copied = unsafe { sys::napi_get_value_string_utf8(self.raw(), from.raw(), start, room, &raw mut length) };
        if !ok(copied) {
            return Ok(None);
        }
        // SAFETY: the call has written `length` bytes at the start of `bytes` and a NUL after them, at most `room` bytes in all.
        unsafe { bytes.set_len(length.min(room)) };
        memory::text(bytes).map(Some)
    }
}
