use crate::config;
use crate::pipe::Pipe;
use boring::ssl::{Error, ErrorCode, SslContext, SslStream, SslVersion};
use boring_sys as ffi;
use foreign_types::ForeignTypeRef;
use peer_kit::{EXPORTER_LABEL, EXPORTER_LENGTH, Event, Flags, Role, Session, hex, names, refuse};
use std::collections::VecDeque;
use std::time::Duration;

pub fn open(context: &SslContext, flags: &Flags) -> Peer {
    let pipe = Pipe::default();
    let stream = SslStream::new(config::session(context, flags), pipe.clone())
        .unwrap_or_else(|error| refuse(&error.to_string()));
    Peer {
        stream,
        pipe,
        role: flags.role,
        begun: false,
        established: false,
        events: VecDeque::new(),
    }
}

pub struct Peer {
    stream: SslStream<Pipe>,
    pipe: Pipe,
    role: Role,
    begun: bool,
    established: bool,
    events: VecDeque<Event>,
}

impl Session for Peer {
    fn receive(&mut self, datagram: Vec<u8>) {
        self.pipe.deliver(datagram);
        self.go_on();
    }

    fn advance(&mut self) {
        if !self.begun {
            self.begun = true;
            self.go_on();
        }
        // SAFETY: the session lives; without a timer that is due the call does nothing.
        if unsafe { ffi::DTLSv1_handle_timeout(self.stream.ssl().as_ptr()) } < 0 {
            self.events
                .push_back(Event::Failed("too many retransmissions".into()));
        }
    }

    fn wake(&mut self) -> Option<Duration> {
        // SAFETY: timeval is plain data, and filled when the result is 1.
        let (running, left) = unsafe {
            let mut left = std::mem::zeroed();
            (
                ffi::DTLSv1_get_timeout(self.stream.ssl().as_ptr(), &mut left),
                left,
            )
        };
        (running == 1).then(|| Duration::new(left.tv_sec as u64, left.tv_usec as u32 * 1000))
    }

    fn send(&mut self, message: &[u8]) {
        let result = self.stream.ssl_write(message).map(drop);
        self.check(result);
    }

    fn update_keys(&mut self, request: bool) -> Result<(), String> {
        let kind = if request {
            ffi::SSL_KEY_UPDATE_REQUESTED
        } else {
            ffi::SSL_KEY_UPDATE_NOT_REQUESTED
        };
        // SAFETY: the session lives.
        if unsafe { ffi::SSL_key_update(self.stream.ssl().as_ptr(), kind) } != 1 {
            return Err("SSL_key_update failed".into());
        }
        // The message is queued, and goes with the next call.
        self.go_on();
        Ok(())
    }

    fn close(&mut self) {
        // Whether the other side has closed too is known by reading.
        let _ = self.stream.shutdown();
    }

    fn outgoing(&mut self) -> Option<Vec<u8>> {
        self.pipe.outgoing()
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
    }

    fn shake_hands(&mut self) {
        match self.stream.do_handshake() {
            Ok(()) => {
                self.established = true;
                let facts = self.facts();
                self.events.push_back(Event::Established(facts));
            }
            Err(error) => self.check(Err(error)),
        }
    }

    /// Whether there may be more to read.
    fn read_message(&mut self) -> bool {
        let mut buffer = [0; 20_000];
        match self.stream.ssl_read(&mut buffer) {
            Ok(length) => {
                self.events.push_back(Event::Message(buffer[..length].to_vec()));
                true
            }
            Err(error) => {
                self.check(Err(error));
                false
            }
        }
    }

    fn check(&mut self, result: Result<(), Error>) {
        let Err(error) = result else { return };
        match error.code() {
            ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => {}
            ErrorCode::ZERO_RETURN => self.events.push_back(Event::PeerClosed),
            _ => self.events.push_back(Event::Failed(error.to_string())),
        }
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let ssl = self.stream.ssl();
        let version = if ssl.version2() == Some(SslVersion::DTLS1_3) {
            "DTLSv1.3"
        } else {
            "DTLSv1.2"
        };
        let mut secret = [0; EXPORTER_LENGTH];
        ssl.export_keying_material(&mut secret, EXPORTER_LABEL, None)
            .expect("the handshake is complete");
        let mut facts = vec![("version", version.to_string()), ("exporter", hex(&secret))];
        if let Some(name) = ssl.current_cipher().and_then(|cipher| cipher.standard_name()) {
            facts.push(("suite", name.to_string()));
        }
        if ssl.session_reused() {
            facts.push(("reused", "yes".to_string()));
        }
        if let Some(code) = ssl.curve() {
            facts.push(("group", names::group(code)));
        }
        if let (Role::Client, Some(staple)) = (self.role, ssl.ocsp_status()) {
            facts.push(("staple", hex(staple)));
        }
        if self.role == Role::Server && ssl.peer_certificate().is_some() {
            facts.push(("client-verified", "yes".to_string()));
        }
        facts
    }
}
