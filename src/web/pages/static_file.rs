//! `GET /static/{name}`: the stylesheet, the scripts, the icon and the logo.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    web::{Data, Path},
};

use crate::web::{app_state::AppState, errors::WebError};

/// Browsers may cache the URL with today's version without limit, any other for five minutes.
pub(crate) async fn show(
    state: Data<AppState>,
    request: HttpRequest,
    name: Path<String>,
) -> Result<HttpResponse, WebError> {
    let (asset, is_current) = state.assets.find(&name, request.query_string()).ok_or(WebError::NotFound)?;
    let cache = if is_current { "public, max-age=31536000, immutable" } else { "public, max-age=300" };
    let mut response = HttpResponse::Ok();
    response.insert_header((CONTENT_TYPE, asset.content_type)).insert_header((CACHE_CONTROL, cache));
    if let Some(policy) = asset.policy {
        response.insert_header((CONTENT_SECURITY_POLICY, policy));
    }
    if asset.is_for_apps {
        // Not `same-site`: browsers take no two origins of an IP address or of localhost as the same site here.
        response.insert_header(("cross-origin-resource-policy", "cross-origin"));
    }
    Ok(response.body(asset.content.clone()))
}
