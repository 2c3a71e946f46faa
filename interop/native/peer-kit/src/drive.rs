use crate::{Event, Flags, Role, Session, names, report};
use std::io::{ErrorKind, Read, Write, stdin, stdout};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::process::exit;
use std::time::{Duration, Instant};

/// How long a side that has closed waits for the other's close_notify.
const LINGER: Duration = Duration::from_millis(1000);
/// Addresses beside the first with which a server is in a handshake.
const MOST_RIVALS: usize = 4;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const RECORD_HEADER: usize = 13;

/// Runs as many sessions as `--sessions` says to their ends, one after another. The last end is that of the program, and so
/// is every failure: exit status 0 after close_notify, 1 after a failure.
pub fn drive<S: Session>(begin: impl Fn() -> S, flags: &Flags) -> ! {
    let mut socket = open(flags);
    for session in 0..flags.sessions {
        // As a client that was started again.
        if flags.role == Role::Client && session > 0 {
            socket = open(flags);
        }
        socket = Loop {
            session: begin(),
            begin: &begin,
            rivals: Vec::new(),
            socket,
            role: flags.role,
            other: (flags.role == Role::Client).then(|| there(flags)),
            established: false,
            unanswered: Vec::new(),
            typed: Vec::new(),
            input_open: true,
            closing: None,
            finished: false,
        }
        .run();
    }
    exit(0);
}

struct Loop<'a, S> {
    session: S,
    begin: &'a dyn Fn() -> S,
    /// Of a server, before a session is established: those of other addresses. The first that is established is the one.
    rivals: Vec<(SocketAddr, S)>,
    socket: UdpSocket,
    role: Role,
    /// Of a server, the first client that it hears of, or the one that is established; with connection IDs, where that is now.
    other: Option<SocketAddr>,
    established: bool,
    /// What a server heard in early data, which it answers under the keys of the whole handshake.
    unanswered: Vec<u8>,
    typed: Vec<u8>,
    input_open: bool,
    closing: Option<Instant>,
    finished: bool,
}

fn open(flags: &Flags) -> UdpSocket {
    let own = match flags.role {
        Role::Server => (flags.host.as_str(), flags.port),
        Role::Client if flags.host.contains(':') => ("::", 0),
        Role::Client => ("0.0.0.0", 0),
    };
    let socket = UdpSocket::bind(own).unwrap_or_else(|error| crate::refuse(&error.to_string()));
    socket
        .set_nonblocking(true)
        .expect("a socket can be made non-blocking");
    if flags.role == Role::Server {
        let port = socket.local_addr().expect("it is bound").port();
        report("port", &port.to_string());
    }
    socket
}

fn there(flags: &Flags) -> SocketAddr {
    let host = flags
        .host
        .parse()
        .unwrap_or_else(|_| crate::refuse("--host needs an address"));
    SocketAddr::new(host, flags.port)
}

