use peer_kit::refuse;
use std::ffi::{CStr, c_char};
use wolfssl_sys as ffi;

/// wolfSSL's own name of a suite.
pub fn suite(code: u16) -> String {
    // SAFETY: it returns a string constant or NULL.
    let name = unsafe { ffi::wolfSSL_get_cipher_name_from_suite((code >> 8) as u8, code as u8) };
    text(name).unwrap_or_else(|| refuse(&format!("wolfSSL has no suite {code:#06x}")))
}

/// IANA's name of a group by wolfSSL's.
pub fn group(name: &str) -> String {
    match name {
        "X25519" => "x25519",
        "SECP256R1" => "secp256r1",
        "SECP384R1" => "secp384r1",
        other => other,
    }
    .to_string()
}

pub fn text(pointer: *const c_char) -> Option<String> {
    if pointer.is_null() {
        return None;
    }
    // SAFETY: wolfSSL's strings end in NUL and outlive the call.
    Some(unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

pub fn error(code: i32) -> String {
    // SAFETY: it returns a string constant.
    text(unsafe { ffi::wolfSSL_ERR_reason_error_string(code as _) }).unwrap_or_default()
}
