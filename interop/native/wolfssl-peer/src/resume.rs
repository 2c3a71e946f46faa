use crate::session::DTLS_1_3;
use peer_kit::refuse;
use std::ffi::{c_int, c_uchar, c_void};
use std::path::Path;
use std::ptr::null_mut;
use wolfssl_sys as ffi;

/// The next process of this program has to open the tickets of this one, so they are sealed for show only.
pub fn make_tickets(ctx: *mut ffi::WOLFSSL_CTX) {
    // SAFETY: the context lives, and the callback is a function.
    unsafe { ffi::wolfSSL_CTX_set_TicketEncCb(ctx, Some(mask)) };
}

unsafe extern "C" fn mask(
    _: *mut ffi::WOLFSSL,
    name: *mut c_uchar,
    iv: *mut c_uchar,
    mac: *mut c_uchar,
    seal: c_int,
    ticket: *mut c_uchar,
    length: c_int,
    out_length: *mut c_int,
    _: *mut c_void,
) -> c_int {
    // SAFETY: wolfSSL gives a name and a nonce of 16 bytes each, a MAC of 32, and a ticket of `length`.
    unsafe {
        if seal != 0 {
            std::ptr::write_bytes(name, 0x5a, 16);
            std::ptr::write_bytes(iv, 0x5a, 16);
            std::ptr::write_bytes(mac, 0x5a, 32);
        }
        for byte in std::slice::from_raw_parts_mut(ticket, length as usize) {
            *byte ^= 0x5a;
        }
        *out_length = length;
    }
    ffi::TicketEncRet_WOLFSSL_TICKET_RET_OK
}

/// Resumes the session in the file, if there is one.
pub fn offer(ssl: *mut ffi::WOLFSSL, path: &Path) {
    let Ok(kept) = std::fs::read(path) else { return };
    let mut at = kept.as_ptr();
    // SAFETY: the bytes are readable for the length given, and the session lives.
    let result = unsafe {
        let session = ffi::wolfSSL_d2i_SSL_SESSION(null_mut(), &mut at, kept.len() as _);
        ffi::wolfSSL_set_session(ssl, session)
    };
    if result != ffi::WOLFSSL_SUCCESS as c_int {
        refuse("wolfSSL refuses the session");
    }
}

/// Keeps the session in the file. In DTLS 1.3 there is one only when a ticket has come.
pub fn keep(ssl: *mut ffi::WOLFSSL, path: &Path) {
    // SAFETY: the session lives; what `i2d` allocates is as long as it says, and the process is about to end.
    unsafe {
        let session = ffi::wolfSSL_get1_session(ssl);
        let modern = ffi::wolfSSL_version(ssl) == DTLS_1_3;
        if session.is_null() || (modern && ffi::wolfSSL_SESSION_has_ticket(session) == 0) {
            return;
        }
        let mut bytes = null_mut();
        let length = ffi::wolfSSL_i2d_SSL_SESSION(session, &mut bytes);
        if length > 0 {
            let kept = std::slice::from_raw_parts(bytes, length as usize);
            std::fs::write(path, kept).expect("a session can be kept");
        }
    }
}
