use crate::cid;
use crate::early;
use crate::keylog::{self, c_string};
use crate::pipe::{self, Pipe};
use crate::psk;
use crate::raw;
use crate::resume;
use peer_kit::names::{group_codes, suite_codes};
use peer_kit::{Flags, Role, Version, refuse};
use std::ffi::{c_int, c_uchar, c_void};
use std::path::Path;
use std::ptr::null;
use wolfssl_sys as ffi;

const OK: c_int = ffi::WOLFSSL_SUCCESS as c_int;
pub const PEM: c_int = ffi::WOLFSSL_FILETYPE_PEM as c_int;

/// What all sessions of this program have, as the flags say.
pub fn context(flags: &Flags) -> *mut ffi::WOLFSSL_CTX {
    if flags.staple.is_some() {
        refuse("wolfSSL is built without OCSP");
    }
    // SAFETY: every pointer given to wolfSSL is a live string, buffer or object; it checks and copies what it keeps.
    unsafe {
        ffi::wolfSSL_Init();
        let ctx = ffi::wolfSSL_CTX_new(method(flags));
        assert!(!ctx.is_null());
        set_credentials(ctx, flags);
        set_negotiation(ctx, flags);
        if let Some(psk) = &flags.psk {
            psk::set(ctx, flags, psk);
        }
        if let Some(keys) = &flags.raw {
            raw::set(ctx, flags, keys);
        }
        ffi::wolfSSL_CTX_SetIORecv(ctx, Some(pipe::receive));
        ffi::wolfSSL_CTX_SetIOSend(ctx, Some(pipe::send));
        ffi::wolfSSL_CTX_SetGenCookie(ctx, Some(make_cookie));
        if flags.role == Role::Server && flags.tickets {
            resume::make_tickets(ctx);
        }
        if flags.role == Role::Server && flags.early.is_some() {
            early::allow(ctx);
        }
        ctx
    }
}

/// A session as the flags say, whose datagrams go through `pipe`.
pub fn configure(ctx: *mut ffi::WOLFSSL_CTX, flags: &Flags, pipe: *mut Pipe) -> *mut ffi::WOLFSSL {
    // SAFETY: as above; wolfSSL keeps the pipe itself, which its owner keeps in its place.
    unsafe {
        let ssl = ffi::wolfSSL_new(ctx);
        assert!(!ssl.is_null());
        ffi::wolfSSL_SetIOReadCtx(ssl, pipe.cast());
        ffi::wolfSSL_SetIOWriteCtx(ssl, pipe.cast());
        ffi::wolfSSL_dtls_set_using_nonblock(ssl, 1);
        // The exporter needs secrets that are erased otherwise.
        ffi::wolfSSL_KeepArrays(ssl);
        if let Some(mtu) = flags.mtu {
            demand(ffi::wolfSSL_dtls_set_mtu(ssl, mtu), "the MTU");
        }
        if let Some(path) = &flags.keylog {
            keylog::start(ssl, path);
        }
        if let Some(length) = flags.cid {
            cid::negotiate(ssl, length);
        }
        match flags.role {
            Role::Client => configure_client(ssl, flags),
            Role::Server => configure_server(ssl, flags),
        }
        ssl
    }
}

unsafe fn method(flags: &Flags) -> *mut ffi::WOLFSSL_METHOD {
    // SAFETY: constructors without arguments.
    unsafe {
        match (flags.role, flags.version) {
            (Role::Client, Version::Dtls12) => ffi::wolfDTLSv1_2_client_method(),
            (Role::Client, Version::Dtls13) => ffi::wolfDTLSv1_3_client_method(),
            (Role::Client, Version::Any) => ffi::wolfDTLS_client_method(),
            (Role::Server, Version::Dtls12) => ffi::wolfDTLSv1_2_server_method(),
            (Role::Server, Version::Dtls13) => ffi::wolfDTLSv1_3_server_method(),
            (Role::Server, Version::Any) => ffi::wolfDTLS_server_method(),
        }
    }
}

