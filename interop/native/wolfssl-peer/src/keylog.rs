use peer_kit::hex;
use std::ffi::{CString, c_int, c_uchar, c_void};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use wolfssl_sys as ffi;

/// Writes the secrets of a session in NSS's format; the file stays open as long as the program runs.
pub fn start(ssl: *mut ffi::WOLFSSL, path: &Path) {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("the key log can be written");
    let file: *mut File = Box::leak(Box::new(file));
    // SAFETY: the callbacks get the leaked file back, which is never freed.
    unsafe {
        ffi::wolfSSL_set_tls13_secret_cb(ssl, Some(on_secret13), file.cast());
        ffi::wolfSSL_set_secret_cb(ssl, Some(on_secret12), file.cast());
    }
}

unsafe extern "C" fn on_secret13(
    ssl: *mut ffi::WOLFSSL,
    id: c_int,
    secret: *const c_uchar,
    size: c_int,
    file: *mut c_void,
) -> c_int {
    let label = match id as u32 {
        ffi::Tls13Secret_CLIENT_HANDSHAKE_TRAFFIC_SECRET => "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
        ffi::Tls13Secret_SERVER_HANDSHAKE_TRAFFIC_SECRET => "SERVER_HANDSHAKE_TRAFFIC_SECRET",
        ffi::Tls13Secret_CLIENT_TRAFFIC_SECRET => "CLIENT_TRAFFIC_SECRET_0",
        ffi::Tls13Secret_SERVER_TRAFFIC_SECRET => "SERVER_TRAFFIC_SECRET_0",
        ffi::Tls13Secret_EXPORTER_SECRET => "EXPORTER_SECRET",
        _ => return 0,
    };
    // SAFETY: wolfSSL gives `size` readable bytes, and the file of `start`.
    unsafe {
        write(
            ssl,
            label,
            std::slice::from_raw_parts(secret, size as usize),
            file,
        )
    };
    0
}

unsafe extern "C" fn on_secret12(
    ssl: *mut ffi::WOLFSSL,
    secret: *mut c_void,
    size: c_int,
    file: *mut c_void,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        write(
            ssl,
            "CLIENT_RANDOM",
            std::slice::from_raw_parts(secret.cast(), size as usize),
            file,
        )
    };
    0
}

unsafe fn write(ssl: *mut ffi::WOLFSSL, label: &str, secret: &[u8], file: *mut c_void) {
    let mut random = [0; 32];
    // SAFETY: the buffer's size is given; the file is the one of `start`.
    unsafe {
        ffi::wolfSSL_get_client_random(ssl, random.as_mut_ptr(), random.len());
        let _ = writeln!(*file.cast::<File>(), "{label} {} {}", hex(&random), hex(secret));
    }
}

/// A path or name for wolfSSL.
pub fn c_string(text: &str) -> CString {
    CString::new(text).expect("arguments have no NUL")
}
