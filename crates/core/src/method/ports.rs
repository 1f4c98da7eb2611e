//! Where the agents of a pod listen, as `tidings.dev/agent` says it.
//!
//! Goes in: `9533`, or `nginx=9533,php=9534`. Comes out: a port for each container that
//! is named, or what is wrong: then none is known.

use crate::pattern::quoted;
use crate::refs::Name;

/// The ports of agents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// The only agent of the pod listens here.
    One(u16),
    /// The agents in these containers listen here.
    Named(Box<[(Name, u16)]>),
}

impl Ports {
    /// Reads the annotation.
    pub fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if !text.contains('=') {
            return port(text).map(Self::One);
        }
        let mut named: Vec<(Name, u16)> = Vec::new();
        for part in text.split(',').map(str::trim) {
            let expected = || format!("{} is not CONTAINER=PORT", quoted(part));
            let (container, listens) = part.split_once('=').ok_or_else(expected)?;
            let container = container.trim();
            if container.is_empty() {
                return Err(expected());
            }
            if named.iter().any(|(known, _)| **known == *container) {
                return Err(format!("{} is named twice", quoted(container)));
            }
            named.push((container.into(), port(listens.trim())?));
        }
        Ok(Self::Named(named.into()))
    }

    /// Where the agent of a container listens, if it is named.
    pub fn of(&self, container: &str) -> Option<u16> {
        match self {
            Self::One(_) => None,
            Self::Named(named) => {
                let mut named = named.iter();
                let found = named.find(|(name, _)| **name == *container);
                found.map(|(_, port)| *port)
            }
        }
    }
}

fn port(text: &str) -> Result<u16, String> {
    let port = text.parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("{} is no port, such as 9533 or nginx=9533", quoted(text)))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("9533", Ok(None))]
    #[case("nginx=9533", Ok(Some(9533)))]
    #[case(" php = 9534 , nginx = 9533 ", Ok(Some(9533)))]
    #[case("php=9534", Ok(None))]
    #[case("", Err("is no port"))]
    #[case("0", Err("is no port"))]
    #[case("nginx=65536", Err("is no port"))]
    #[case("nginx", Err("is no port"))]
    #[case("nginx=1,2", Err("is not CONTAINER=PORT"))]
    #[case("=1", Err("is not CONTAINER=PORT"))]
    #[case("nginx=1,nginx=2", Err("is named twice"))]
    fn ports_of_agents(#[case] text: &str, #[case] expect: Result<Option<u16>, &str>) {
        match (Ports::read(text), expect) {
            (Ok(ports), Ok(of_nginx)) => assert_eq!(ports.of("nginx"), of_nginx),
            (Err(problem), Err(said)) => assert!(problem.contains(said), "{problem}"),
            (read, _) => unreachable!("{read:?}"),
        }
    }
}
