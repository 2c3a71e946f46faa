use std::collections::HashMap;
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Version {
    Dtls12,
    Dtls13,
    /// Both are offered or accepted.
    Any,
}

/// A pre-shared key, and the name by which both sides know it.
#[derive(Clone)]
pub struct Psk {
    pub identity: String,
    pub key: Vec<u8>,
    /// Of an imported key (RFC 9258), where the implementation imports.
    pub context: String,
    /// DTLS 1.3: without a key exchange beside it.
    pub alone: bool,
}

/// Raw public keys (RFC 7250) instead of certificates: files with a SubjectPublicKeyInfo in DER.
pub struct RawKeys {
    /// The public half of `--key`.
    pub own: PathBuf,
    /// The one that the other side has to have.
    pub peer: PathBuf,
}

/// The command line: `PEER client|server --host H --port N …`.
pub struct Flags {
    pub role: Role,
    pub host: String,
    /// Where a server listens; 0 lets the system choose, and `port=` tells.
    pub port: u16,
    pub version: Version,
    /// PEM files.
    pub cert: Option<PathBuf>,
    pub key: Option<PathBuf>,
    /// Client: the CA of servers. Server: demand certificates by this CA.
    pub ca: Option<PathBuf>,
    /// Client: the server's name, sent and checked.
    pub name: Option<String>,
    pub psk: Option<Psk>,
    pub raw: Option<RawKeys>,
    /// IANA names, in order of preference; empty leaves the implementation's defaults.
    pub suites: Vec<String>,
    pub groups: Vec<String>,
    /// Client: the groups to send key shares for.
    pub shares: Vec<String>,
    /// Server: demand a cookie.
    pub cookie: Option<bool>,
    pub keylog: Option<PathBuf>,
    /// Client: where sessions are kept; the one that is there is resumed.
    pub session: Option<PathBuf>,
    /// Whether to ask for session tickets and to give some; without them DTLS 1.2 has session ids.
    pub tickets: bool,
    /// How many follow one another: a server's of as many clients, a client's with one server.
    pub sessions: u32,
    /// DTLS 1.3. Client: what to say before the handshake is complete, and once more if that is refused. Server: `take` such
    /// data, or `refuse` what the tickets allow.
    pub early: Option<String>,
    /// Server: an OCSP response to staple, a file in DER. Client: ask for one, whatever this says.
    pub staple: Option<PathBuf>,
    /// Largest UDP payload, bytes.
    pub mtu: Option<u16>,
    /// Client: the content of a record to ask for, bytes (RFC 6066 section 4), where the implementation can.
    pub max_fragment: Option<u16>,
    /// Update the sending keys by itself after this many records.
    pub update_after: Option<u64>,
    /// Negotiate connection IDs (RFC 9146), and want one of this many bytes in what comes; 0 only offers to send the other's.
    pub cid: Option<usize>,
}

impl Flags {
    /// Reads the program's arguments; a wrong one ends it, and so does `version`, which prints `version`.
    pub fn from_args(version: &str) -> Flags {
        let mut args = std::env::args().skip(1).peekable();
        if args.peek().is_some_and(|first| first == "version") {
            println!("{version}");
            std::process::exit(0);
        }
        Flags::parse(args).unwrap_or_else(|reason| crate::refuse(&reason))
    }

    fn parse(mut args: impl Iterator<Item = String>) -> Result<Flags, String> {
        let role = match args.next().as_deref() {
            Some("client") => Role::Client,
            Some("server") => Role::Server,
            _ => return Err("the first argument is client or server".into()),
        };
        let mut given = HashMap::new();
        while let Some(flag) = args.next() {
            let value = args.next().ok_or(format!("{flag} needs a value"))?;
            given.insert(flag, value);
        }
        let flags = Flags {
            role,
            host: given.remove("--host").unwrap_or("127.0.0.1".into()),
            port: number(given.remove("--port"))?.unwrap_or(0),
            version: version(given.remove("--version"))?,
            cert: given.remove("--cert").map(PathBuf::from),
            key: given.remove("--key").map(PathBuf::from),
            ca: given.remove("--ca").map(PathBuf::from),
            name: given.remove("--name"),
            psk: psk(&mut given)?,
            raw: raw_keys(given.remove("--raw-own"), given.remove("--raw-peer"))?,
            suites: list(given.remove("--suites")),
            groups: list(given.remove("--groups")),
            shares: list(given.remove("--shares")),
            cookie: given.remove("--cookie").map(|value| value == "yes"),
            keylog: given.remove("--keylog").map(PathBuf::from),
            session: given.remove("--session").map(PathBuf::from),
            tickets: given.remove("--tickets").is_none_or(|value| value == "yes"),
            sessions: number(given.remove("--sessions"))?.unwrap_or(1),
            early: given.remove("--early"),
            staple: given.remove("--staple").map(PathBuf::from),
            mtu: number(given.remove("--mtu"))?,
            max_fragment: number(given.remove("--max-fragment"))?,
            update_after: number(given.remove("--update-after"))?,
            cid: number(given.remove("--cid"))?,
        };
        match given.keys().next() {
            Some(flag) => Err(format!("unknown flag {flag}")),
            None => Ok(flags),
        }
    }
}

fn version(value: Option<String>) -> Result<Version, String> {
    match value.as_deref() {
        Some("1.2") => Ok(Version::Dtls12),
        Some("1.3") => Ok(Version::Dtls13),
        None | Some("any") => Ok(Version::Any),
        Some(other) => Err(format!("unknown version {other}")),
    }
}

/// `ID:HEX`
/// `--psk ID:HEX`, `--psk-context TEXT`, `--psk-mode psk_ke`.
fn psk(given: &mut HashMap<String, String>) -> Result<Option<Psk>, String> {
    let Some(value) = given.remove("--psk") else {
        return Ok(None);
    };
    let (identity, digits) = value.rsplit_once(':').ok_or("--psk needs ID:HEX")?;
    let byte = |at| {
        digits
            .get(at..at + 2)
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
    };
    let key: Option<Vec<u8>> = (0..digits.len()).step_by(2).map(byte).collect();
    Ok(Some(Psk {
        identity: identity.to_string(),
        key: key.ok_or("--psk needs ID:HEX")?,
        context: given.remove("--psk-context").unwrap_or_default(),
        alone: given.remove("--psk-mode").as_deref() == Some("psk_ke"),
    }))
}

fn raw_keys(own: Option<String>, peer: Option<String>) -> Result<Option<RawKeys>, String> {
    match (own, peer) {
        (None, None) => Ok(None),
        (Some(own), Some(peer)) => Ok(Some(RawKeys {
            own: own.into(),
            peer: peer.into(),
        })),
        _ => Err("--raw-own and --raw-peer go together".into()),
    }
}

fn number<T: std::str::FromStr>(value: Option<String>) -> Result<Option<T>, String> {
    let Some(value) = value else { return Ok(None) };
    value
        .parse()
        .map(Some)
        .map_err(|_| format!("{value} is not a number in range"))
}

fn list(value: Option<String>) -> Vec<String> {
    value
        .map(|text| text.split(',').map(String::from).collect())
        .unwrap_or_default()
}
