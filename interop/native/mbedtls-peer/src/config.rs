use crate::resume;
use crate::secrets;
use mbedtls_sys as ffi;
use peer_kit::names::{group_codes, suite_codes};
use peer_kit::{Flags, Psk, Role, Version, refuse};
use std::ffi::{c_int, c_uchar, c_void};
use std::mem::zeroed;
use std::path::Path;
use std::ptr::{null, null_mut};

/// What all sessions of this program have, as the flags say. It is never freed, and neither is what it refers to.
pub fn configure(flags: &Flags) -> *mut ffi::ssl_config {
    refuse_unknown(flags);
    // SAFETY: structures of zeros are what the init functions ask for; all that the configuration keeps is leaked.
    unsafe {
        let conf: *mut ffi::ssl_config = leak(zeroed());
        let side = match flags.role {
            Role::Client => ffi::SSL_IS_CLIENT,
            Role::Server => ffi::SSL_IS_SERVER,
        };
        ffi::ssl_config_init(conf);
        let (datagrams, preset) = (ffi::SSL_TRANSPORT_DATAGRAM, ffi::SSL_PRESET_DEFAULT);
        demand(
            ffi::ssl_config_defaults(conf, side, datagrams, preset),
            "the defaults",
        );
        ffi::ssl_conf_rng(conf, Some(random), null_mut());
        ffi::ssl_conf_min_version(conf, ffi::SSL_MAJOR_VERSION_3, ffi::SSL_MINOR_VERSION_3);
        ffi::ssl_conf_export_keys_ext_cb(conf, Some(secrets::keep), null_mut());
        set_credentials(conf, flags);
        set_negotiation(conf, flags);
        if flags.role == Role::Server {
            set_cookies(conf, flags);
            resume::remember(conf, flags);
        }
        conf
    }
}

fn refuse_unknown(flags: &Flags) {
    if flags.version == Version::Dtls13 {
        refuse("Mbed TLS has no DTLS 1.3");
    }
    if flags.cid.is_some() {
        refuse("Mbed TLS 2.28 has only a draft of connection IDs");
    }
    if flags.staple.is_some() || flags.raw.is_some() || flags.early.is_some() {
        refuse("Mbed TLS has neither staples nor raw public keys nor early data");
    }
}

unsafe fn set_credentials(conf: *mut ffi::ssl_config, flags: &Flags) {
    // SAFETY: see `configure`.
    unsafe {
        ffi::ssl_conf_authmode(conf, ffi::SSL_VERIFY_NONE);
        if let Some(ca) = &flags.ca {
            ffi::ssl_conf_ca_chain(conf, certificates(ca), null_mut());
            ffi::ssl_conf_authmode(conf, ffi::SSL_VERIFY_REQUIRED);
        }
        if let (Some(cert), Some(key)) = (&flags.cert, &flags.key) {
            demand(
                ffi::ssl_conf_own_cert(conf, certificates(cert), private_key(key)),
                "the certificate",
            );
        }
        if let Some(Psk { identity, key, .. }) = &flags.psk {
            let result = ffi::ssl_conf_psk(conf, key.as_ptr(), key.len(), identity.as_ptr(), identity.len());
            demand(result, "the pre-shared key");
        }
    }
}

unsafe fn set_negotiation(conf: *mut ffi::ssl_config, flags: &Flags) {
    let mut suites: Vec<c_int> = suite_codes(&flags.suites).into_iter().map(c_int::from).collect();
    let mut groups: Vec<ffi::ecp_group_id> = group_codes(&flags.groups).into_iter().map(group).collect();
    // SAFETY: see `configure`; the lists end in 0.
    unsafe {
        if !suites.is_empty() {
            suites.push(0);
            ffi::ssl_conf_ciphersuites(conf, suites.leak().as_ptr());
        }
        if !groups.is_empty() {
            groups.push(0);
            ffi::ssl_conf_curves(conf, groups.leak().as_ptr());
        }
        match flags.max_fragment {
            None => {}
            Some(512) => demand(
                ffi::ssl_conf_max_frag_len(conf, ffi::SSL_MAX_FRAG_LEN_512 as c_uchar),
                "max_fragment_length",
            ),
            Some(_) => refuse("--max-fragment is 512 or nothing here"),
        }
        if flags.role == Role::Client {
            ffi::ssl_conf_session_tickets(conf, c_int::from(flags.tickets));
        }
    }
}

fn group(code: u16) -> ffi::ecp_group_id {
    match code {
        0x17 => ffi::ECP_DP_SECP256R1,
        0x18 => ffi::ECP_DP_SECP384R1,
        0x1d => ffi::ECP_DP_CURVE25519,
        _ => refuse(&format!("no group {code:#06x} here")),
    }
}

/// Without a word about cookies Mbed TLS serves nobody.
unsafe fn set_cookies(conf: *mut ffi::ssl_config, flags: &Flags) {
    // SAFETY: see `configure`.
    unsafe {
        if flags.cookie == Some(false) {
            return ffi::ssl_conf_dtls_cookies(conf, None, None, null_mut());
        }
        let cookies: *mut ffi::ssl_cookie_ctx = leak(zeroed());
        ffi::ssl_cookie_init(cookies);
        demand(
            ffi::ssl_cookie_setup(cookies, Some(random), null_mut()),
            "the cookies",
        );
        ffi::ssl_conf_dtls_cookies(
            conf,
            Some(ffi::ssl_cookie_write),
            Some(ffi::ssl_cookie_check),
            cookies.cast(),
        );
    }
}

unsafe fn certificates(path: &Path) -> *mut ffi::x509_crt {
    let pem = pem(path);
    // SAFETY: the PEM text ends in NUL, which its length counts.
    unsafe {
        let chain = leak(zeroed());
        ffi::x509_crt_init(chain);
        demand(
            ffi::x509_crt_parse(chain, pem.as_ptr(), pem.len()),
            "a certificate",
        );
        chain
    }
}

unsafe fn private_key(path: &Path) -> *mut ffi::pk_context {
    let pem = pem(path);
    // SAFETY: as above.
    unsafe {
        let key = leak(zeroed());
        ffi::pk_init(key);
        demand(
            ffi::pk_parse_key(key, pem.as_ptr(), pem.len(), null(), 0),
            "the private key",
        );
        key
    }
}

fn pem(path: &Path) -> Vec<u8> {
    let mut text = std::fs::read(path).unwrap_or_else(|_| refuse(&format!("cannot read {}", path.display())));
    text.push(0);
    text
}

unsafe extern "C" fn random(_: *mut c_void, buffer: *mut c_uchar, length: usize) -> c_int {
    // SAFETY: Mbed TLS gives `length` writable bytes.
    let got = unsafe { libc::getrandom(buffer.cast(), length, 0) };
    if got == length as isize { 0 } else { -1 }
}

/// A place that stays as long as the program.
pub fn leak<T>(value: T) -> *mut T {
    Box::leak(Box::new(value))
}

pub fn demand(result: c_int, what: &str) {
    if result != 0 {
        refuse(&format!("Mbed TLS refuses {what}: {}", error(result)));
    }
}

pub fn error(code: c_int) -> String {
    let mut text = [0_u8; 200];
    // SAFETY: the buffer's length is given, and the text in it ends in NUL.
    unsafe {
        ffi::strerror(code, text.as_mut_ptr().cast(), text.len());
        std::ffi::CStr::from_ptr(text.as_ptr().cast())
            .to_string_lossy()
            .into_owned()
    }
}
