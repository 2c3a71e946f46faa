//! wolfSSL as a peer.

mod cid;
mod config;
mod early;
mod keylog;
mod names;
mod pipe;
mod psk;
mod raw;
mod resume;
mod session;

use peer_kit::{Flags, drive};

fn main() {
    let flags = Flags::from_args(&format!("wolfSSL {}", wolfssl_sys::get_wolfssl_version_string()));
    let ctx = config::context(&flags);
    drive(|| session::open(ctx, &flags), &flags)
}
