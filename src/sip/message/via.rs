//! The Via header (RFC 3261 20.42, RFC 3581), with IPv6 everywhere.

use super::param::{self, Params};
use super::uri::Host;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// What a Via says a message travelled over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// Datagrams.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream under TLS.
    Tls,
    /// SCTP, which we do not speak.
    Sctp,
    /// WebSocket, which we do not speak.
    Ws,
    /// WebSocket under TLS, which we do not speak.
    Wss,
    /// Any other, as written.
    Other(String),
}

impl Transport {
    /// Reads the name in any case; never fails.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name.to_ascii_uppercase().as_str() {
            "UDP" => Self::Udp,
            "TCP" => Self::Tcp,
            "TLS" => Self::Tls,
            "SCTP" => Self::Sctp,
            "WS" => Self::Ws,
            "WSS" => Self::Wss,
            _ => Self::Other(name.to_owned()),
        }
    }

    /// The port a peer listens on when none is written, RFC 3261 18.2.2.
    #[must_use]
    pub fn default_port(&self) -> u16 {
        match self {
            Self::Tls => 5061,
            Self::Ws => 80,
            Self::Wss => 443,
            Self::Udp | Self::Tcp | Self::Sctp | Self::Other(_) => 5060,
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Sctp => "SCTP",
            Self::Ws => "WS",
            Self::Wss => "WSS",
            Self::Other(name) => name,
        })
    }
}

/// The `rport` parameter, RFC 3581.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rport {
    /// Present without a value: the client asks for it.
    Asked,
    /// The port the request came from.
    Is(u16),
}

/// One Via value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Via {
    /// The third part of the sent-protocol.
    pub transport: Transport,
    /// The host of sent-by.
    pub host: Host,
    /// The port of sent-by.
    pub port: Option<u16>,
    /// The transaction's branch, with its cookie if it has one; `None` from RFC 2543 peers.
    pub branch: Option<String>,
    /// Where the request really came from; read with and without brackets (RFC 5118 4.5), printed without.
    pub received: Option<IpAddr>,
    /// Whether the client wants its answer at the port it sent from.
    pub rport: Option<Rport>,
    /// A multicast address or the like; never followed by us.
    pub maddr: Option<String>,
    /// Hops for multicast.
    pub ttl: Option<u8>,
    /// All other parameters in order.
    pub other: Params,
}

impl Via {
    /// What every branch of RFC 3261 begins with.
    pub const COOKIE: &'static str = "z9hG4bK";

    /// The Via of a request of ours; asks for `rport`.
    #[must_use]
    pub fn new(transport: Transport, sent_by: SocketAddr, branch: &str) -> Self {
        Self {
            transport,
            host: Host::Ip(sent_by.ip()),
            port: Some(sent_by.port()),
            branch: Some(branch.to_owned()),
            received: None,
            rport: Some(Rport::Asked),
            maddr: None,
            ttl: None,
            other: Params::default(),
        }
    }

    /// Reads one value, with white space wherever RFC 3261 25.1 allows it. `None` when it is no Via.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (sent, params) = text.split_once(';').unwrap_or((text, ""));
        let (name, rest) = sent.split_once('/')?;
        let (version, rest) = rest.split_once('/')?;
        let known = name.trim().eq_ignore_ascii_case("SIP") && version.trim() == "2.0";
        if !known || !param::is_closed(params) {
            return None;
        }
        let (transport, sent_by) = rest.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        let (host, port) = Host::parse_with_port(sent_by)?;
        let mut other = Params::parse(params);
        let port_of = |text: String| text.parse().ok().map(Rport::Is);
        let rport = other.remove("rport").map(|p| p.and_then(port_of).unwrap_or(Rport::Asked));
        let received = other.remove("received").flatten();
        Some(Self {
            transport: Transport::parse(transport),
            host,
            port,
            branch: other.remove("branch").flatten().filter(|branch| !branch.is_empty()),
            received: received.and_then(|ip| ip.trim_matches(['[', ']']).parse().ok()),
            rport,
            maddr: other.remove("maddr").flatten(),
            ttl: other.remove("ttl").flatten().and_then(|ttl| ttl.parse().ok()),
            other,
        })
    }

    /// The branch, when it identifies a transaction by the rules of RFC 3261 17.2.3: it has the cookie and more.
    #[must_use]
    pub fn unique_branch(&self) -> Option<&str> {
        let branch = self.branch.as_deref()?;
        let (cookie, rest) = branch.split_at_checked(Self::COOKIE.len())?;
        (cookie.eq_ignore_ascii_case(Self::COOKIE) && !rest.is_empty()).then_some(branch)
    }

    /// Notes where the request really came from, RFC 3261 18.2.1 and RFC 3581 4. What the sender claimed is replaced.
    pub fn mark_source(&mut self, source: SocketAddr) {
        let asked = self.rport.is_some();
        self.rport = asked.then_some(Rport::Is(source.port()));
        // A socket for both families sees IPv4 peers as ::ffff:a.b.c.d; they do not know themselves by that name.
        let address = source.ip().to_canonical();
        let differs = self.host != Host::Ip(address);
        self.received = (asked || differs).then_some(address);
    }

    /// Where the answer to a request from `source` goes over UDP, RFC 3261 18.2.2 and RFC 3581 4.
    ///
    /// Always a port of the source's own address: a `maddr` or a foreign sent-by must not make us shoot at a third
    /// party. Without `rport` it is the port of sent-by, unless sent-by is the inner side of a NAT, where no answer
    /// to that port would arrive.
    #[must_use]
    pub fn answer_address(&self, source: SocketAddr) -> SocketAddr {
        let behind_nat = match &self.host {
            Host::Ip(address) => *address != source.ip().to_canonical(),
            Host::Name(_) => false,
        };
        let port = match self.rport {
            None if !behind_nat => self.port.unwrap_or_else(|| self.transport.default_port()),
            None | Some(_) => source.port(),
        };
        SocketAddr::new(source.ip(), port)
    }
}

impl fmt::Display for Via {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SIP/2.0/{} {}", self.transport, self.host)?;
        if let Some(port) = self.port {
            write!(f, ":{port}")?;
        }
        if let Some(branch) = &self.branch {
            write!(f, ";branch={branch}")?;
        }
        if let Some(received) = self.received {
            write!(f, ";received={received}")?;
        }
        match self.rport {
            Some(Rport::Asked) => f.write_str(";rport")?,
            Some(Rport::Is(port)) => write!(f, ";rport={port}")?,
            None => {}
        }
        if let Some(maddr) = &self.maddr {
            write!(f, ";maddr={maddr}")?;
        }
        if let Some(ttl) = self.ttl {
            write!(f, ";ttl={ttl}")?;
        }
        write!(f, "{}", self.other)
    }
}
