use std::ffi::{CStr, c_char, c_int, c_longlong, c_uchar, c_ulonglong, c_void};

/// As in `glue.c`.
#[repr(C)]
pub struct Settings {
    pub server: c_int,
    pub cookie: c_int,
    pub cid_length: c_int,
    pub ca: *const c_char,
    pub cert: *const c_char,
    pub key: *const c_char,
    pub name: *const c_char,
    pub keylog: *const c_char,
    pub suites: *const c_int,
    pub cid: *const c_uchar,
    pub psk: *const c_uchar,
    pub psk_length: usize,
    pub psk_identity: *const c_char,
    pub send: unsafe extern "C" fn(*mut c_void, *const c_uchar, usize),
    pub context: *mut c_void,
}

/// One session, of C's.
#[repr(C)]
pub struct Peer {
    hidden: [u8; 0],
}

unsafe extern "C" {
    pub fn peer_open(settings: *const Settings, failure: *mut c_int) -> *mut Peer;
    pub fn peer_feed(peer: *mut Peer, datagram: *const c_uchar, length: usize);
    pub fn peer_handshake(peer: *mut Peer) -> c_int;
    pub fn peer_read(peer: *mut Peer, buffer: *mut c_uchar, size: usize) -> c_int;
    pub fn peer_write(peer: *mut Peer, message: *const c_uchar, length: usize) -> c_int;
    pub fn peer_close(peer: *mut Peer) -> c_int;
    pub fn peer_is_close_notify(result: c_int) -> c_int;
    pub fn peer_alert(peer: *const Peer, result: c_int) -> c_int;
    pub fn peer_wake(peer: *const Peer) -> c_longlong;
    pub fn peer_newest(peer: *const Peer) -> c_ulonglong;
    pub fn peer_suite(peer: *const Peer) -> c_int;
    pub fn peer_cid(peer: *mut Peer, own: c_int, id: *mut c_uchar) -> c_int;
    fn peer_reason(result: c_int, text: *mut c_char, size: usize);
    fn peer_version() -> *const c_char;
}

pub fn reason(result: c_int) -> String {
    let mut text = [0; 200];
    // SAFETY: the buffer's length is given, and the text in it ends in NUL.
    unsafe {
        peer_reason(result, text.as_mut_ptr(), text.len());
        CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
    }
}

pub fn version() -> String {
    // SAFETY: a string constant.
    unsafe { CStr::from_ptr(peer_version()) }
        .to_string_lossy()
        .into_owned()
}
