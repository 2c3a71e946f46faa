use crate::config::{PEM, demand, file};
use peer_kit::{Flags, RawKeys, refuse};
use std::ffi::{c_char, c_int};
use wolfssl_sys as ffi;

const DER: c_int = ffi::WOLFSSL_FILETYPE_ASN1 as c_int;
/// RFC 7250: no certificates.
const RAW_ONLY: [c_char; 1] = [2];

/// Shows a raw public key, and takes one from the other side alone.
pub unsafe fn set(ctx: *mut ffi::WOLFSSL_CTX, flags: &Flags, keys: &RawKeys) {
    let key = flags.key.as_ref().unwrap_or_else(|| refuse("--raw-own needs --key"));
    let peer = std::fs::read(&keys.peer).unwrap_or_else(|_| refuse("--raw-peer cannot be read"));
    let verify = ffi::WOLFSSL_VERIFY_PEER | ffi::WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    // SAFETY: wolfSSL copies what it keeps of the strings and buffers, which live.
    unsafe {
        demand(
            ffi::wolfSSL_CTX_use_certificate_file(ctx, file(&keys.own).as_ptr(), DER),
            "the raw public key",
        );
        demand(
            ffi::wolfSSL_CTX_use_PrivateKey_file(ctx, file(key).as_ptr(), PEM),
            "the key",
        );
        demand(
            ffi::wolfSSL_CTX_set_client_cert_type(ctx, RAW_ONLY.as_ptr(), 1),
            "the client's type",
        );
        demand(
            ffi::wolfSSL_CTX_set_server_cert_type(ctx, RAW_ONLY.as_ptr(), 1),
            "the server's type",
        );
        demand(
            ffi::wolfSSL_CTX_set_expected_rpk(ctx, peer.as_ptr(), peer.len() as u32),
            "the other side's key",
        );
        ffi::wolfSSL_CTX_set_verify(ctx, verify as c_int, None);
    }
}
