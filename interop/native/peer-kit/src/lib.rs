//! What the foreign peers share: their command line, their words, and the loop between a UDP socket, standard input and a session.
//!
//! A peer takes lines on standard input and sends each as one message. Lines that begin with a slash are commands:
//! `/update` (new sending keys), `/update-request` (and asks for the other side's), `/close`. The end of the input closes too.
//! Messages received go to standard output as they are, and a server sends each back. What it knows of the session goes to
//! standard error as `key=value` lines.

mod drive;
mod flags;
pub mod names;

pub use drive::drive;
pub use flags::{Flags, Psk, RawKeys, Role, Version};

use std::net::SocketAddr;
use std::time::Duration;

/// The label of the secret that both sides of a session print, to be compared; no context, 32 bytes.
pub const EXPORTER_LABEL: &str = "EXPORTER-interop";
pub const EXPORTER_LENGTH: usize = 32;

/// One association of a DTLS implementation, without its socket.
pub trait Session {
    /// Takes a datagram from the network.
    fn receive(&mut self, datagram: Vec<u8>);
    /// Takes a datagram from another address than the session's; whether the other side is there from now on.
    fn receive_elsewhere(&mut self, _datagram: Vec<u8>, _from: SocketAddr) -> bool {
        false
    }
    /// Goes on with whatever can go on: the first flight, a retransmission.
    fn advance(&mut self);
    /// Time until `advance` wants to be called.
    fn wake(&mut self) -> Option<Duration>;
    /// Sends a message as one record.
    fn send(&mut self, message: &[u8]);
    /// Starts to send under new keys, and asks the other side to do so when `request` is set.
    fn update_keys(&mut self, request: bool) -> Result<(), String>;
    /// Sends close_notify.
    fn close(&mut self);
    /// Takes the next datagram to be sent.
    fn outgoing(&mut self) -> Option<Vec<u8>>;
    fn event(&mut self) -> Option<Event>;
}

pub enum Event {
    /// The handshake is complete; `facts` are printed.
    Established(Vec<(&'static str, String)>),
    Message(Vec<u8>),
    AlertSent(u8),
    AlertReceived(u8),
    /// The other side sent close_notify.
    PeerClosed,
    /// The session is lost.
    Failed(String),
}

/// Prints one fact.
pub fn report(key: &str, value: &str) {
    eprintln!("{key}={}", value.replace('\n', " "));
}

/// `length` bytes that the system chooses.
pub fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    // SAFETY: the buffer is writable for the length given.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), length, 0) };
    assert_eq!(got, length as isize, "there is randomness");
    bytes
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Ends the program before a session began: the flags ask for what this implementation does not have.
pub fn refuse(reason: &str) -> ! {
    report("error", reason);
    std::process::exit(2);
}
