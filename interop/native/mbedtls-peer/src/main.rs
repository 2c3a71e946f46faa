//! Mbed TLS as a peer: DTLS 1.2.

mod config;
mod pipe;
mod resume;
mod secrets;
mod session;

use peer_kit::{Flags, drive};

fn main() {
    let flags = Flags::from_args("Mbed TLS of mbedtls-sys-auto 2.28.15");
    let config = config::configure(&flags);
    drive(|| session::open(config, &flags), &flags)
}