unsafe fn set_credentials(ctx: *mut ffi::WOLFSSL_CTX, flags: &Flags) {
    // SAFETY: see `configure`.
    unsafe {
        if let Some(ca) = &flags.ca {
            let verify = ffi::WOLFSSL_VERIFY_PEER | ffi::WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
            demand(
                ffi::wolfSSL_CTX_load_verify_locations(ctx, file(ca).as_ptr(), null()),
                "the CA",
            );
            ffi::wolfSSL_CTX_set_verify(ctx, verify as c_int, None);
        }
        if let (Some(cert), Some(key)) = (&flags.cert, &flags.key) {
            demand(
                ffi::wolfSSL_CTX_use_certificate_file(ctx, file(cert).as_ptr(), PEM),
                "the certificate",
            );
            demand(
                ffi::wolfSSL_CTX_use_PrivateKey_file(ctx, file(key).as_ptr(), PEM),
                "the key",
            );
        }
    }
}

unsafe fn set_negotiation(ctx: *mut ffi::WOLFSSL_CTX, flags: &Flags) {
    let suites = suite_names(flags);
    let mut groups: Vec<c_int> = group_codes(&flags.groups).into_iter().map(c_int::from).collect();
    // SAFETY: see `configure`.
    unsafe {
        if !suites.is_empty() {
            demand(
                ffi::wolfSSL_CTX_set_cipher_list(ctx, c_string(&suites.join(":")).as_ptr()),
                "the suites",
            );
        }
        if !groups.is_empty() {
            demand(
                ffi::wolfSSL_CTX_set_groups(ctx, groups.as_mut_ptr(), groups.len() as c_int),
                "the groups",
            );
        }
    }
}

/// wolfSSL's names of the suites to have.
pub fn suite_names(flags: &Flags) -> Vec<String> {
    let codes = suite_codes(&flags.suites);
    codes.into_iter().map(crate::names::suite).collect()
}

unsafe fn configure_client(ssl: *mut ffi::WOLFSSL, flags: &Flags) {
    // SAFETY: see `configure`.
    unsafe {
        if let Some(name) = &flags.name {
            demand(
                ffi::wolfSSL_UseSNI(ssl, 0, name.as_ptr().cast(), name.len() as u16),
                "the name",
            );
            demand(
                ffi::wolfSSL_check_domain_name(ssl, c_string(name).as_ptr()),
                "the name",
            );
        }
        if let Some(path) = &flags.session {
            if flags.tickets {
                demand(ffi::wolfSSL_UseSessionTicket(ssl), "tickets");
            }
            resume::offer(ssl, path);
        }
        for group in group_codes(&flags.shares) {
            demand(ffi::wolfSSL_UseKeyShare(ssl, group), "the key shares");
        }
    }
}

unsafe fn configure_server(ssl: *mut ffi::WOLFSSL, flags: &Flags) {
    if flags.version == Version::Dtls12 {
        return;
    }
    // SAFETY: see `configure`; without a secret wolfSSL makes one.
    unsafe {
        match flags.cookie {
            Some(false) => demand(ffi::wolfSSL_disable_hrr_cookie(ssl), "no cookie"),
            _ => demand(ffi::wolfSSL_send_hrr_cookie(ssl, null(), 0), "the cookie"),
        }
        demand(
            ffi::wolfSSL_dtls13_allow_ch_frag(ssl, 1),
            "ClientHellos in fragments",
        );
        if flags.early.as_deref() == Some("take") {
            // A HelloRetryRequest refuses early data.
            demand(
                ffi::wolfSSL_dtls13_no_hrr_on_resume(ssl, 1),
                "no cookie for tickets",
            );
        }
    }
}

/// wolfSSL makes DTLS 1.2's cookie of the client's address, which it does not know here; there is one session for each.
unsafe extern "C" fn make_cookie(
    ssl: *mut ffi::WOLFSSL,
    cookie: *mut c_uchar,
    size: c_int,
    _: *mut c_void,
) -> c_int {
    // SAFETY: wolfSSL gives `size` writable bytes.
    let cookie = unsafe { std::slice::from_raw_parts_mut(cookie, size as usize) };
    for (byte, own) in cookie.iter_mut().zip((ssl as usize).to_ne_bytes().into_iter().cycle()) {
        *byte = own;
    }
    size
}

pub fn file(path: &Path) -> std::ffi::CString {
    c_string(&path.to_string_lossy())
}

pub fn demand(result: c_int, what: &str) {
    if result != OK {
        refuse(&format!(
            "wolfSSL refuses {what}: {result} {}",
            crate::names::error(result)
        ));
    }
}
