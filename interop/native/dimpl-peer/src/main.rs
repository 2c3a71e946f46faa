//! dimpl as a peer. It proves that the other side has the key of its certificate, and judges no certificate.

use dimpl::crypto::{Dtls12CipherSuite, Dtls13CipherSuite};
use dimpl::{Config, Dtls, DtlsCertificate, Error, NamedGroup, Output, ProtocolVersion, SecurityError};
use peer_kit::{Event, Flags, Role, Session, Version, drive, names, refuse};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const CLOSE_NOTIFY: u8 = 0;

fn main() {
    let flags = Flags::from_args("dimpl 0.9.0");
    drive(|| begin(&flags), &flags)
}

fn begin(flags: &Flags) -> Peer {
    let config = Arc::new(config(flags));
    let certificate = certificate(flags);
    let now = Instant::now();
    let mut dtls = match flags.version {
        Version::Dtls12 => Dtls::new_12(config, certificate, now),
        Version::Dtls13 => Dtls::new_13(config, certificate, now),
        Version::Any => Dtls::new_auto(config, certificate, now),
    };
    dtls.set_active(flags.role == Role::Client);
    Peer {
        dtls,
        wake: now,
        peer_certificate: false,
        outgoing: VecDeque::new(),
        events: VecDeque::new(),
    }
}

fn config(flags: &Flags) -> Config {
    if flags.keylog.is_some() {
        refuse("dimpl writes no key log");
    }
    if flags.psk.is_some() {
        refuse("dimpl has no pre-shared keys");
    }
    if flags.cid.is_some() {
        refuse("dimpl has no connection IDs");
    }
    if !flags.shares.is_empty() {
        refuse("dimpl chooses its key shares itself");
    }
    let codes = names::suite_codes(&flags.suites);
    let (suites13, suites12): (Vec<u16>, Vec<u16>) = codes.into_iter().partition(|code| code >> 8 == 0x13);
    let suites12: Vec<_> = suites12.into_iter().map(Dtls12CipherSuite::from_u16).collect();
    let suites13: Vec<_> = suites13.into_iter().map(Dtls13CipherSuite::from_u16).collect();
    let groups: Vec<_> = names::group_codes(&flags.groups)
        .into_iter()
        .map(NamedGroup::from_u16)
        .collect();
    let mut builder = Config::builder()
        .require_client_certificate(flags.ca.is_some())
        .use_server_cookie(flags.cookie.unwrap_or(true))
        .handshake_timeout(Duration::from_secs(90))
        .flight_retries(8);
    if let Some(mtu) = flags.mtu {
        builder = builder.mtu(mtu.into());
    }
    if let Some(records) = flags.update_after {
        builder = builder.aead_encryption_limit(records);
    }
    if !suites12.is_empty() {
        builder = builder.dtls12_cipher_suites(&suites12);
    }
    if !suites13.is_empty() {
        builder = builder.dtls13_cipher_suites(&suites13);
    }
    if !groups.is_empty() {
        builder = builder.kx_groups(&groups);
    }
    builder.build().unwrap_or_else(|error| refuse(&error.to_string()))
}

/// dimpl wants a certificate in either role. One that a client does not have is never asked for.
fn certificate(flags: &Flags) -> DtlsCertificate {
    let (cert, key) = match (&flags.cert, &flags.key) {
        (Some(cert), Some(key)) => (read(cert), read(key)),
        _ => (
            include_str!("unused.pem").to_string(),
            include_str!("unused.key").to_string(),
        ),
    };
    DtlsCertificate {
        certificate: der(&cert),
        private_key: der(&key),
    }
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| refuse(&error.to_string()))
}

fn der(text: &str) -> Vec<u8> {
    pem::parse(text)
        .unwrap_or_else(|error| refuse(&error.to_string()))
        .into_contents()
}

struct Peer {
    dtls: Dtls,
    wake: Instant,
    peer_certificate: bool,
    outgoing: VecDeque<Vec<u8>>,
    events: VecDeque<Event>,
}

impl Session for Peer {
    fn receive(&mut self, datagram: Vec<u8>) {
        self.at_now();
        let result = self.dtls.handle_packet(&datagram);
        self.check(result);
        self.drain();
    }

    fn advance(&mut self) {
        self.at_now();
        self.drain();
    }

    fn wake(&mut self) -> Option<Duration> {
        Some(self.wake.saturating_duration_since(Instant::now()))
    }

    fn send(&mut self, message: &[u8]) {
        self.at_now();
        let result = self.dtls.send_application_data(message).map(drop);
        self.check(result);
        self.drain();
    }

    fn update_keys(&mut self, _request: bool) -> Result<(), String> {
        Err("dimpl updates keys by itself only".into())
    }

    fn close(&mut self) {
        let result = self.dtls.close();
        self.events.push_back(Event::AlertSent(CLOSE_NOTIFY));
        self.check(result);
        self.drain();
    }

    fn outgoing(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }
}

impl Peer {
    fn at_now(&mut self) {
        let result = self.dtls.handle_timeout(Instant::now());
        self.check(result);
    }

    fn check(&mut self, result: Result<(), Error>) {
        if let Err(error) = result {
            if let Error::SecurityError(SecurityError::FatalAlert { description }) = &error {
                self.events.push_back(Event::AlertReceived(*description));
            }
            self.events.push_back(Event::Failed(error.to_string()));
        }
    }

    fn drain(&mut self) {
        let mut buffer = vec![0; 65_536];
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => self.outgoing.push_back(datagram.to_vec()),
                Output::Timeout(wake) => {
                    self.wake = wake;
                    return;
                }
                Output::Connected => self.on_connected(),
                Output::PeerCert(_) => self.peer_certificate = true,
                Output::ApplicationData(data) => self.events.push_back(Event::Message(data.to_vec())),
                Output::CloseNotify => {
                    self.events.push_back(Event::AlertReceived(CLOSE_NOTIFY));
                    self.events.push_back(Event::PeerClosed);
                }
                Output::BufferTooSmall { needed } => buffer.resize(needed, 0),
                _ => {}
            }
        }
    }

    fn on_connected(&mut self) {
        let version = match self.dtls.protocol_version() {
            Some(ProtocolVersion::DTLS1_3) => "DTLSv1.3",
            _ => "DTLSv1.2",
        };
        let mut facts = vec![("version", version.to_string())];
        if self.peer_certificate && !self.dtls.is_active() {
            facts.push(("client-verified", "yes".to_string()));
        }
        self.events.push_back(Event::Established(facts));
    }
}
