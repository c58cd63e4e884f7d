//! An HTTP client that keeps cookies, follows no redirect by itself, and finds the CSRF token of a page's form.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use ureq::{Agent, http};

/// A client with a cookie jar.
#[derive(Clone)]
pub struct Browser {
    agent: Agent,
    address: SocketAddr,
    /// Names and values, as received.
    pub cookies: BTreeMap<String, String>,
    /// Sent with every request.
    pub headers: Vec<(String, String)>,
}

/// The response of a server.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Browser {
    pub fn new(address: SocketAddr) -> Self {
        let config = Agent::config_builder()
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        let user_agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
        Self {
            agent: config.into(),
            address,
            cookies: BTreeMap::new(),
            headers: vec![("user-agent".to_owned(), user_agent.to_owned())],
        }
    }

    /// Sends this header with each request, in place of another one of its name.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(existing, _)| !existing.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a cookie that no server has set.
    pub fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.to_owned(), value.to_owned());
        self
    }

    /// All cookies, as a request carries them.
    pub fn cookie_header(&self) -> String {
        let pairs: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// The server that it talks to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Switches to another server and keeps the cookies: a browser sends them to every port of a host.
    pub fn visit(&mut self, address: SocketAddr) -> &mut Self {
        self.address = address;
        self
    }

    /// A copy of this browser for another instance.
    pub fn at(&self, address: SocketAddr) -> Self {
        Self { address, ..self.clone() }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, None, &[])
    }

    /// Posts a form as it is: no token is added.
    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send("POST", path, Some(fields), &[])
    }

    /// Opens a page, then posts a form with the token of that page.
    pub fn post_from(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let token = self.get(page).csrf_token();
        let mut fields = fields.to_vec();
        fields.push(("csrf_token", &token));
        self.post(path, &fields)
    }

    /// Opens the sign-in page and sends its form.
    pub fn sign_in(&mut self, email: &str, password: &str) -> Answer {
        self.post_from("/login", "/login", &[("email", email), ("password", password)])
    }

    pub fn sign_out(&mut self) -> Answer {
        self.post_from("/account/sessions", "/logout", &[])
    }

    /// The id of the session that this browser is signed in with.
    pub fn session_id(&mut self) -> String {
        let answer = self.get("/api/session");
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()["session"]["id"].as_str().unwrap().to_owned()
    }

    /// Whether its session still lets it in, by both kinds of route.
    pub fn is_signed_in(&mut self) -> bool {
        let (api, page) = (self.get("/api/session"), self.get("/account/sessions"));
        match (api.status, page.status) {
            (200, 200) => true,
            (401, 303) => false,
            statuses => panic!("the routes disagree: {statuses:?}"),
        }
    }

    /// The sid that its cookie carries.
    pub fn sid(&self) -> String {
        self.sid_in("keyrack.sid")
    }

    /// The sid in a cookie of this name.
    pub fn sid_in(&self, cookie: &str) -> String {
        let value = &self.cookies[cookie];
        value.strip_prefix("s%3A").unwrap().rsplit_once('.').unwrap().0.to_owned()
    }

    /// Like [`Browser::get`], for a server that may be down.
    pub fn try_get(&mut self, path: &str) -> Option<Answer> {
        self.try_send("GET", path, None, &[]).ok()
    }

    /// Like [`Browser::post_from`], for a server that may be down: `None` if the form was not answered.
    pub fn try_post_from(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Option<Answer> {
        let token = self.try_get(page).filter(|answer| answer.status == 200)?.csrf_token();
        let mut fields = fields.to_vec();
        fields.push(("csrf_token", &token));
        self.try_send("POST", path, Some(&fields), &[]).ok()
    }

    /// Sends any request, with further headers for this one only.
    pub fn send(
        &mut self,
        method: &str,
        path: &str,
        form: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Answer {
        self.try_send(method, path, form, headers).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    /// Posts these bytes.
    pub fn post_body(&mut self, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = http::Request::post(format!("http://{}{path}", self.address))
            .header("content-type", content_type)
            .header("cookie", self.cookie_header())
            .body(body);
        let mut answer = self.agent.run(request.unwrap()).unwrap();
        let body = answer.body_mut().read_to_string().unwrap();
        let answer = Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body };
        self.keep_cookies(&answer);
        answer
    }

    fn try_send(
        &mut self,
        method: &str,
        path: &str,
        form: Option<&[(&str, &str)]>,
        headers: &[(&str, &str)],
    ) -> Result<Answer, ureq::Error> {
        let mut request = http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in self.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).chain(headers.iter().copied()) {
            request = request.header(name, value);
        }
        if !self.cookies.is_empty() {
            request = request.header("cookie", self.cookie_header());
        }
        let mut answer = match form {
            Some(fields) => {
                let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
                let request = request.header("content-type", "application/x-www-form-urlencoded");
                self.agent.run(request.body(body).unwrap())?
            }
            None => self.agent.run(request.body(()).unwrap())?,
        };
        let body = answer.body_mut().read_to_string()?;
        let answer = Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), body };
        self.keep_cookies(&answer);
        Ok(answer)
    }

    fn keep_cookies(&mut self, answer: &Answer) {
        for cookie in answer.set_cookies() {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((&cookie, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header("location").unwrap_or_default()
    }

    /// Every `Set-Cookie` header, unparsed.
    pub fn set_cookies(&self) -> Vec<String> {
        self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap().to_owned()).collect()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The token of the page's first form.
    pub fn csrf_token(&self) -> String {
        self.between("name=\"csrf_token\" value=\"", "\"")
    }

    /// The body without its CSRF tokens, which differ between answers.
    pub fn without_tokens(&self) -> String {
        let mut parts = self.body.split("name=\"csrf_token\" value=\"");
        let first = parts.next().unwrap().to_owned();
        parts.fold(first, |body, part| body + "TOKEN" + part.split_once('"').unwrap().1)
    }

    /// The visible text of the page: without markup, one space between words.
    pub fn text(&self) -> String {
        let body = self.body.split_once("<body").map_or(self.body.as_str(), |(_, body)| body);
        let outside = body.split('<').map(|piece| piece.split_once('>').map_or("", |(_, text)| text));
        let text = outside.collect::<Vec<_>>().join(" ");
        let text = text.replace("&#60;", "<").replace("&#62;", ">").replace("&#34;", "\"").replace("&#38;", "&");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// Asserts that the session is over: a page redirects to the sign-in form, `/api` returns 401.
    pub fn assert_not_signed_in(&self) {
        match self.status {
            303 => assert!(self.location().starts_with("/login"), "{}", self.location()),
            status => assert_eq!(status, 401, "{}", self.body),
        }
        assert!(!self.body.contains("example.com"), "{}", self.body);
    }

    /// The first text between two others.
    pub fn between(&self, before: &str, after: &str) -> String {
        let (_, rest) = self.body.split_once(before).unwrap_or_else(|| panic!("no {before:?} in {}", self.body));
        rest.split_once(after).unwrap().0.to_owned()
    }
}
