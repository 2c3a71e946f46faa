use crate::glue::{self, Settings};
use peer_kit::names::{self, suite_codes};
use peer_kit::{Event, Flags, Role, Session, hex, random, refuse};
use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_int, c_uchar, c_void};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::ptr::null;
use std::time::Duration;

const CLOSE_NOTIFY: u8 = 0;
/// The type of a record with a connection ID.
const TLS12_CID: u8 = 25;
const LONGEST_ID: usize = 32;

/// Datagrams to be sent. It is leaked, as all that a session refers to: there are few.
type Outgoing = VecDeque<Vec<u8>>;

pub fn open(flags: &Flags) -> Peer {
    let outgoing: *mut Outgoing = Box::leak(Box::default());
    let mut suites: Vec<c_int> = suite_codes(&flags.suites).into_iter().map(c_int::from).collect();
    suites.push(0);
    let psk = flags.psk.clone();
    let identity = psk.as_ref().map(|psk| psk.identity.clone());
    let secret: &[u8] = psk.map_or(&[], |psk| psk.key.leak());
    let settings = Settings {
        server: c_int::from(flags.role == Role::Server),
        cookie: c_int::from(flags.cookie != Some(false)),
        cid_length: flags.cid.map_or(-1, |length| length as c_int),
        ca: text(&path(&flags.ca)),
        cert: text(&path(&flags.cert)),
        key: text(&path(&flags.key)),
        name: text(&flags.name),
        keylog: text(&path(&flags.keylog)),
        suites: if flags.suites.is_empty() {
            null()
        } else {
            suites.leak().as_ptr()
        },
        cid: random(flags.cid.unwrap_or(0)).leak().as_ptr(),
        psk: if secret.is_empty() { null() } else { secret.as_ptr() },
        psk_length: secret.len(),
        psk_identity: text(&identity),
        send: keep,
        context: outgoing.cast(),
    };
    let mut failure = 0;
    // SAFETY: what the settings point to is leaked, and so are they.
    let peer = unsafe { glue::peer_open(Box::leak(Box::new(settings)), &mut failure) };
    if peer.is_null() {
        refuse(&format!("Mbed TLS refuses the flags: {}", glue::reason(failure)));
    }
    Peer {
        peer,
        outgoing,
        role: flags.role,
        verifies: flags.ca.is_some(),
        begun: false,
        established: false,
        events: VecDeque::new(),
    }
}

fn path(file: &Option<PathBuf>) -> Option<String> {
    file.as_ref().map(|path| path.to_string_lossy().into_owned())
}

fn text(value: &Option<String>) -> *const c_char {
    value.as_ref().map_or(null(), |text| {
        CString::new(text.as_str()).expect("no NUL").into_raw()
    })
}

unsafe extern "C" fn keep(outgoing: *mut c_void, datagram: *const c_uchar, length: usize) {
    // SAFETY: the context is the queue of this session, and the datagram is readable for its length.
    unsafe {
        let datagram = std::slice::from_raw_parts(datagram, length).to_vec();
        (*outgoing.cast::<Outgoing>()).push_back(datagram);
    }
}

pub struct Peer {
    peer: *mut glue::Peer,
    outgoing: *mut Outgoing,
    role: Role,
    verifies: bool,
    begun: bool,
    established: bool,
    events: VecDeque<Event>,
}

impl Session for Peer {
    fn receive(&mut self, datagram: Vec<u8>) {
        // SAFETY: the session lives, and copies the datagram.
        unsafe { glue::peer_feed(self.peer, datagram.as_ptr(), datagram.len()) };
        self.go_on();
    }

    /// Mbed TLS leaves addresses to its caller, which moves with an authentic record newer than all before (RFC 9146 section 6).
    fn receive_elsewhere(&mut self, datagram: Vec<u8>, _: SocketAddr) -> bool {
        if !self.established || datagram.first() != Some(&TLS12_CID) {
            return false;
        }
        // SAFETY: the session lives.
        let before = unsafe { glue::peer_newest(self.peer) };
        self.receive(datagram);
        // SAFETY: as before.
        unsafe { glue::peer_newest(self.peer) > before }
    }

