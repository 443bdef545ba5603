//! Addresses as FTP writes them: six numbers (RFC 959, section 4.1.2), or what RFC 2428 has for both internet protocols.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// What `PORT` says: `h1,h2,h3,h4,p1,p2`.
pub fn six_numbers(text: &str) -> Option<SocketAddr> {
    let numbers: Vec<u8> = text.trim().split(',').map(|word| word.trim().parse().ok()).collect::<Option<_>>()?;
    let [a, b, c, d, high, low] = numbers.try_into().ok()?;
    Some(SocketAddr::new(Ipv4Addr::new(a, b, c, d).into(), u16::from_be_bytes([high, low])))
}

/// What `EPRT` says: `|1|127.0.0.1|5282|` or `|2|::1|5282|`; any character may part them.
pub fn extended(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let parting = text.chars().next()?;
    let parts: Vec<&str> = text.split(parting).collect();
    let ["", family, address, port, ""] = parts.as_slice() else { return None };
    let address: IpAddr = address.parse().ok()?;
    let fits = matches!((*family, address), ("1", IpAddr::V4(_)) | ("2", IpAddr::V6(_)));
    fits.then(|| port.parse().ok().map(|port| SocketAddr::new(address, port)))?
}

/// The six numbers of an address; those of nowhere if it is none of IPv4.
pub fn as_six_numbers(address: SocketAddr) -> String {
    let IpAddr::V4(ip) = address.ip().to_canonical() else { return "0,0,0,0,0,0".to_owned() };
    let [a, b, c, d] = ip.octets();
    let [high, low] = address.port().to_be_bytes();
    format!("{a},{b},{c},{d},{high},{low}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("127,0,0,1,20,162", Some("127.0.0.1:5282"))]
    #[case(" 127, 0, 0, 1, 20, 162 ", Some("127.0.0.1:5282"))]
    #[case("127,0,0,1,20", None)]
    #[case("127,0,0,1,20,162,3", None)]
    #[case("127,0,0,1,20,256", None)]
    #[case("127.0.0.1:5282", None)]
    #[case("", None)]
    fn reads_six_numbers(#[case] text: &str, #[case] address: Option<&str>) {
        assert_eq!(six_numbers(text), address.map(|it| it.parse().unwrap()));
    }

    #[rstest]
    #[case("|1|127.0.0.1|5282|", Some("127.0.0.1:5282"))]
    #[case("|2|::1|5282|", Some("[::1]:5282"))]
    #[case("!1!127.0.0.1!5282!", Some("127.0.0.1:5282"))]
    #[case("|2|127.0.0.1|5282|", None)]
    #[case("|1|127.0.0.1|65536|", None)]
    #[case("|1|127.0.0.1|5282", None)]
    #[case("", None)]
    fn reads_the_extended_form(#[case] text: &str, #[case] address: Option<&str>) {
        assert_eq!(extended(text), address.map(|it| it.parse().unwrap()));
    }

    proptest! {
        #[test]
        fn six_numbers_say_the_address(ip: [u8; 4], port: u16) {
            let address = SocketAddr::new(ip.into(), port);
            prop_assert_eq!(six_numbers(&as_six_numbers(address)), Some(address));
        }
    }
}
