//! A URL taken apart: whom to connect to, and what to ask for there.

/// What a request is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Name or address of the origin server, as `connect` needs it: without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Host and port as `Host` says them.
    pub authority: String,
    /// Path and query, for the request line: it begins with `/`.
    pub path: String,
}

/// The port of `http` where a URL names none.
const HTTP: u16 = 80;

/// Takes the target of a request apart. There are two forms.
///
/// - `http://site:8000/a.html?x=1` is what browsers send to a proxy (RFC 9112, section 3.2.2).
/// - `/site:8000/a.html?x=1` is the textbook's exercise: the browser believes that we are a web server, and that the site is
///   a folder. It is good enough for one page. The next link that begins with a slash leads to a site of the wrong name.
///
/// `None` if it is neither.
pub fn take_apart(target: &str) -> Option<Wanted> {
    let scheme = "http://";
    let rest = match target.get(..scheme.len()) {
        Some(start) if start.eq_ignore_ascii_case(scheme) => &target[scheme.len()..],
        _ => target.strip_prefix('/')?,
    };
    // A query may follow the host directly: then the path is "/", which nobody has written.
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    let (host, port) = host_and_port(authority, Some(HTTP))?;
    let authority = if port == HTTP { bracketed(&host) } else { format!("{}:{port}", bracketed(&host)) };
    Some(Wanted { host, port, authority, path })
}

/// Takes `site:443` or `[::1]:443` apart. `None` if it is not a host with a port.
pub fn host_and_port(authority: &str, usual: Option<u16>) -> Option<(String, u16)> {
    let (host, port) = match authority.strip_prefix('[') {
        // An IPv6 address has colons of its own, and stands in brackets for that reason.
        Some(rest) => {
            let (host, behind) = rest.split_once(']')?;
            (host, if behind.is_empty() { None } else { Some(behind.strip_prefix(':')?) })
        }
        None => match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        },
    };
    let sound = !host.is_empty() && !host.contains(|it: char| it == '@' || it.is_control() || it.is_whitespace());
    let port = match port {
        // `http://site:/` is allowed, and means the usual one.
        None | Some("") => usual?,
        Some(digits) if digits.bytes().all(|it| it.is_ascii_digit()) => {
            digits.parse().ok().filter(|&port| port != 0)?
        }
        Some(_) => return None,
    };
    sound.then(|| (host.to_owned(), port))
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
