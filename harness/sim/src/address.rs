//! Socket addresses in the bytes of `struct sockaddr_in` and `struct sockaddr_in6`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Reads an address. `Ok(None)` is `AF_UNSPEC`.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<SocketAddr>, i32> {
    let family = i32::from(u16::from_le_bytes(field(bytes, 0).ok_or(libc::EINVAL)?));
    let port = field(bytes, 2).map(u16::from_be_bytes);
    match family {
        libc::AF_UNSPEC => Ok(None),
        libc::AF_INET => {
            let octets: [u8; 4] = field(bytes, 4).ok_or(libc::EINVAL)?;
            Ok(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(octets)), port.ok_or(libc::EINVAL)?)))
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = field(bytes, 8).ok_or(libc::EINVAL)?;
            Ok(Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(octets)), port.ok_or(libc::EINVAL)?)))
        }
        _ => Err(libc::EAFNOSUPPORT),
    }
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

/// Writes an address in the form of the socket's own family.
pub(crate) fn encode(address: SocketAddr, v6: bool) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(28);
    if v6 {
        let ip = match address.ip() {
            IpAddr::V4(v4) if v4.is_unspecified() => Ipv6Addr::UNSPECIFIED,
            IpAddr::V4(v4) => v4.to_ipv6_mapped(),
            IpAddr::V6(v6) => v6,
        };
        bytes.extend((libc::AF_INET6 as u16).to_le_bytes());
        bytes.extend(address.port().to_be_bytes());
        bytes.extend([0; 4]);
        bytes.extend(ip.octets());
        bytes.extend([0; 4]);
    } else {
        let ip = match address.ip() {
            IpAddr::V4(v4) => v4,
            IpAddr::V6(v6) => v6.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED),
        };
        bytes.extend((libc::AF_INET as u16).to_le_bytes());
        bytes.extend(address.port().to_be_bytes());
        bytes.extend(ip.octets());
        bytes.extend([0; 8]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips() {
        for (text, v6) in [("10.0.0.1:80", false), ("[fd00::1]:443", true)] {
            let address: SocketAddr = text.parse().expect("address");
            assert_eq!(decode(&encode(address, v6)), Ok(Some(address)));
        }
        assert_eq!(decode(&[1]), Err(libc::EINVAL));
        assert_eq!(decode(&[0; 16]), Ok(None));
    }
}
