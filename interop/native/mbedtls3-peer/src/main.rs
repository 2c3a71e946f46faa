//! Mbed TLS 3.6 as a peer: DTLS 1.2 with the connection IDs of RFC 9146.

mod glue;
mod session;

use peer_kit::{Flags, Version, drive, refuse};

fn main() {
    let flags = Flags::from_args(&glue::version());
    if flags.version == Version::Dtls13 {
        refuse("Mbed TLS has no DTLS 1.3");
    }
    if flags.raw.is_some() || flags.session.is_some() || flags.mtu.is_some() {
        refuse("this program is for connection IDs; mbedtls-peer has the rest");
    }
    drive(|| session::open(&flags), &flags)
}
