//! Tells a connection when a request on it begins, and when the response is complete.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use actix_http::{HttpMessage, Payload, Request, Response};
use actix_service::{Service, ServiceFactory};
use actix_web::{
    Error,
    body::{BodySize, BoxBody, MessageBody},
    dev::ServiceResponse,
    http::header::CONTENT_LENGTH,
    web::Bytes,
};

use super::{
    chunked::ChunkedBody,
    connection::{BodyFraming, Connection},
};

/// Wraps an application's factory.
pub(super) struct TrackRequests<S>(pub S);

impl<S> ServiceFactory<Request> for TrackRequests<S>
where
    S: ServiceFactory<Request, Response = ServiceResponse, Error = Error>,
    S::Future: 'static,
    <S::Service as Service<Request>>::Future: Unpin,
{
    type Response = Response<TrackedBody>;
    type Error = Error;
    type Config = S::Config;
    type Service = TrackedService<S::Service>;
    type InitError = S::InitError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Service, Self::InitError>>>>;

    fn new_service(&self, config: Self::Config) -> Self::Future {
        let service = self.0.new_service(config);
        Box::pin(async move { service.await.map(TrackedService) })
    }
}

/// Wraps an application.
pub(super) struct TrackedService<S>(S);

impl<S> Service<Request> for TrackedService<S>
where
    S: Service<Request, Response = ServiceResponse, Error = Error>,
    S::Future: Unpin,
{
    type Response = Response<TrackedBody>;
    type Error = Error;
    type Future = TrackedResponse<S::Future>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&self, mut request: Request) -> Self::Future {
        let connection = request.conn_data::<Arc<Connection>>().cloned();
        if let Some(connection) = &connection {
            connection.start_request(body_framing(&mut request));
        }
        TrackedResponse { future: self.0.call(request), connection }
    }
}

/// How the body that Actix expects is delimited. It has checked the headers, and has removed a length of 0.
fn body_framing(request: &mut Request) -> Option<BodyFraming> {
    if matches!(request.payload(), Payload::None) {
        return None;
    }
    if request.chunked().unwrap_or(false) {
        return Some(BodyFraming::Chunked(ChunkedBody::SizeStart));
    }
    // No length: a tunnel (CONNECT, WebSocket), which is not served. The connection closes after the response.
    let length = request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()?;
    Some(BodyFraming::Length(length))
}

/// A response that is being prepared.
pub(super) struct TrackedResponse<F> {
    future: F,
    connection: Option<Arc<Connection>>,
}

impl<F: Future<Output = Result<ServiceResponse, Error>> + Unpin> Future for TrackedResponse<F> {
    type Output = Result<Response<TrackedBody>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let result = ready!(Pin::new(&mut self.future).poll(cx));
        let response: Response<BoxBody> = result.map_or_else(Response::from, Response::from);
        let connection = self.connection.take();
        Poll::Ready(Ok(response.map_body(|_, body| TrackedBody { body, connection })))
    }
}

/// The body of a response. Actix drops it when it has taken all of it.
pub(super) struct TrackedBody {
    body: BoxBody,
    connection: Option<Arc<Connection>>,
}

impl MessageBody for TrackedBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        if let Some(connection) = &self.connection {
            connection.finish_encoding();
        }
    }
}
