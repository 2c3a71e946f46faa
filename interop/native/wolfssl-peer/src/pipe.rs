use std::collections::VecDeque;
use std::ffi::{c_char, c_int, c_void};
use wolfssl_sys::WOLFSSL;

const WANT_READ: c_int = -2;

/// The datagrams between wolfSSL and the socket. It is boxed, because wolfSSL keeps its address.
#[derive(Default)]
pub struct Pipe {
    pub incoming: VecDeque<Vec<u8>>,
    pub outgoing: VecDeque<Vec<u8>>,
}

pub unsafe extern "C" fn receive(
    _: *mut WOLFSSL,
    buffer: *mut c_char,
    size: c_int,
    pipe: *mut c_void,
) -> c_int {
    // SAFETY: the context is the pipe of this session, and wolfSSL gives `size` writable bytes.
    unsafe {
        let Some(datagram) = (*pipe.cast::<Pipe>()).incoming.pop_front() else {
            return WANT_READ;
        };
        let length = datagram.len().min(size as usize);
        std::ptr::copy_nonoverlapping(datagram.as_ptr(), buffer.cast(), length);
        length as c_int
    }
}

pub unsafe extern "C" fn send(_: *mut WOLFSSL, buffer: *mut c_char, size: c_int, pipe: *mut c_void) -> c_int {
    // SAFETY: the context is the pipe of this session, and wolfSSL gives `size` readable bytes.
    unsafe {
        let datagram = std::slice::from_raw_parts(buffer.cast::<u8>(), size as usize);
        (*pipe.cast::<Pipe>()).outgoing.push_back(datagram.to_vec());
    }
    size
}
