use boring::error::ErrorStack;
use boring::ssl::{
    Ssl, SslContext, SslContextBuilder, SslFiletype, SslMethod, SslOptions, SslSession, SslSessionCacheMode,
    SslVerifyMode, SslVersion,
};
use boring_sys as ffi;
use foreign_types::ForeignTypeRef;
use peer_kit::names::{self, group_codes};
use peer_kit::{Flags, Psk, Role, Version, refuse, report};
use std::ffi::c_int;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// What all sessions of this program have, as the flags say.
pub fn context(flags: &Flags) -> SslContext {
    build(flags).unwrap_or_else(|error| refuse(&error.to_string()))
}

/// A session as the flags say.
pub fn session(context: &SslContext, flags: &Flags) -> Ssl {
    begin(context, flags).unwrap_or_else(|error| refuse(&error.to_string()))
}

fn build(flags: &Flags) -> Result<SslContext, ErrorStack> {
    if flags.early.is_some() {
        refuse("BoringSSL has no early data in DTLS 1.3");
    }
    if flags.cid.is_some() {
        refuse("BoringSSL has no connection IDs");
    }
    if flags.cookie == Some(true) {
        refuse("BoringSSL's server asks for no cookie");
    }
    let mut context = SslContext::builder(SslMethod::dtls())?;
    let (least, most) = versions(flags.version);
    context.set_min_proto_version(Some(least))?;
    context.set_max_proto_version(Some(most))?;
    set_credentials(&mut context, flags)?;
    set_suites(&mut context, flags)?;
    if !flags.groups.is_empty() {
        context.set_curves_list(
            &flags
                .groups
                .iter()
                .map(|name| group(name))
                .collect::<Vec<_>>()
                .join(":"),
        )?;
    }
    if let Some(path) = &flags.keylog {
        log_keys(&mut context, path);
    }
    match flags.role {
        Role::Server => make_tickets(&mut context)?,
        Role::Client => keep_sessions(&mut context, flags),
    }
    if flags.role == Role::Client && flags.staple.is_some() {
        context.enable_ocsp_stapling();
    }
    if !flags.tickets {
        context.set_options(SslOptions::NO_TICKET);
    }
    Ok(context.build())
}

fn begin(context: &SslContext, flags: &Flags) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    // SAFETY: the session lives, and the callback is a function.
    unsafe { ffi::SSL_set_info_callback(ssl.as_ptr(), Some(report_alert)) };
    if let Some(mtu) = flags.mtu {
        ssl.set_mtu(mtu.into())?;
    }
    if flags.role == Role::Server {
        // SAFETY: the session lives.
        unsafe { ffi::SSL_set_accept_state(ssl.as_ptr()) };
        if let Some(path) = &flags.staple {
            let response = std::fs::read(path).unwrap_or_else(|_| refuse("--staple cannot be read"));
            ssl.set_ocsp_status(&response)?;
        }
        return Ok(ssl);
    }
    // SAFETY: the session lives.
    unsafe { ffi::SSL_set_connect_state(ssl.as_ptr()) };
    if let Some(name) = &flags.name {
        ssl.set_hostname(name)?;
        ssl.param_mut().set_host(name)?;
    }
    if let Some(kept) = flags.session.as_ref().and_then(|path| std::fs::read(path).ok()) {
        let kept = SslSession::from_der(&kept)?;
        // SAFETY: the session was made under a context like this one.
        unsafe { ssl.set_session(&kept)? };
    }
    let shares = group_codes(&flags.shares);
    if !shares.is_empty() {
        // SAFETY: the list is copied, its length is given.
        let result = unsafe { ffi::SSL_set1_client_key_shares(ssl.as_ptr(), shares.as_ptr(), shares.len()) };
        if result != 1 {
            refuse("BoringSSL refuses these key shares");
        }
    }
    Ok(ssl)
}

fn versions(version: Version) -> (SslVersion, SslVersion) {
    match version {
        Version::Dtls12 => (SslVersion::DTLS1_2, SslVersion::DTLS1_2),
        Version::Dtls13 => (SslVersion::DTLS1_3, SslVersion::DTLS1_3),
        Version::Any => (SslVersion::DTLS1_2, SslVersion::DTLS1_3),
    }
}

fn set_credentials(context: &mut SslContextBuilder, flags: &Flags) -> Result<(), ErrorStack> {
    if let Some(ca) = &flags.ca {
        context.set_ca_file(ca)?;
        context.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
    }
    if let (Some(cert), Some(key)) = (&flags.cert, &flags.key) {
        context.set_certificate_chain_file(cert)?;
        context.set_private_key_file(key, SslFiletype::PEM)?;
    }
    if let Some(psk) = &flags.psk {
        add_psk(context, psk);
    }
    Ok(())
}

/// The next process of this program opens the tickets of this one.
fn make_tickets(context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
    context.set_session_id_context(b"interop")?;
    let keys = [0x5a; 48];
    // SAFETY: the keys are copied, their length is given.
    unsafe { ffi::SSL_CTX_set_tlsext_ticket_keys(context.as_ptr(), keys.as_ptr().cast(), keys.len()) };
    Ok(())
}

fn keep_sessions(context: &mut SslContextBuilder, flags: &Flags) {
    let Some(path) = flags.session.clone() else { return };
    context.set_session_cache_mode(SslSessionCacheMode::CLIENT);
    context.set_new_session_callback(move |_, session| {
        let kept = session.to_der().expect("a session can be encoded");
        std::fs::write(&path, kept).expect("a session can be kept");
    });
}

/// BoringSSL uses no key without importing it (RFC 9258).
fn add_psk(context: &mut SslContextBuilder, psk: &Psk) {
    let Psk {
        identity,
        key,
        context: label,
        ..
    } = psk;
    // SAFETY: everything is copied, and its length given; the context keeps a reference of its own.
    let added = unsafe {
        let credential = ffi::SSL_CREDENTIAL_new_pre_shared_key(
            key.as_ptr(),
            key.len(),
            identity.as_ptr(),
            identity.len(),
            ffi::EVP_sha256(),
            label.as_ptr(),
            label.len(),
        );
        let added = ffi::SSL_CTX_add1_credential(context.as_ptr(), credential);
        ffi::SSL_CREDENTIAL_free(credential);
        added
    };
    if added != 1 {
        refuse("BoringSSL refuses the pre-shared key");
    }
}

/// DTLS 1.3's suites are BoringSSL's own choice: it offers all, and its server prefers AES where that is fast.
fn set_suites(context: &mut SslContextBuilder, flags: &Flags) -> Result<(), ErrorStack> {
    let suites: Vec<&str> = flags
        .suites
        .iter()
        .map(String::as_str)
        .filter(|name| name.contains("_WITH_"))
        .collect();
    if suites.is_empty() {
        Ok(())
    } else {
        context.set_cipher_list(&suites.join(":"))
    }
}

fn group(name: &str) -> &str {
    match name {
        "x25519" => "X25519",
        "secp256r1" => "P-256",
        "secp384r1" => "P-384",
        other => other,
    }
}

unsafe extern "C" fn report_alert(_: *const ffi::SSL, kind: c_int, value: c_int) {
    let key = match kind {
        ffi::SSL_CB_READ_ALERT => "alert-received",
        ffi::SSL_CB_WRITE_ALERT => "alert-sent",
        _ => return,
    };
    report(key, &names::alert(value as u8));
}

fn log_keys(context: &mut SslContextBuilder, path: &Path) {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("the key log can be written");
    context.set_keylog_callback(move |_, line| {
        let _ = writeln!(&file, "{line}");
    });
}
