//! Every page in every state, with sample data: for those who design pages, and for tests of their layout.
//!
//! Only `keyrack demo --states` has these routes. A page's states stand beside it, in a module `states` of its own; a test
//! fails for a template that has none. The pages are the real templates, with real words, but no request reads or writes
//! anything: their forms are not sent, and their scripts may connect to nothing.

#[cfg(test)]
mod tests;

use std::{cell::RefCell, rc::Rc};

use actix_web::{
    HttpResponse,
    http::header::CONTENT_SECURITY_POLICY,
    web::{Data, Path, Query},
};
use askama::Template;
use serde::Deserialize;

use super::{
    errors::{self, WebError},
    pages::{
        account_link, activity, authenticator, email_change, forgot, history, login, logout, new_account, not_me,
        notice, passkeys, password, reauth, register, revoke_progress, second, security, session_detail, sessions,
        setup, verify,
    },
    sample::{PageState, Sample},
};
use crate::{
    error::Error,
    words::{Language, Words},
};

/// Like that of other pages, but nothing is sent.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'none'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// Tells the page's own script what a server would tell it.
const EVENT_SCRIPT: &str = include_str!("../../static/states.js");

#[derive(Template)]
#[template(path = "states.html")]
struct StatesPage {
    title: &'static str,
    stylesheet: String,
    languages: Vec<(&'static str, bool)>,
    pages: Vec<(String, Vec<&'static str>)>,
    query: String,
}

#[derive(Deserialize)]
pub(crate) struct StateQuery {
    #[serde(default)]
    language: String,
    /// With any value, texts of users are as long as they may be.
    #[serde(default)]
    long: String,
}

impl StateQuery {
    fn sample(&self, words: Words) -> Sample {
        let is_long = !self.long.is_empty();
        let words = Language::parse(&self.language).map_or(words, |language| words.in_language(language));
        Sample { is_long, ..Sample::new(words) }
    }
}

/// The states that a worker has rendered. No request changes them, and to render all takes long.
#[derive(Default)]
pub(crate) struct RenderedStates(RefCell<Vec<StatesOfSample>>);

/// The language and `is_long` of a sample, and its states.
type StatesOfSample = ((Language, bool), Rc<Vec<PageState>>);

impl RenderedStates {
    fn of(&self, sample: &Sample) -> Rc<Vec<PageState>> {
        let key = (sample.words.language(), sample.is_long);
        if let Some((_, states)) = self.0.borrow().iter().find(|(other, _)| *other == key) {
            return Rc::clone(states);
        }
        let states = Rc::new(all(sample));
        self.0.borrow_mut().push((key, Rc::clone(&states)));
        states
    }
}

/// All states, in the order in which a user comes to the pages.
fn all(sample: &Sample) -> Vec<PageState> {
    let pages: [fn(&Sample) -> Vec<PageState>; 23] = [
        setup::states::all,
        login::states::all,
        account_link::states::all,
        forgot::states::all,
        register::states::all,
        new_account::states::all,
        notice::states::all,
        verify::states::all,
        second::states::all,
        sessions::states::all,
        session_detail::states::all,
        not_me::states::all,
        history::states::all,
        activity::states::all,
        security::states::all,
        email_change::states::all,
        authenticator::states::all,
        password::states::all,
        passkeys::states::all,
        reauth::states::all,
        revoke_progress::states::all,
        logout::states::all,
        errors::states::all,
    ];
    pages.into_iter().flat_map(|states| states(sample)).collect()
}

fn find<'a>(states: &'a [PageState], name: &str) -> Result<&'a PageState, WebError> {
    states.iter().find(|state| state.name == name).ok_or(WebError::NotFound)
}

/// The names of the states under those of their templates' types.
fn by_template(states: &[PageState]) -> Vec<(String, Vec<&'static str>)> {
    let groups = states.chunk_by(|one, next| one.template == next.template);
    groups.map(|group| (group[0].template_name().to_owned(), group.iter().map(|state| state.name).collect())).collect()
}

/// `GET /states`: links to all states.
pub(crate) async fn index(
    words: Words,
    query: Query<StateQuery>,
    rendered: Data<RenderedStates>,
) -> Result<HttpResponse, WebError> {
    let sample = query.sample(words);
    let language = sample.words.language();
    let page = StatesPage {
        title: "States",
        stylesheet: words.site().url("keyrack.css"),
        languages: Language::ALL.iter().map(|other| (other.code(), *other == language)).collect(),
        pages: by_template(&rendered.of(&sample)),
        query: format!("language={}{}", language.code(), if sample.is_long { "&long=on" } else { "" }),
    };
    let html = page.render().map_err(Error::internal)?;
    Ok(HttpResponse::Ok().content_type("text/html; charset=utf-8").body(html))
}

/// `GET /states/{name}`: one page in one state.
pub(crate) async fn show(
    words: Words,
    name: Path<String>,
    query: Query<StateQuery>,
    rendered: Data<RenderedStates>,
) -> Result<HttpResponse, WebError> {
    let sample = query.sample(words);
    let (states, language) = (rendered.of(&sample), sample.words.language());
    let state = find(&states, &name)?;
    let mut html = state.html.clone().map_err(Error::internal)?;
    if state.event.is_some() {
        let (name, language) = (state.name, language.code());
        let script = format!("<script src=\"/states/{name}/script.js?language={language}\" defer></script></body>");
        html = html.replace("</body>", &script);
    }
    let policy = (CONTENT_SECURITY_POLICY, POLICY);
    Ok(HttpResponse::Ok().insert_header(policy).content_type("text/html; charset=utf-8").body(html))
}

/// `GET /states/{name}/script.js`: what a page's script is told in this state.
pub(crate) async fn script(
    words: Words,
    name: Path<String>,
    query: Query<StateQuery>,
    rendered: Data<RenderedStates>,
) -> Result<HttpResponse, WebError> {
    let states = rendered.of(&query.sample(words));
    let (event, detail) = find(&states, &name)?.event.as_ref().ok_or(WebError::NotFound)?;
    let script = EVENT_SCRIPT.replace("EVENT", event).replace("DETAIL", detail);
    Ok(HttpResponse::Ok().content_type("text/javascript; charset=utf-8").body(script))
}
