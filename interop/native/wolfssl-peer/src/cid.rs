use crate::config::demand;
use peer_kit::{hex, random};
use std::ffi::{c_int, c_uint};
use std::net::SocketAddr;
use std::ptr::null_mut;
use wolfssl_sys as ffi;

const OK: c_int = ffi::WOLFSSL_SUCCESS as c_int;
/// Of an IPv4 address as the system writes it, bytes.
const ADDRESS_LENGTH: usize = 16;
const INTERNET: u16 = 2;

/// Offers or accepts connection IDs; what comes is to have one of `length` bytes.
pub fn negotiate(ssl: *mut ffi::WOLFSSL, length: usize) {
    let mut own = random(length);
    // SAFETY: the session lives; the ID is readable for its length, and copied.
    unsafe {
        demand(ffi::wolfSSL_dtls_cid_use(ssl), "connection IDs");
        demand(
            ffi::wolfSSL_dtls_cid_set(ssl, own.as_mut_ptr(), own.len() as c_uint),
            "the connection ID",
        );
    }
}

/// The connection IDs in use, as facts: this side's, and the other's.
pub fn facts(ssl: *mut ffi::WOLFSSL) -> Vec<(&'static str, String)> {
    // SAFETY: the session lives; wolfSSL gives its own buffers, as long as it says.
    unsafe {
        if ffi::wolfSSL_dtls_cid_is_enabled(ssl) == 0 {
            return Vec::new();
        }
        let (mut own, mut own_size, mut other, mut other_size) = (null_mut(), 0, null_mut(), 0);
        ffi::wolfSSL_dtls_cid_get0_rx(ssl, &mut own);
        ffi::wolfSSL_dtls_cid_get_rx_size(ssl, &mut own_size);
        ffi::wolfSSL_dtls_cid_get0_tx(ssl, &mut other);
        ffi::wolfSSL_dtls_cid_get_tx_size(ssl, &mut other_size);
        vec![
            ("cid-own", text(own, own_size)),
            ("cid-other", text(other, other_size)),
        ]
    }
}

unsafe fn text(id: *const u8, size: c_uint) -> String {
    if id.is_null() {
        return String::new();
    }
    // SAFETY: it is as long as wolfSSL says.
    hex(unsafe { std::slice::from_raw_parts(id, size as usize) })
}

/// Whether a datagram begins with a record that has a connection ID, by which a server finds its session.
pub fn begins(datagram: &[u8], length: usize) -> bool {
    // SAFETY: the datagram is readable for its length.
    let found =
        unsafe { ffi::wolfSSL_dtls_cid_parse(datagram.as_ptr(), datagram.len() as c_uint, length as c_uint) };
    length > 0 && !found.is_null()
}

/// Where wolfSSL believes the other side to be, which it moves when an authentic and newest record came from elsewhere.
pub struct Place {
    ssl: *mut ffi::WOLFSSL,
    known: [u8; ADDRESS_LENGTH],
}

impl Place {
    /// At first nowhere: only the caller knows it.
    pub fn new(ssl: *mut ffi::WOLFSSL) -> Place {
        let mut known = encode(SocketAddr::from(([0, 0, 0, 0], 0)));
        // SAFETY: the session lives; the address is readable for its length, and copied.
        let result =
            unsafe { ffi::wolfSSL_dtls_set_peer(ssl, known.as_mut_ptr().cast(), ADDRESS_LENGTH as c_uint) };
        demand(result, "an address");
        Place { ssl, known }
    }

    /// Says from where the next datagram comes.
    pub fn suppose(&self, from: SocketAddr) {
        self.set_pending(encode(from));
    }

    /// Whether the datagram just read moved the other side to where it came from.
    pub fn moved(&mut self) -> bool {
        let mut now = [0; ADDRESS_LENGTH];
        let mut size = ADDRESS_LENGTH as c_uint;
        // SAFETY: the buffer is writable for the size given.
        let result = unsafe { ffi::wolfSSL_dtls_get_peer(self.ssl, now.as_mut_ptr().cast(), &mut size) };
        let moved = result == OK && now != self.known;
        if moved {
            self.known = now;
        } else {
            // What did not come to be is forgotten, so that no later datagram is taken for it.
            self.set_pending(self.known);
        }
        moved
    }

    fn set_pending(&self, mut address: [u8; ADDRESS_LENGTH]) {
        // SAFETY: as in `new`.
        unsafe {
            ffi::wolfSSL_dtls_set_pending_peer(
                self.ssl,
                address.as_mut_ptr().cast(),
                ADDRESS_LENGTH as c_uint,
            )
        };
    }
}

/// A `sockaddr_in`. The relay that changes addresses has IPv4 alone.
fn encode(address: SocketAddr) -> [u8; ADDRESS_LENGTH] {
    let mut bytes = [0; ADDRESS_LENGTH];
    let SocketAddr::V4(address) = address else {
        return bytes;
    };
    bytes[..2].copy_from_slice(&INTERNET.to_ne_bytes());
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    bytes[4..8].copy_from_slice(&address.ip().octets());
    bytes
}
