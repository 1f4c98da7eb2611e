//! Who is let in.
//!
//! Goes in: the head of a request. Comes out: whether it is answered. This machine may
//! have other users, and its browser shows other sites: so a request is answered only if
//! it names this machine (a name that was bent to it is another one: DNS rebinding), was
//! not sent by another site, and brings the cookie that the token in the printed address
//! was exchanged for. Everything else is 403 and one sentence.
//!
//! What is answered may be kept by nobody, shown in nobody's frame, and runs and loads
//! only what comes from here ([`HEADERS`]).

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, COOKIE, HOST, HeaderName, LOCATION,
    ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use form_urlencoded::Serializer;

use super::routes::LONGEST;
use super::site::Site;

/// What it is called in an address.
const TOKEN: &str = "token";

/// Of every answer, whatever it is.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
         connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    // With `no-referrer` a browser says of the page's own forms that they come from nowhere
    // (`Origin: null`; Fetch, "append a request Origin header").
    (REFERRER_POLICY, "same-origin"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (CACHE_CONTROL, "no-store"),
];

const WRONG_HOST: &str =
    "This page answers only to the address that `tidings dashboard` printed.\n";
const TOO_LONG: &str = "That is more than this page takes at once.\n";
const WRONG_ORIGIN: &str = "Another site may not ask for this page.\n";
const WRONG_TOKEN: &str = "Open the address with the token that `tidings dashboard` printed: this one has none that holds.\n";

/// Knows who is let in.
#[derive(Debug)]
pub(super) struct Guard {
    token: String,
    /// The cookie's name. Cookies know no ports, so it has the port in it: two pages on
    /// one machine do not take each other's place.
    cookie: String,
    hosts: Vec<String>,
}

/// What to do with a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage {
    /// It is answered.
    Enter,
    /// Its token becomes a cookie, and the address goes on without it.
    Exchange(String),
    /// It is not answered, and why.
    Refuse(&'static str),
}

impl Guard {
    /// Lets in who has this token, and asks one of these hosts at this port.
    pub(super) fn new(token: String, port: u16, hosts: Vec<String>) -> Self {
        Self {
            token,
            cookie: format!("tidings-{port}"),
            hosts,
        }
    }

    /// The address to open.
    pub(super) fn address(&self) -> String {
        let host = self.hosts.first().map_or("", String::as_str);
        format!("http://{host}/?{TOKEN}={}", self.token)
    }

    fn judge(&self, method: &Method, uri: &Uri, headers: &HeaderMap) -> Passage {
        let target = uri.authority().map(Authority::as_str);
        let host = one(headers, &HOST).is_some_and(|host| self.is_ours(host));
        // A target that names a host goes before the header (RFC 9112, 3.2.2).
        if !host || target.is_some_and(|target| !self.is_ours(target)) {
            return Passage::Refuse(WRONG_HOST);
        }
        if !self.is_from_here(method, headers) {
            return Passage::Refuse(WRONG_ORIGIN);
        }
        let (given, rest) = without_token(uri);
        match given {
            Some(given) if !same(given.as_bytes(), self.token.as_bytes()) => {
                Passage::Refuse(WRONG_TOKEN)
            }
            Some(_) => Passage::Exchange(rest),
            None if self.has_cookie(headers) => Passage::Enter,
            None => Passage::Refuse(WRONG_TOKEN),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        self.hosts.iter().any(|ours| ours == host)
    }

    /// A page's own script may not say where it is from when it only reads; who sends
    /// something always does.
    fn is_from_here(&self, method: &Method, headers: &HeaderMap) -> bool {
        if is_loaded_elsewhere(headers) {
            return false;
        }
        if !headers.contains_key(ORIGIN) {
            return matches!(*method, Method::GET | Method::HEAD);
        }
        let origin = one(headers, &ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
        origin.is_some_and(|host| self.is_ours(host))
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(COOKIE).iter();
        // Those of others on this machine may hold any byte.
        let mut pairs = cookies.flat_map(|all| all.as_bytes().split(|byte| *byte == b';'));
        pairs.any(|pair| {
            let value = pair.trim_ascii().strip_prefix(self.cookie.as_bytes());
            let value = value.and_then(|value| value.strip_prefix(b"="));
            value.is_some_and(|value| same(value, self.token.as_bytes()))
        })
    }

    fn exchange(&self, onward: &str) -> Response {
        let cookie = format!(
            "{}={}; Path=/; HttpOnly; SameSite=Strict",
            self.cookie, self.token
        );
        let headers = [(SET_COOKIE, cookie), (LOCATION, onward.to_owned())];
        (StatusCode::SEE_OTHER, headers).into_response()
    }
}

/// Lets a request in, or not, and says on every answer what a browser may do with it.
pub(super) async fn keep(State(site): State<Site>, request: Request, next: Next) -> Response {
    let passage = site
        .guard
        .judge(request.method(), request.uri(), request.headers());
    let mut answer = match passage {
        Passage::Enter if is_too_long(request.headers()) => {
            (StatusCode::PAYLOAD_TOO_LARGE, TOO_LONG).into_response()
        }
        Passage::Enter => {
            site.attention.asked();
            next.run(request).await
        }
        Passage::Exchange(onward) => site.guard.exchange(&onward),
        Passage::Refuse(why) => (StatusCode::FORBIDDEN, why).into_response(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

/// Whether more is announced than is taken: it need not come.
fn is_too_long(headers: &HeaderMap) -> bool {
    let announced = one(headers, &CONTENT_LENGTH).map(str::parse::<usize>);
    announced.is_some_and(|length| length.is_ok_and(|length| length > LONGEST))
}

/// A header that is there once.
fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut all = headers.get_all(name).iter();
    let first = all.next()?.to_str().ok()?;
    all.next().is_none().then_some(first)
}

/// Whether a page of another site, or of another port of this machine (to whom the cookie
/// is brought, too), has this loaded as a part of itself (Fetch Metadata, W3C).
fn is_loaded_elsewhere(headers: &HeaderMap) -> bool {
    let said = |name| headers.get(name).map(HeaderValue::as_bytes);
    let elsewhere = matches!(said("sec-fetch-site"), Some(b"same-site" | b"cross-site"));
    elsewhere && said("sec-fetch-mode") != Some(b"navigate")
}

/// The token of an address, and the address without it.
fn without_token(uri: &Uri) -> (Option<String>, String) {
    let query = uri.query().unwrap_or_default().as_bytes();
    let mut token = None;
    let mut rest = Serializer::new(String::new());
    for (key, value) in form_urlencoded::parse(query) {
        if key == TOKEN {
            token = Some(value.into_owned());
        } else {
            rest.append_pair(&key, &value);
        }
    }
    // Two slashes at the beginning, of either kind, would be the name of another host.
    let path = format!("/{}", uri.path().trim_start_matches(['/', '\\']));
    let rest = rest.finish();
    let onward = if rest.is_empty() {
        path
    } else {
        format!("{path}?{rest}")
    };
    (token, onward)
}

/// Whether two secrets are one, in a time that says nothing of where they differ.
fn same(given: &[u8], ours: &[u8]) -> bool {
    let differ = given.iter().zip(ours).fold(0, |all, (a, b)| all | (a ^ b));
    given.len() == ours.len() && std::hint::black_box(differ) == 0
}
