//! Host names. A host that is a number already needs no looking up, which ureq
//! would start a thread for.

use std::net::{IpAddr, SocketAddr};
use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// ureq's own resolver, except for numbers.
#[derive(Debug, Default)]
pub(super) struct NumbersFirst(DefaultResolver);

impl Resolver for NumbersFirst {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let Some(address) = number(uri) else {
            return self.0.resolve(uri, config, timeout);
        };
        let mut only = self.empty();
        only.push(address);
        Ok(only)
    }
}

fn number(uri: &Uri) -> Option<SocketAddr> {
    let host: IpAddr = uri.host()?.trim_matches(['[', ']']).parse().ok()?;
    let usual = if uri.scheme_str() == Some("https") {
        443
    } else {
        80
    };
    Some(SocketAddr::new(host, uri.port_u16().unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_recognised_and_names_are_not() {
        for (uri, expected) in [
            ("http://127.0.0.1:9090/-/reload", Some("127.0.0.1:9090")),
            ("https://10.0.0.1/", Some("10.0.0.1:443")),
            ("http://[::1]/", Some("[::1]:80")),
            ("http://localhost:1/", None),
        ] {
            let found = number(&uri.parse().unwrap());
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{uri}");
        }
    }
}