    fn advance(&mut self) {
        if !self.begun || self.wake() == Some(Duration::ZERO) {
            self.begun = true;
            self.go_on();
        }
    }

    fn wake(&mut self) -> Option<Duration> {
        // SAFETY: the session lives.
        let ms = unsafe { glue::peer_wake(self.peer) };
        u64::try_from(ms).ok().map(Duration::from_millis)
    }

    fn send(&mut self, message: &[u8]) {
        // SAFETY: the message is readable for its length.
        let result = unsafe { glue::peer_write(self.peer, message.as_ptr(), message.len()) };
        self.check(result);
    }

    fn update_keys(&mut self, _: bool) -> Result<(), String> {
        Err("DTLS 1.2 updates no keys".into())
    }

    fn close(&mut self) {
        // SAFETY: the session lives.
        if unsafe { glue::peer_close(self.peer) } == 0 {
            self.events.push_back(Event::AlertSent(CLOSE_NOTIFY));
        }
    }

    fn outgoing(&mut self) -> Option<Vec<u8>> {
        // SAFETY: the queue is leaked, and nothing else has it now.
        unsafe { (*self.outgoing).pop_front() }
    }

    fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

impl Peer {
    fn go_on(&mut self) {
        if !self.established {
            // SAFETY: the session lives.
            match unsafe { glue::peer_handshake(self.peer) } {
                0 => {
                    self.established = true;
                    let facts = self.facts();
                    self.events.push_back(Event::Established(facts));
                }
                1 => return,
                failure => return self.check(failure),
            }
        }
        while self.read_message() {}
    }

    /// Whether there may be more to read.
    fn read_message(&mut self) -> bool {
        let mut buffer = [0_u8; 20_000];
        // SAFETY: the buffer is writable for the length given.
        let length = unsafe { glue::peer_read(self.peer, buffer.as_mut_ptr(), buffer.len()) };
        if length > 0 {
            self.events
                .push_back(Event::Message(buffer[..length as usize].to_vec()));
        }
        self.check(length);
        length > 0
    }

    fn check(&mut self, result: c_int) {
        if result >= 0 {
            return;
        }
        // SAFETY: the session lives.
        let (closed, alert) = unsafe {
            (
                glue::peer_is_close_notify(result) != 0,
                glue::peer_alert(self.peer, result),
            )
        };
        if closed {
            self.events.push_back(Event::AlertReceived(CLOSE_NOTIFY));
            self.events.push_back(Event::PeerClosed);
            return;
        }
        if alert >= 0 {
            self.events.push_back(Event::AlertReceived(alert as u8));
        }
        self.events.push_back(Event::Failed(glue::reason(result)));
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        // SAFETY: the session lives. Version 3.6.5 ends with a fault when a server asks for an exporter.
        let suite = unsafe { glue::peer_suite(self.peer) };
        let mut facts = vec![
            ("version", "DTLSv1.2".to_string()),
            ("suite", names::suite(suite as u16)),
        ];
        // It has an own one whatever was negotiated.
        if let (Some(own), Some(other)) = (self.id(true), self.id(false)) {
            facts.extend([("cid-own", own), ("cid-other", other)]);
        }
        // It demanded one, and would have ended the handshake without it.
        if self.role == Role::Server && self.verifies {
            facts.push(("client-verified", "yes".to_string()));
        }
        facts
    }

    fn id(&self, own: bool) -> Option<String> {
        let mut id = [0; LONGEST_ID];
        // SAFETY: the session lives, and the buffer is as long as an ID can be.
        let length = unsafe { glue::peer_cid(self.peer, c_int::from(own), id.as_mut_ptr()) };
        usize::try_from(length).ok().map(|length| hex(&id[..length]))
    }
}
