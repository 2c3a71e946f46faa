use mbedtls_sys as ffi;
use peer_kit::{EXPORTER_LABEL, EXPORTER_LENGTH, hex};
use std::ffi::{CString, c_int, c_uchar, c_void};
use std::io::Write;
use std::path::Path;
use std::slice::from_raw_parts;
use std::sync::Mutex;

/// Of the session under way; there is one at a time.
static LAST: Mutex<Option<Secrets>> = Mutex::new(None);

struct Secrets {
    master: Vec<u8>,
    client_random: Vec<u8>,
    server_random: Vec<u8>,
    function: ffi::tls_prf_types,
}

/// Takes the secrets of a session when Mbed TLS makes its keys.
pub unsafe extern "C" fn keep(
    _: *mut c_void,
    master: *const c_uchar,
    _: *const c_uchar,
    _: usize,
    _: usize,
    _: usize,
    client_random: *const c_uchar,
    server_random: *const c_uchar,
    function: ffi::tls_prf_types,
) -> c_int {
    // SAFETY: Mbed TLS gives a master secret of 48 bytes, and randoms of 32.
    let secrets = unsafe {
        Secrets {
            master: from_raw_parts(master, 48).to_vec(),
            client_random: from_raw_parts(client_random, 32).to_vec(),
            server_random: from_raw_parts(server_random, 32).to_vec(),
            function,
        }
    };
    *LAST.lock().expect("one thread") = Some(secrets);
    0
}

/// RFC 5705, which Mbed TLS leaves to its caller.
pub fn exporter() -> String {
    let last = LAST.lock().expect("one thread");
    let secrets = last.as_ref().expect("the handshake is complete");
    let seed = [secrets.client_random.as_slice(), &secrets.server_random].concat();
    let label = CString::new(EXPORTER_LABEL).expect("a label has no NUL");
    let mut exported = [0_u8; EXPORTER_LENGTH];
    // SAFETY: every buffer is given with its length, and the label ends in NUL.
    let result = unsafe {
        ffi::ssl_tls_prf(
            secrets.function,
            secrets.master.as_ptr(),
            secrets.master.len(),
            label.as_ptr(),
            seed.as_ptr(),
            seed.len(),
            exported.as_mut_ptr(),
            exported.len(),
        )
    };
    assert_eq!(result, 0, "there is a function");
    hex(&exported)
}

/// Writes the key log, in NSS's format.
pub fn log(path: &Path) {
    let last = LAST.lock().expect("one thread");
    let Some(secrets) = last.as_ref() else { return };
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.expect("the key log can be written");
    let (random, master) = (hex(&secrets.client_random), hex(&secrets.master));
    let _ = writeln!(file, "CLIENT_RANDOM {random} {master}");
}
