use crate::config::{error, leak};
use mbedtls_sys as ffi;
use peer_kit::{Flags, refuse};
use std::ffi::{c_int, c_uchar, c_void};
use std::mem::zeroed;
use std::path::Path;
use std::ptr::null_mut;

/// More than a session with a chain of certificates takes, bytes.
const MAX_SESSION: usize = 16_384;
/// Of a ticket, seconds.
const LIFETIME: u32 = 86_400;
const MASK: u8 = 0x5a;

/// A server remembers sessions by their ids, and gives tickets.
pub unsafe fn remember(conf: *mut ffi::ssl_config, flags: &Flags) {
    // SAFETY: the cache is leaked, as the configuration is.
    unsafe {
        let cache: *mut ffi::ssl_cache_context = leak(zeroed());
        ffi::ssl_cache_init(cache);
        let (get, set) = (ffi::ssl_cache_get, ffi::ssl_cache_set);
        ffi::ssl_conf_session_cache(conf, cache.cast(), Some(get), Some(set));
        if flags.tickets {
            ffi::ssl_conf_session_tickets_cb(conf, Some(write), Some(parse), null_mut());
        }
    }
}

/// The next process of this program has to open the tickets of this one, so they are sealed for show only.
unsafe extern "C" fn write(
    _: *mut c_void,
    session: *const ffi::ssl_session,
    start: *mut c_uchar,
    end: *const c_uchar,
    length: *mut usize,
    lifetime: *mut u32,
) -> c_int {
    // SAFETY: Mbed TLS gives writable bytes from `start` to `end`, and places for the two numbers.
    unsafe {
        *lifetime = LIFETIME;
        let result = ffi::ssl_session_save(session, start, end.offset_from(start) as usize, length);
        if result == 0 {
            mask(start, *length);
        }
        result
    }
}

unsafe extern "C" fn parse(
    _: *mut c_void,
    session: *mut ffi::ssl_session,
    ticket: *mut c_uchar,
    length: usize,
) -> c_int {
    // SAFETY: Mbed TLS gives `length` writable bytes.
    unsafe {
        mask(ticket, length);
        ffi::ssl_session_load(session, ticket, length)
    }
}

unsafe fn mask(bytes: *mut c_uchar, length: usize) {
    // SAFETY: the callers' promise.
    for byte in unsafe { std::slice::from_raw_parts_mut(bytes, length) } {
        *byte ^= MASK;
    }
}

/// Resumes the session in the file, if there is one.
pub fn offer(ssl: *mut ffi::ssl_context, path: &Path) {
    let Ok(kept) = std::fs::read(path) else { return };
    // SAFETY: the bytes are readable for their length; the session is copied.
    let result = unsafe {
        let mut session = zeroed();
        ffi::ssl_session_init(&mut session);
        match ffi::ssl_session_load(&mut session, kept.as_ptr(), kept.len()) {
            0 => ffi::ssl_set_session(ssl, &session),
            failure => failure,
        }
    };
    if result != 0 {
        refuse(&format!("Mbed TLS refuses the session: {}", error(result)));
    }
}

/// Keeps the session in the file.
pub fn keep(ssl: *mut ffi::ssl_context, path: &Path) {
    let mut kept = vec![0; MAX_SESSION];
    let mut length = 0;
    // SAFETY: the session is filled by a copy, and the buffer is given with its length.
    let result = unsafe {
        let mut session = zeroed();
        ffi::ssl_session_init(&mut session);
        match ffi::ssl_get_session(ssl, &mut session) {
            0 => ffi::ssl_session_save(&session, kept.as_mut_ptr(), kept.len(), &mut length),
            failure => failure,
        }
    };
    assert_eq!(result, 0, "a session can be saved");
    std::fs::write(path, &kept[..length]).expect("a session can be kept");
}
