use crate::config::suite_names;
use crate::keylog::c_string;
use peer_kit::{Flags, Psk, Role, Version};
use std::ffi::{CStr, CString, c_char, c_uchar, c_uint};
use std::sync::OnceLock;
use wolfssl_sys as ffi;

/// What the callbacks answer: there is one session.
static OWN: OnceLock<(Psk, CString)> = OnceLock::new();

/// Gives a context the pre-shared key.
///
/// # Safety
/// `ctx` is a live context.
pub unsafe fn set(ctx: *mut ffi::WOLFSSL_CTX, flags: &Flags, psk: &Psk) {
    let suite = suite_names(flags).into_iter().next().unwrap_or_default();
    OWN.get_or_init(|| (psk.clone(), c_string(&suite)));
    // SAFETY: the context lives, and the callbacks are functions.
    unsafe {
        if psk.alone {
            assert_eq!(ffi::wolfSSL_CTX_no_dhe_psk(ctx), 0);
        }
        match (flags.role, flags.version) {
            (Role::Client, Version::Dtls13) => ffi::wolfSSL_CTX_set_psk_client_tls13_callback(ctx, Some(offer13)),
            (Role::Client, _) => ffi::wolfSSL_CTX_set_psk_client_callback(ctx, Some(offer)),
            (Role::Server, Version::Dtls13) => ffi::wolfSSL_CTX_set_psk_server_tls13_callback(ctx, Some(find13)),
            (Role::Server, _) => ffi::wolfSSL_CTX_set_psk_server_callback(ctx, Some(find)),
        }
    }
}

unsafe extern "C" fn offer(
    _: *mut ffi::WOLFSSL,
    _hint: *const c_char,
    identity: *mut c_char,
    identity_size: c_uint,
    key: *mut c_uchar,
    key_size: c_uint,
) -> c_uint {
    let Some((psk, _)) = OWN.get() else { return 0 };
    let name = c_string(&psk.identity);
    let name = name.as_bytes_with_nul();
    if name.len() > identity_size as usize {
        return 0;
    }
    // SAFETY: wolfSSL gives writable buffers of these sizes.
    unsafe {
        std::ptr::copy_nonoverlapping(name.as_ptr().cast(), identity, name.len());
        copy_key(psk, key, key_size)
    }
}

unsafe extern "C" fn offer13(
    ssl: *mut ffi::WOLFSSL,
    hint: *const c_char,
    identity: *mut c_char,
    identity_size: c_uint,
    key: *mut c_uchar,
    key_size: c_uint,
    suite: *mut *const c_char,
) -> c_uint {
    // SAFETY: as above; `suite` is a place for a pointer to a string that lives on.
    unsafe {
        tell_suite(suite);
        offer(ssl, hint, identity, identity_size, key, key_size)
    }
}

unsafe extern "C" fn find(
    _: *mut ffi::WOLFSSL,
    identity: *const c_char,
    key: *mut c_uchar,
    key_size: c_uint,
) -> c_uint {
    let Some((psk, _)) = OWN.get() else { return 0 };
    // SAFETY: the identity is a string, and the buffer has the size given.
    unsafe {
        if CStr::from_ptr(identity).to_bytes() != psk.identity.as_bytes() {
            return 0;
        }
        copy_key(psk, key, key_size)
    }
}

unsafe extern "C" fn find13(
    ssl: *mut ffi::WOLFSSL,
    identity: *const c_char,
    key: *mut c_uchar,
    key_size: c_uint,
    suite: *mut *const c_char,
) -> c_uint {
    // SAFETY: as above.
    unsafe {
        tell_suite(suite);
        find(ssl, identity, key, key_size)
    }
}

unsafe fn tell_suite(suite: *mut *const c_char) {
    if let Some((_, name)) = OWN.get() {
        // SAFETY: the callers' promise.
        unsafe { *suite = name.as_ptr() };
    }
}

unsafe fn copy_key(psk: &Psk, key: *mut c_uchar, size: c_uint) -> c_uint {
    if psk.key.len() > size as usize {
        return 0;
    }
    // SAFETY: the callers' promise.
    unsafe { std::ptr::copy_nonoverlapping(psk.key.as_ptr(), key, psk.key.len()) };
    psk.key.len() as c_uint
}
