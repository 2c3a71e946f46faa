use mbedtls_sys as ffi;
use std::collections::VecDeque;
use std::ffi::{c_int, c_uchar, c_void};
use std::time::{Duration, Instant};

/// A record of DTLS 1.2: its type, version, epoch, sequence number and length.
const HEADER: usize = 13;
const ALERT: u8 = 21;

/// The datagrams between Mbed TLS and the socket, and its timer, which the caller keeps. It is boxed, because Mbed TLS keeps
/// its address.
#[derive(Default)]
pub struct Pipe {
    pub incoming: VecDeque<Vec<u8>>,
    pub outgoing: VecDeque<Vec<u8>>,
    /// Alerts that were sent in the clear; Mbed TLS does not tell of its own.
    pub alerts: Vec<u8>,
    timer: Option<Timer>,
}

struct Timer {
    intermediate: Instant,
    end: Instant,
}

impl Pipe {
    /// Time until Mbed TLS wants to be called.
    pub fn wake(&self) -> Option<Duration> {
        let timer = self.timer.as_ref()?;
        Some(timer.end.saturating_duration_since(Instant::now()))
    }
}

pub unsafe extern "C" fn receive(pipe: *mut c_void, buffer: *mut c_uchar, size: usize) -> c_int {
    // SAFETY: the context is the pipe of this session, and Mbed TLS gives `size` writable bytes.
    unsafe {
        let Some(datagram) = (*pipe.cast::<Pipe>()).incoming.pop_front() else {
            return ffi::ERR_SSL_WANT_READ;
        };
        let length = datagram.len().min(size);
        std::ptr::copy_nonoverlapping(datagram.as_ptr(), buffer, length);
        length as c_int
    }
}

pub unsafe extern "C" fn send(pipe: *mut c_void, buffer: *const c_uchar, size: usize) -> c_int {
    // SAFETY: the context is the pipe of this session, and Mbed TLS gives `size` readable bytes.
    let (pipe, datagram) = unsafe {
        (
            &mut *pipe.cast::<Pipe>(),
            std::slice::from_raw_parts(buffer, size),
        )
    };
    if let [ALERT, _, _, 0, 0, ..] = datagram
        && let Some(code) = datagram.get(HEADER + 1)
    {
        pipe.alerts.push(*code);
    }
    pipe.outgoing.push_back(datagram.to_vec());
    size as c_int
}

/// Two times from now, milliseconds; an end of 0 stops the timer.
pub unsafe extern "C" fn set_timer(pipe: *mut c_void, intermediate: u32, end: u32) {
    let later = |ms: u32| Instant::now() + Duration::from_millis(ms.into());
    let timer = Timer {
        intermediate: later(intermediate),
        end: later(end),
    };
    // SAFETY: the context is the pipe of this session.
    unsafe { (*pipe.cast::<Pipe>()).timer = (end != 0).then_some(timer) };
}

/// -1: stopped; else how many of the two times have passed.
pub unsafe extern "C" fn get_timer(pipe: *mut c_void) -> c_int {
    // SAFETY: the context is the pipe of this session.
    let timer = unsafe { &(*pipe.cast::<Pipe>()).timer };
    let passed = |time: Instant| c_int::from(time <= Instant::now());
    timer
        .as_ref()
        .map_or(-1, |timer| passed(timer.intermediate) + passed(timer.end))
}
