//! The program that finds the mail servers of an address.

use std::io::{self, Write};
use std::net::IpAddr;

use super::message::{Data, Kind, NO_SUCH_NAME};
use super::resolver::Resolver;
use crate::arguments::BadArguments;
use crate::failure::Failure;

/// Where the mail for a domain goes.
#[derive(Debug, PartialEq, Eq)]
pub enum Destination {
    /// To these hosts, the first that works.
    Hosts(Vec<MailHost>),
    /// The domain names none and has an address: to the domain itself (RFC 5321, section 5.1).
    Itself(Vec<IpAddr>),
    /// Nowhere: the domain says so (RFC 7505), or it has neither MX nor address.
    Nowhere(&'static str),
    /// There is no such domain.
    NoDomain,
}

/// A host that takes mail.
#[derive(Debug, PartialEq, Eq)]
pub struct MailHost {
    /// The lower, the sooner tried.
    pub preference: u16,
    /// Its name.
    pub name: String,
    /// Its addresses; none if the name does not exist.
    pub addresses: Vec<IpAddr>,
}

/// Runs `mxinfo ADDRESS`.
///
/// # Errors
/// No address, no such domain, a domain without mail, or no name server that answers.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let domain = domain(arguments)?;
    let found =
        find(&Resolver::of_system(), domain).map_err(|source| Failure::LookUp { name: domain.to_owned(), source })?;
    let text = match found {
        Destination::Hosts(hosts) => {
            let widest = hosts.iter().map(|host| host.name.len()).max().unwrap_or(0);
            let lines = hosts.iter().map(|host| {
                let addresses = words(&host.addresses);
                format!("{:>5}  {:widest$}  {addresses}\n", host.preference, host.name)
            });
            format!("mail for {domain} goes to, in this order:\n{}", lines.collect::<String>())
        }
        Destination::Itself(addresses) => {
            format!("{domain} names no mail server, so its mail goes to {domain} itself: {}\n", words(&addresses))
        }
        Destination::Nowhere(why) => return Err(Failure::Protocol(format!("{domain} takes no mail: {why}"))),
        Destination::NoDomain => return Err(Failure::Protocol(format!("there is no domain {domain}"))),
    };
    io::stdout().write_all(text.as_bytes()).map_err(Failure::Output)
}

fn words(addresses: &[IpAddr]) -> String {
    let words: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    if words.is_empty() { "no address".to_owned() } else { words.join(" ") }
}

/// Reads the command line: what stands behind the last @, which is the domain.
///
/// # Errors
/// Anything but one word with something before its @ and a name of a domain behind it.
pub fn domain(arguments: &[String]) -> Result<&str, BadArguments> {
    let [address] = arguments else {
        return Err(BadArguments::Count { expected: 1, found: arguments.len() });
    };
    // The part before may have an @ of its own, in quotes.
    let (user, domain) = address
        .rsplit_once('@')
        .ok_or(BadArguments::Unfit("ADDRESS is a mail address, such as postmaster@example.org"))?;
    if user.is_empty() {
        return Err(BadArguments::Unfit("nothing stands before the @ of ADDRESS"));
    }
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    if domain.len() > 253 || !domain.split('.').all(is_label) {
        return Err(BadArguments::Unfit("what stands behind the @ of ADDRESS is not the name of a domain"));
    }
    Ok(domain)
}

/// Finds out where the mail for a domain goes.
///
/// # Errors
/// If no name server answers.
pub fn find(resolver: &Resolver, domain: &str) -> io::Result<Destination> {
    let answer = resolver.ask(domain, Kind::Mx)?;
    if answer.code == NO_SUCH_NAME {
        return Ok(Destination::NoDomain);
    }
    let mut named: Vec<(u16, String)> = Vec::new();
    for data in answer.data {
        if let Data::Mx { preference, host } = data {
            named.push((preference, host));
        }
    }
    if named.is_empty() {
        let addresses = addresses(resolver, domain)?;
        let nothing = Destination::Nowhere("it has neither mail servers nor an address");
        return Ok(if addresses.is_empty() { nothing } else { Destination::Itself(addresses) });
    }
    // The root among other hosts is a mistake of theirs, and nobody to send mail to.
    named.retain(|(_, host)| !host.is_empty());
    if named.is_empty() {
        return Ok(Destination::Nowhere("it says so itself (a null MX)"));
    }
    // As numbers; the name only so that equals come in the same order each time.
    named.sort();
    let mut hosts = Vec::new();
    for (preference, name) in named {
        let addresses = addresses(resolver, &name)?;
        hosts.push(MailHost { preference, name, addresses });
    }
    Ok(Destination::Hosts(hosts))
}

/// The addresses of a host, of both kinds.
fn addresses(resolver: &Resolver, host: &str) -> io::Result<Vec<IpAddr>> {
    let mut found = Vec::new();
    for kind in [Kind::A, Kind::Aaaa] {
        for data in resolver.ask(host, kind)?.data {
            if let Data::Address(address) = data {
                found.push(address);
            }
        }
    }
    Ok(found)
}
