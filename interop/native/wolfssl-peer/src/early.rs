use peer_kit::{Event, Role};
use std::collections::VecDeque;
use std::ffi::c_int;
use wolfssl_sys as ffi;

/// Bytes that a server takes in early data.
const LIMIT: u32 = 4096;

/// Lets the tickets of this context carry early data.
pub fn allow(ctx: *mut ffi::WOLFSSL_CTX) {
    // SAFETY: the context lives.
    unsafe { ffi::wolfSSL_CTX_set_max_early_data(ctx, LIMIT) };
}

/// Early data of one session: a client says one line, a server takes what comes.
pub struct Early {
    line: Vec<u8>,
    /// Whether a client has sent the line, or a server has heard the end of early data.
    done: bool,
    /// Bytes that a server took.
    taken: usize,
}

impl Early {
    pub fn new(line: String) -> Early {
        Early {
            line: format!("{line}\n").into_bytes(),
            done: false,
            taken: 0,
        }
    }

    /// Goes on with early data; what wolfSSL says when that is not over yet, `None` when the handshake is to go on.
    pub fn advance(
        &mut self,
        ssl: *mut ffi::WOLFSSL,
        role: Role,
        events: &mut VecDeque<Event>,
    ) -> Option<c_int> {
        if self.done {
            return None;
        }
        match role {
            Role::Client => self.write(ssl),
            Role::Server => self.read(ssl, events),
        }
    }

    fn write(&mut self, ssl: *mut ffi::WOLFSSL) -> Option<c_int> {
        self.done = true;
        let mut written = 0;
        // SAFETY: the session lives, and the line is readable for its length. Without a ticket for it nothing is written.
        unsafe {
            let length = self.line.len() as c_int;
            ffi::wolfSSL_write_early_data(ssl, self.line.as_ptr().cast(), length, &mut written);
        }
        None
    }

    fn read(&mut self, ssl: *mut ffi::WOLFSSL, events: &mut VecDeque<Event>) -> Option<c_int> {
        let mut buffer = [0_u8; LIMIT as usize];
        loop {
            let mut length = 0;
            // SAFETY: the buffer is writable for the length given.
            let result = unsafe {
                let size = buffer.len() as c_int;
                ffi::wolfSSL_read_early_data(ssl, buffer.as_mut_ptr().cast(), size, &mut length)
            };
            if length > 0 {
                self.taken += length as usize;
                events.push_back(Event::Message(buffer[..length as usize].to_vec()));
                continue;
            }
            if result >= 0 {
                self.done = true;
                return None;
            }
            return Some(result);
        }
    }

    /// Whether the server took what this client said.
    pub fn accepted(&self, ssl: *mut ffi::WOLFSSL) -> bool {
        // SAFETY: the session lives.
        unsafe { ffi::wolfSSL_get_early_data_status(ssl) == ffi::WOLFSSL_EARLY_DATA_ACCEPTED as c_int }
    }

    pub fn outcome(&self, ssl: *mut ffi::WOLFSSL, role: Role) -> &'static str {
        let accepted = match role {
            Role::Client => self.accepted(ssl),
            Role::Server => self.taken > 0,
        };
        if accepted { "accepted" } else { "refused" }
    }

    pub fn message(&self) -> &[u8] {
        &self.line
    }
}
