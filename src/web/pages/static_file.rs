//! `GET /static/{name}`: the stylesheet, the script and the icon.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web::Path,
};

use crate::web::{assets, errors::WebError};

/// Browsers may cache the URL with today's version without limit, any other for five minutes.
pub(crate) async fn show(request: HttpRequest, name: Path<String>) -> Result<HttpResponse, WebError> {
    let (asset, is_current) = assets::find(&name, request.query_string()).ok_or(WebError::NotFound)?;
    let cache = if is_current { "public, max-age=31536000, immutable" } else { "public, max-age=300" };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((CACHE_CONTROL, cache))
        .body(asset.content))
}