impl<S: Session> Loop<'_, S> {
    /// Returns the socket for the next session.
    fn run(mut self) -> UdpSocket {
        while !self.finished {
            self.turn();
        }
        self.send_rest();
        report("closed", "yes");
        self.socket
    }

    fn turn(&mut self) {
        if self.other.is_some() {
            self.session.advance();
        }
        self.rivals.iter_mut().for_each(|(_, rival)| rival.advance());
        self.flush_rivals();
        self.flush();
        let wait = self.wait();
        if self.finished {
            return;
        }
        let (network, input) = ready(&self.socket, self.input_open, wait);
        if network {
            self.receive();
        }
        if input {
            self.read_input();
        }
    }

    fn wait(&mut self) -> Option<Duration> {
        let end = self
            .closing
            .map(|end| end.saturating_duration_since(Instant::now()));
        if end == Some(Duration::ZERO) {
            self.finished = true;
        }
        let wake = self.other.and_then(|_| self.session.wake());
        let rivals = self.rivals.iter_mut().map(|(_, rival)| rival.wake());
        rivals.chain([end, wake]).flatten().min()
    }

    fn receive(&mut self) {
        let mut buffer = [0; 65_536];
        // Errors are ICMP answers to what was sent to a peer that is gone.
        while let Some((length, from)) = next_datagram(&self.socket, &mut buffer) {
            let datagram = buffer[..length].to_vec();
            if *self.other.get_or_insert(from) == from {
                self.session.receive(datagram);
            } else if self.session.receive_elsewhere(datagram.clone(), from) {
                self.other = Some(from);
                report("moved", &from.to_string());
            } else if self.role == Role::Server && !self.established {
                self.receive_from_rival(datagram, from);
            }
            self.flush();
        }
    }

    /// As any server, it has a session for each address that begins a handshake.
    fn receive_from_rival(&mut self, datagram: Vec<u8>, from: SocketAddr) {
        let known = self.rivals.iter().position(|(address, _)| *address == from);
        if known.is_none() && (self.rivals.len() == MOST_RIVALS || !is_client_hello(&datagram)) {
            return;
        }
        let at = known.unwrap_or_else(|| {
            self.rivals.push((from, (self.begin)()));
            self.rivals.len() - 1
        });
        self.rivals[at].1.receive(datagram);
        self.flush_rivals();
    }

    /// Sends what the rivals have to send. One that fails is forgotten; one that is established leaves no other.
    fn flush_rivals(&mut self) {
        for (address, mut rival) in std::mem::take(&mut self.rivals) {
            let mut news = std::iter::from_fn(|| rival.event());
            let end = news.find(|event| matches!(event, Event::Established(_) | Event::Failed(_)));
            while let Some(datagram) = rival.outgoing() {
                let _ = self.socket.send_to(&datagram, address);
            }
            match end {
                None => self.rivals.push((address, rival)),
                Some(Event::Established(facts)) => {
                    self.rivals.clear();
                    self.other = Some(address);
                    self.session = rival;
                    return self.tell(Event::Established(facts));
                }
                Some(_) => {}
            }
        }
    }

    fn read_input(&mut self) {
        let mut buffer = [0; 65_536];
        match stdin().read(&mut buffer) {
            Ok(0) | Err(_) => {
                self.input_open = false;
                self.close();
            }
            Ok(length) => self.typed.extend_from_slice(&buffer[..length]),
        }
        while let Some(end) = self.typed.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.typed.drain(..=end).collect();
            self.obey(&line);
            self.flush();
        }
    }

    fn obey(&mut self, line: &[u8]) {
        match line {
            b"/close\n" => self.close(),
            b"/update\n" => self.update_keys(false),
            b"/update-request\n" => self.update_keys(true),
            message => self.session.send(message),
        }
    }

    fn update_keys(&mut self, request: bool) {
        match self.session.update_keys(request) {
            Ok(()) => report("key-update", if request { "requested" } else { "sent" }),
            Err(reason) => report("error", &reason),
        }
    }

    fn close(&mut self) {
        if self.other.is_none() {
            exit(0);
        }
        if self.closing.is_none() {
            self.closing = Some(Instant::now() + LINGER);
            self.session.close();
        }
    }

    fn flush(&mut self) {
        while let Some(event) = self.session.event() {
            self.tell(event);
        }
        self.send_rest();
    }

    fn tell(&mut self, event: Event) {
        match event {
            Event::Established(facts) => {
                facts.iter().for_each(|(key, value)| report(key, value));
                report("established", "yes");
                self.established = true;
                self.rivals.clear();
                if !self.unanswered.is_empty() {
                    let answer = std::mem::take(&mut self.unanswered);
                    self.session.send(&answer);
                }
            }
            Event::Message(message) => self.on_message(&message),
            Event::AlertSent(code) => report("alert-sent", &names::alert(code)),
            Event::AlertReceived(code) => report("alert-received", &names::alert(code)),
            Event::PeerClosed => self.on_peer_closed(),
            Event::Failed(reason) => {
                self.send_rest();
                let Some((address, rival)) = self.rivals.pop() else {
                    report("error", &reason);
                    exit(1);
                };
                self.other = Some(address);
                self.session = rival;
            }
        }
    }

    fn on_message(&mut self, message: &[u8]) {
        let mut output = stdout().lock();
        let _ = output.write_all(message).and_then(|()| output.flush());
        match self.role {
            Role::Client => {}
            Role::Server if self.established => self.session.send(message),
            Role::Server => {
                report("early-bytes", &message.len().to_string());
                self.unanswered.extend_from_slice(message);
            }
        }
    }

    fn on_peer_closed(&mut self) {
        self.close();
        while let Some(event) = self.session.event() {
            self.tell(event);
        }
        self.finished = true;
    }

    fn send_rest(&mut self) {
        let Some(other) = self.other else { return };
        while let Some(datagram) = self.session.outgoing() {
            let _ = self.socket.send_to(&datagram, other);
        }
    }
}

/// Whether a datagram begins with a part of one, without protection.
fn is_client_hello(datagram: &[u8]) -> bool {
    datagram.first() == Some(&HANDSHAKE) && datagram.get(RECORD_HEADER) == Some(&CLIENT_HELLO)
}

fn next_datagram(socket: &UdpSocket, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
    loop {
        match socket.recv_from(buffer) {
            Ok(received) => return Some(received),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Err(_) => {}
        }
    }
}

/// Waits for the socket or standard input, or until `wait` has passed.
fn ready(socket: &UdpSocket, input_open: bool, wait: Option<Duration>) -> (bool, bool) {
    let entry = |fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // poll() leaves out entries with a negative descriptor.
    let mut entries = [entry(socket.as_raw_fd()), entry(if input_open { 0 } else { -1 })];
    let ms = wait.map_or(-1, |wait| {
        wait.as_millis().min(60_000) as i32 + i32::from(!wait.is_zero())
    });
    // SAFETY: the array outlives the call, and its length is given.
    unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, ms) };
    (entries[0].revents != 0, entries[1].revents != 0)
}
