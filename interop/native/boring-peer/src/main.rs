//! BoringSSL as a peer.

mod config;
mod pipe;
mod session;

use peer_kit::{Flags, drive};

fn main() {
    let flags = Flags::from_args("BoringSSL of boring-sys 5.4.0");
    let context = config::context(&flags);
    drive(|| session::open(&context, &flags), &flags)
}
