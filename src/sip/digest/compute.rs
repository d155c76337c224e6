//! The one computation that server and client share (RFC 7616 3.4, RFC 2069 2.1.2).

use super::{DigestAlgorithm, Qop, Session, SignedRequest};

/// Everything that goes into `response`, as it stands on the wire.
pub(super) struct Terms<'a> {
    pub(super) algorithm: DigestAlgorithm,
    /// HA1 of the account in hexadecimal, before any session.
    pub(super) ha1: &'a str,
    pub(super) nonce: &'a str,
    /// Needed by qop and by the sessions; empty otherwise.
    pub(super) cnonce: &'a str,
    /// With the digits that were sent: they are hashed as text.
    pub(super) qop: Option<(Qop, &'a str)>,
    /// The URI of the credentials, which need not be that of the request byte for byte.
    pub(super) uri: &'a str,
}

/// The value of `response` in lower-case hexadecimal.
pub(super) fn response(terms: &Terms<'_>, request: &SignedRequest<'_>) -> String {
    let hash = terms.algorithm.hash;
    let nonce = terms.nonce.as_bytes();
    let cnonce = terms.cnonce.as_bytes();
    let method = request.method.as_bytes();
    let session_ha1;
    let ha1 = match terms.algorithm.session {
        Session::No => terms.ha1,
        Session::Yes => {
            session_ha1 = hash.hex(&[terms.ha1.as_bytes(), nonce, cnonce]);
            &session_ha1
        }
    };
    let ha2 = match terms.qop {
        Some((Qop::AuthInt, _)) => {
            let body = hash.hex(&[request.body]);
            hash.hex(&[method, terms.uri.as_bytes(), body.as_bytes()])
        }
        Some((Qop::Auth, _)) | None => hash.hex(&[method, terms.uri.as_bytes()]),
    };
    match terms.qop {
        Some((qop, count)) => hash.hex(&[
            ha1.as_bytes(),
            nonce,
            count.as_bytes(),
            cnonce,
            qop.token().as_bytes(),
            ha2.as_bytes(),
        ]),
        None => hash.hex(&[ha1.as_bytes(), nonce, ha2.as_bytes()]),
    }
}
