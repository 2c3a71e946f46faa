use crate::cid::{self, Place};
use crate::config::configure;
use crate::early::Early;
use crate::names;
use crate::pipe::Pipe;
use crate::resume;
use peer_kit::{EXPORTER_LABEL, EXPORTER_LENGTH, Event, Flags, Role, Session, hex};
use std::collections::VecDeque;
use std::ffi::c_int;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use wolfssl_sys as ffi;

pub const OK: c_int = ffi::WOLFSSL_SUCCESS as c_int;
const DATA_READY: c_int = ffi::wolfSSL_ErrorCodes_APP_DATA_READY;
/// Datagrams that wolfSSL has to have read before it goes on with a handshake.
const MOST_ANSWERS: usize = 16;
pub const DTLS_1_3: c_int = 0xfefc;

pub fn open(ctx: *mut ffi::WOLFSSL_CTX, flags: &Flags) -> Peer {
    let mut pipe = Box::<Pipe>::default();
    let ssl = configure(ctx, flags, &mut *pipe);
    Peer {
        ssl,
        pipe,
        cid: flags.cid.map(|length| (length, Place::new(ssl))),
        early: flags.early.clone().map(Early::new),
        role: flags.role,
        kept_in: flags.session.clone(),
        verifies: flags.ca.is_some() || flags.raw.is_some(),
        established: false,
        alerts: (-1, -1),
        deadline: None,
        events: VecDeque::new(),
    }
}

pub struct Peer {
    ssl: *mut ffi::WOLFSSL,
    pipe: Box<Pipe>,
    /// The length of its connection ID, and the other side's address.
    cid: Option<(usize, Place)>,
    role: Role,
    /// What goes, or comes, before the handshake is complete.
    early: Option<Early>,
    /// Where a client keeps its session.
    kept_in: Option<PathBuf>,
    verifies: bool,
    established: bool,
    /// The last alert received and sent; -1 stands for none.
    alerts: (c_int, c_int),
    /// When wolfSSL's timer, which the caller keeps, expires.
    deadline: Option<Instant>,
    events: VecDeque<Event>,
}

impl Session for Peer {
    fn receive(&mut self, datagram: Vec<u8>) {
        self.pipe.incoming.push_back(datagram);
        self.go_on();
        self.deadline = Some(Instant::now() + self.timeout());
    }

    fn receive_elsewhere(&mut self, datagram: Vec<u8>, from: SocketAddr) -> bool {
        match &self.cid {
            Some((length, place)) if cid::begins(&datagram, *length) => place.suppose(from),
            _ => return false,
        }
        self.receive(datagram);
        self.cid.as_mut().is_some_and(|(_, place)| place.moved())
    }

    fn advance(&mut self) {
        match self.deadline {
            None => {
                self.go_on();
                self.deadline = Some(Instant::now() + self.timeout());
            }
            Some(deadline) if deadline <= Instant::now() => self.on_timeout(),
            Some(_) => {}
        }
    }

