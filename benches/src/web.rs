//! Web servers: programs to compare, a request to each, and the load of a tool made for it.
//!
//! Owns starting the servers over one folder, and reading what `ab` says.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::pair::{Absent, Start};

/// The page's name.
pub const PAGE: &str = "page.html";

/// The page's size in bytes.
pub const LENGTH: usize = 20_480;

/// Bound of every wait for a server.
const PATIENCE: Duration = Duration::from_secs(60);

/// A web server.
#[derive(Debug, Clone)]
pub struct WebServer {
    /// How reports call it.
    pub name: &'static str,
    /// Starts it.
    pub start: Start,
}

/// The servers that this machine offers, each over `folder`, which is given its page, and what is absent.
/// `reference_alone` is the path of this package's program of that name.
///
/// # Errors
/// If the folder cannot be written.
pub fn servers(reference_alone: &str, folder: &Path) -> io::Result<(Vec<WebServer>, Vec<Absent>)> {
    fs::write(folder.join(PAGE), "a page of twenty kilobytes. ".repeat(LENGTH / 28 + 1).split_at(LENGTH).0)?;
    let mut found = vec![WebServer {
        name: "reference",
        start: Start::new([reference_alone, "web-server", "server", "{port}"]).inside(folder),
    }];
    let mut absent = Vec::new();
    match Command::new("python3").arg("--version").output() {
        Ok(_) => {
            // It tells of every request, and nobody would read that.
            let line = "exec python3 -m http.server {port} --bind 127.0.0.1 >/dev/null 2>&1";
            found.push(WebServer { name: "http.server", start: Start::new(["sh", "-c", line]).inside(folder) });
        }
        Err(source) => absent.push(Absent::NotInstalled { program: "python3", source }),
    }
    match Command::new("nginx").arg("-v").output() {
        Ok(_) => found.push(WebServer { name: "nginx", start: nginx(folder)? }),
        Err(source) => absent.push(Absent::NotInstalled { program: "nginx", source }),
    }
    Ok((found, absent))
}

/// One process in the foreground, which writes nothing and nowhere but in its folder.
fn nginx(folder: &Path) -> io::Result<Start> {
    let own = folder.join("nginx");
    fs::create_dir_all(&own)?;
    let settings = "daemon off; master_process off; pid nginx.pid; error_log /dev/null;\n\
                    events { worker_connections 1024; }\n\
                    http { access_log off; types { text/html html; }\n\
                    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;\n\
                    uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
                    server { listen 127.0.0.1:PORT backlog=512; root ROOT; } }\n";
    fs::write(own.join("nginx.conf.in"), settings.replace("ROOT", &folder.display().to_string()))?;
    let line =
        "sed s/PORT/{port}/ nginx.conf.in >nginx.conf && exec nginx -p \"$PWD\" -c \"$PWD/nginx.conf\" 2>/dev/null";
    Ok(Start::new(["sh", "-c", line]).inside(&own))
}

/// Asks for the page on a connection of its own, and takes the response to its end.
///
/// # Errors
/// If it is not the whole page.
pub fn fetch(port: u16) -> io::Result<()> {
    let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    client.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET /{PAGE} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes())?;
    let mut response = Vec::with_capacity(LENGTH + 1024);
    client.read_to_end(&mut response)?;
    let head = response.windows(4).position(|window| window == b"\r\n\r\n");
    match head {
        Some(end) if response.len() - end - 4 == LENGTH => Ok(()),
        _ => Err(io::Error::new(ErrorKind::InvalidData, format!("{} bytes came, and not the page", response.len()))),
    }
}

/// What a load of requests came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Load {
    /// Requests a second.
    pub per_second: f64,
    /// Milliseconds within which 99 of 100 were served.
    pub slowest: f64,
}

/// So many requests, each on a connection of its own, so many at a time, by `ab`.
///
/// # Errors
/// If `ab` is not installed, or if a request failed.
pub fn load(port: u16, requests: u32, at_a_time: u32) -> io::Result<Load> {
    let output = Command::new("ab")
        .args(["-q", "-n", &requests.to_string(), "-c", &at_a_time.to_string()])
        .arg(format!("http://127.0.0.1:{port}/{PAGE}"))
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    read_load(&said).ok_or_else(|| {
        let why = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("ab did not have all {requests} pages:\n{said}{why}"))
    })
}

/// The figures in what `ab` says, unless a request failed.
fn read_load(said: &str) -> Option<Load> {
    let value = |key: &str| said.lines().find_map(|line| line.trim().strip_prefix(key)?.split_whitespace().next());
    if value("Failed requests:") != Some("0") || said.contains("Non-2xx responses:") {
        return None;
    }
    Some(Load { per_second: value("Requests per second:")?.parse().ok()?, slowest: value("99%")?.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const SAID: &str = "Complete requests:      1000\nFailed requests:        0\n\
                        Requests per second:    3412.07 [#/sec] (mean)\n  50%      4\n  99%     17\n";

    #[test]
    fn a_good_load_is_read() {
        assert_eq!(read_load(SAID), Some(Load { per_second: 3412.07, slowest: 17.0 }));
    }

    #[rstest]
    #[case::a_failure(&SAID.replace("requests:        0", "requests:        3"))]
    #[case::another_status(&format!("Non-2xx responses:      1000\n{SAID}"))]
    #[case::nothing("")]
    fn a_bad_load_is_none(#[case] said: &str) {
        assert_eq!(read_load(said), None);
    }
}
