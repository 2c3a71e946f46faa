use crate::config::{demand, error, leak};
use crate::pipe::{self, Pipe};
use crate::{resume, secrets};
use mbedtls_sys as ffi;
use peer_kit::{Event, Flags, Role, Session, names};
use std::collections::VecDeque;
use std::ffi::{CString, c_int};
use std::mem::zeroed;
use std::path::PathBuf;
use std::time::Duration;

const CLOSE_NOTIFY: u8 = 0;
/// Cookies are made for it; there is one client at a time.
const CLIENT: &[u8] = b"the client";

pub fn open(config: *mut ffi::ssl_config, flags: &Flags) -> Peer {
    let mut pipe = Box::<Pipe>::default();
    Peer {
        ssl: begin(config, flags, &mut *pipe),
        pipe,
        role: flags.role,
        verifies: flags.ca.is_some(),
        kept_in: flags.session.clone(),
        keylog: flags.keylog.clone(),
        begun: false,
        established: false,
        resumed: false,
        events: VecDeque::new(),
    }
}

/// A session whose datagrams go through `pipe`.
fn begin(config: *mut ffi::ssl_config, flags: &Flags, pipe: *mut Pipe) -> *mut ffi::ssl_context {
    // SAFETY: a structure of zeros is what the init function asks for, and it is leaked; the pipe's owner keeps it in its place.
    unsafe {
        let ssl: *mut ffi::ssl_context = leak(zeroed());
        ffi::ssl_init(ssl);
        demand(ffi::ssl_setup(ssl, config), "the session");
        ffi::ssl_set_bio(ssl, pipe.cast(), Some(pipe::send), Some(pipe::receive), None);
        ffi::ssl_set_timer_cb(ssl, pipe.cast(), Some(pipe::set_timer), Some(pipe::get_timer));
        if let Some(mtu) = flags.mtu {
            ffi::ssl_set_mtu(ssl, mtu);
        }
        match flags.role {
            Role::Server => know_client(ssl),
            Role::Client => {
                let name = flags.name.clone().map(|name| CString::new(name).expect("no NUL"));
                if let Some(name) = name {
                    demand(ffi::ssl_set_hostname(ssl, name.as_ptr()), "the name");
                }
                if let Some(path) = &flags.session {
                    resume::offer(ssl, path);
                }
            }
        }
        ssl
    }
}

unsafe fn know_client(ssl: *mut ffi::ssl_context) {
    // SAFETY: the bytes are copied.
    let result = unsafe { ffi::ssl_set_client_transport_id(ssl, CLIENT.as_ptr(), CLIENT.len()) };
    demand(result, "the client");
}

pub struct Peer {
    ssl: *mut ffi::ssl_context,
    pipe: Box<Pipe>,
    role: Role,
    verifies: bool,
    /// Where a client keeps its session.
    kept_in: Option<PathBuf>,
    keylog: Option<PathBuf>,
    begun: bool,
    established: bool,
    resumed: bool,
    events: VecDeque<Event>,
}

impl Session for Peer {
    fn receive(&mut self, datagram: Vec<u8>) {
        self.pipe.incoming.push_back(datagram);
        self.go_on();
    }

    fn advance(&mut self) {
        if !self.begun || self.pipe.wake() == Some(Duration::ZERO) {
            self.begun = true;
            self.go_on();
        }
    }

    fn wake(&mut self) -> Option<Duration> {
        self.pipe.wake()
    }

    fn send(&mut self, message: &[u8]) {
        // SAFETY: the buffer is readable for the length given.
        let result = unsafe { ffi::ssl_write(self.ssl, message.as_ptr(), message.len()) };
        self.check(result);
    }

    fn update_keys(&mut self, _: bool) -> Result<(), String> {
        Err("DTLS 1.2 updates no keys".into())
    }

    fn close(&mut self) {
        // SAFETY: the session lives.
        if unsafe { ffi::ssl_close_notify(self.ssl) } == 0 {
            self.events.push_back(Event::AlertSent(CLOSE_NOTIFY));
        }
    }

    fn outgoing(&mut self) -> Option<Vec<u8>> {
        self.pipe.outgoing.pop_front()
    }

    fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

impl Peer {
    fn go_on(&mut self) {
        if !self.established {
            self.shake_hands();
        }
        while self.established && self.read_message() {}
        let alerts = std::mem::take(&mut self.pipe.alerts);
        for code in alerts {
            self.events.push_front(Event::AlertSent(code));
        }
    }

    /// Step by step: what is known of a handshake is freed with its last one.
    fn shake_hands(&mut self) {
        // SAFETY: the session lives, and has a handshake until it is over.
        unsafe {
            while (*self.ssl).state != ffi::SSL_HANDSHAKE_OVER as c_int {
                let result = ffi::ssl_handshake_step(self.ssl);
                if let Some(handshake) = (*self.ssl).handshake.as_ref() {
                    self.resumed = handshake.resume != 0;
                }
                match result {
                    0 => {}
                    ffi::ERR_SSL_HELLO_VERIFY_REQUIRED => {
                        demand(ffi::ssl_session_reset(self.ssl), "another ClientHello");
                        know_client(self.ssl);
                    }
                    failure => return self.check(failure),
                }
            }
        }
        self.on_established();
    }

    fn on_established(&mut self) {
        self.established = true;
        if let Some(path) = &self.kept_in {
            resume::keep(self.ssl, path);
        }
        if let Some(path) = &self.keylog {
            secrets::log(path);
        }
        let facts = self.facts();
        self.events.push_back(Event::Established(facts));
    }

    /// Whether there may be more to read.
    fn read_message(&mut self) -> bool {
        let mut buffer = [0_u8; 20_000];
        // SAFETY: the buffer is writable for the length given.
        let length = unsafe { ffi::ssl_read(self.ssl, buffer.as_mut_ptr(), buffer.len()) };
        if length > 0 {
            let message = buffer[..length as usize].to_vec();
            self.events.push_back(Event::Message(message));
            return true;
        }
        self.check(length);
        false
    }

    fn check(&mut self, result: c_int) {
        match result {
            0.. | ffi::ERR_SSL_WANT_READ | ffi::ERR_SSL_WANT_WRITE => {}
            ffi::ERR_SSL_PEER_CLOSE_NOTIFY => {
                self.events.push_back(Event::AlertReceived(CLOSE_NOTIFY));
                self.events.push_back(Event::PeerClosed);
            }
            failure => {
                if failure == ffi::ERR_SSL_FATAL_ALERT_MESSAGE {
                    // SAFETY: the record with the alert, of two bytes, is still there.
                    let code = unsafe { *(*self.ssl).in_msg.add(1) };
                    self.events.push_back(Event::AlertReceived(code));
                }
                self.events.push_back(Event::Failed(error(failure)));
            }
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        // SAFETY: the handshake is complete, so that there is a session.
        let suite = unsafe { (*(*self.ssl).session).ciphersuite };
        let mut facts = vec![
            ("version", "DTLSv1.2".to_string()),
            ("suite", names::suite(suite as u16)),
            ("exporter", secrets::exporter()),
        ];
        if self.resumed {
            facts.push(("reused", "yes".to_string()));
        }
        // It demanded one, and would have ended the handshake without it.
        if self.role == Role::Server && self.verifies {
            facts.push(("client-verified", "yes".to_string()));
        }
        facts
    }
}