    fn wake(&mut self) -> Option<Duration> {
        self.deadline
            .map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn send(&mut self, message: &[u8]) {
        // SAFETY: the buffer is readable for the length given.
        let result = unsafe { ffi::wolfSSL_write(self.ssl, message.as_ptr().cast(), message.len() as c_int) };
        self.check(result);
    }

    fn update_keys(&mut self, request: bool) -> Result<(), String> {
        if !request {
            return Err("wolfSSL always asks for the other side's new keys too".into());
        }
        // SAFETY: the session lives.
        match unsafe { ffi::wolfSSL_update_keys(self.ssl) } {
            OK => Ok(()),
            code => Err(format!("wolfSSL_update_keys: {code}")),
        }
    }

    fn close(&mut self) {
        if let Some(path) = &self.kept_in {
            resume::keep(self.ssl, path);
        }
        // SAFETY: the session lives.
        unsafe { ffi::wolfSSL_shutdown(self.ssl) };
        self.note_alerts();
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
        self.note_alerts();
    }

    fn shake_hands(&mut self) {
        if let Some(early) = &mut self.early
            && let Some(result) = early.advance(self.ssl, self.role, &mut self.events)
        {
            return self.check(result);
        }
        let mut result = self.handshake();
        // An answer to early data may come before the end of the handshake, and is read after it.
        for _ in 0..MOST_ANSWERS {
            // SAFETY: the session lives.
            if result == OK || unsafe { ffi::wolfSSL_get_error(self.ssl, result) } != DATA_READY {
                break;
            }
            result = self.handshake();
        }
        if result == OK {
            self.established = true;
            let facts = self.facts();
            self.events.push_back(Event::Established(facts));
            self.repeat_early();
        } else {
            self.check(result);
        }
    }

    fn handshake(&mut self) -> c_int {
        // SAFETY: the session lives.
        unsafe {
            match self.role {
                Role::Client => ffi::wolfSSL_connect(self.ssl),
                Role::Server => ffi::wolfSSL_accept(self.ssl),
            }
        }
    }

    /// What was refused is said again, as an application has to.
    fn repeat_early(&mut self) {
        if self.role == Role::Client
            && let Some(early) = &self.early
            && !early.accepted(self.ssl)
        {
            let message = early.message().to_vec();
            self.send(&message);
        }
    }

    /// Whether there may be more to read.
    fn read_message(&mut self) -> bool {
        let mut buffer = [0_u8; 20_000];
        // SAFETY: the buffer is writable for the length given.
        let length =
            unsafe { ffi::wolfSSL_read(self.ssl, buffer.as_mut_ptr().cast(), buffer.len() as c_int) };
        if length > 0 {
            self.events
                .push_back(Event::Message(buffer[..length as usize].to_vec()));
            return true;
        }
        self.check(length);
        !self.pipe.incoming.is_empty()
    }

    fn on_timeout(&mut self) {
        // SAFETY: the session lives.
        let result = unsafe { ffi::wolfSSL_dtls_got_timeout(self.ssl) };
        if result != OK && !self.established {
            self.check(result);
        }
        self.deadline = Some(Instant::now() + self.timeout());
    }

    fn timeout(&self) -> Duration {
        // SAFETY: the session lives.
        let (seconds, quick) = unsafe {
            (
                ffi::wolfSSL_dtls_get_current_timeout(self.ssl),
                ffi::wolfSSL_dtls13_use_quick_timeout(self.ssl) != 0,
            )
        };
        let full = Duration::from_secs(seconds.max(1) as u64);
        if quick { full / 4 } else { full }
    }

    fn check(&mut self, result: c_int) {
        if result > 0 {
            return;
        }
        // SAFETY: the session lives.
        let code = unsafe { ffi::wolfSSL_get_error(self.ssl, result) };
        self.note_alerts();
        match code as u32 {
            ffi::WOLFSSL_ERROR_WANT_READ | ffi::WOLFSSL_ERROR_WANT_WRITE | ffi::WOLFSSL_ERROR_NONE => {}
            ffi::WOLFSSL_ERROR_ZERO_RETURN => self.events.push_back(Event::PeerClosed),
            _ => self
                .events
                .push_back(Event::Failed(format!("{code} {}", names::error(code)))),
        }
    }

    fn note_alerts(&mut self) {
        // SAFETY: the structure is plain data, filled by the call.
        let history = unsafe {
            let mut history = std::mem::zeroed();
            ffi::wolfSSL_get_alert_history(self.ssl, &mut history);
            history
        };
        let (received, sent) = (history.last_rx.code, history.last_tx.code);
        if received != self.alerts.0 && received >= 0 {
            self.events.push_back(Event::AlertReceived(received as u8));
        }
        if sent != self.alerts.1 && sent >= 0 {
            self.events.push_back(Event::AlertSent(sent as u8));
        }
        self.alerts = (received, sent);
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        // SAFETY: the session lives; the strings are wolfSSL's own.
        let (version, suite, group) = unsafe {
            (
                ffi::wolfSSL_version(self.ssl),
                ffi::wolfSSL_get_current_cipher_suite(self.ssl),
                names::text(ffi::wolfSSL_get_curve_name(self.ssl)),
            )
        };
        let mut facts = vec![
            (
                "version",
                if version == DTLS_1_3 {
                    "DTLSv1.3"
                } else {
                    "DTLSv1.2"
                }
                .to_string(),
            ),
            ("suite", peer_kit::names::suite(suite as u16)),
            ("exporter", hex(&self.exporter())),
        ];
        if let Some(name) = group {
            facts.push(("group", names::group(&name)));
        }
        // SAFETY: the session lives.
        if unsafe { ffi::wolfSSL_session_reused(self.ssl) } != 0 {
            facts.push(("reused", "yes".to_string()));
        }
        facts.extend(cid::facts(self.ssl));
        if let Some(early) = &self.early {
            facts.push(("early-data", early.outcome(self.ssl, self.role).to_string()));
        }
        // It demanded one, and would have ended the handshake without it.
        if self.role == Role::Server && self.verifies {
            facts.push(("client-verified", "yes".to_string()));
        }
        facts
    }

    fn exporter(&self) -> [u8; EXPORTER_LENGTH] {
        let mut secret = [0; EXPORTER_LENGTH];
        // SAFETY: the buffers are given with their lengths.
        let result = unsafe {
            ffi::wolfSSL_export_keying_material(
                self.ssl,
                secret.as_mut_ptr(),
                secret.len(),
                EXPORTER_LABEL.as_ptr().cast(),
                EXPORTER_LABEL.len(),
                std::ptr::null(),
                0,
                0,
            )
        };
        assert_eq!(result, OK, "there is an exporter");
        secret
    }
}
