//! OTLP over gRPC, with tonic as its client.
//!
//! tonic needs a runtime. This one belongs to the exporter's thread, and runs only while a batch is on its way.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use bytes::{BufMut, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use opentelemetry_sdk::Resource;
use prost::Message;
use thiserror::Error;
use tokio::runtime::Runtime;
use tonic::client::Grpc as Client;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::envelope::Envelope;
use crate::credentials::Credentials;
use crate::export::{Batch, Delivery, ExportError, Exporter, GrpcError, RejectionLog, ShutdownSignal};
use crate::scope;
use crate::settings::{Collector, Compression, Tls};
use crate::signal::Signal;
use crate::transport::{Again, Failure, Retry};

/// How much of a collector's message goes to the log, in characters.
const SHOWN_MESSAGE: usize = 200;

/// Sends batches to a collector.
pub(super) struct OtlpGrpc {
    method: PathAndQuery,
    runtime: Runtime,
    endpoint: Endpoint,
    client: Client<Channel>,
    compression: Compression,
    metadata: MetadataMap,
    retry: Retry,
    envelope: Envelope,
    rejections: RejectionLog,
    credentials: Credentials,
}

/// No client can be made of the settings.
#[derive(Debug, Error)]
pub(super) enum ConnectError {
    #[error("cannot start a runtime: {0}")]
    Runtime(#[from] io::Error),
    #[error("the certificates or the key do not work: {0}")]
    Tls(String),
    #[error("{0}")]
    Endpoint(String),
}

impl OtlpGrpc {
    pub(super) fn new(
        signal: Signal,
        collector: &Collector,
        resource: &Resource,
    ) -> Result<Self, ConnectError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut endpoint = Endpoint::from(collector.url.clone())
            .user_agent(scope::USER_AGENT)
            .map_err(|error| ConnectError::Endpoint(with_causes(&error)))?;
        if collector.url.scheme_str() == Some("https") {
            endpoint = endpoint
                .tls_config(client_tls(&collector.tls))
                .map_err(|error| ConnectError::Tls(with_causes(&error)))?;
        }
        let credentials = Credentials::of(&collector.url, &collector.headers);
        Ok(OtlpGrpc {
            method: PathAndQuery::from_static(signal.grpc_path()),
            client: client(&runtime, &endpoint, collector.compression),
            runtime,
            endpoint,
            compression: collector.compression,
            metadata: MetadataMap::from_headers(collector.headers.clone()),
            retry: Retry::new(collector.timeout),
            envelope: Envelope::new(signal, resource),
            rejections: RejectionLog::new(signal, credentials.clone()),
            credentials,
        })
    }
}

/// Makes a client that connects when it is used.
fn client(runtime: &Runtime, endpoint: &Endpoint, compression: Compression) -> Client<Channel> {
    // The channel spawns a task at once.
    let _in_runtime = runtime.enter();
    let client = Client::new(endpoint.connect_lazy());
    match compression {
        Compression::Gzip => client.send_compressed(CompressionEncoding::Gzip),
        Compression::None => client,
    }
}

fn client_tls(tls: &Tls) -> ClientTlsConfig {
    let config = match &tls.authorities {
        Some(authorities) => ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authorities)),
        None => ClientTlsConfig::new().with_webpki_roots(),
    };
    match &tls.identity {
        Some(identity) => config.identity(Identity::from_pem(&identity.certificate, &identity.key)),
        None => config,
    }
}

impl Exporter for OtlpGrpc {
    fn export(&mut self, batch: &Batch, closing: &ShutdownSignal) -> Result<Delivery, ExportError> {
        let start = self.envelope.around(batch.encoded().len());
        let message = Bytes::from([&start[..], batch.encoded()].concat());
        let OtlpGrpc {
            runtime,
            client: current,
            metadata,
            method,
            rejections,
            credentials,
            ..
        } = self;
        self.retry.run(closing, |left| {
            let mut request = tonic::Request::new(message.clone());
            *request.metadata_mut() = metadata.clone();
            request.set_timeout(left);
            let called = runtime.block_on(async {
                let call = call(current, request, method.clone());
                tokio::time::timeout(left, call).await
            });
            let failure = match called {
                Ok(Ok(response)) => {
                    return Ok(Delivery {
                        rejected: rejections.read(response),
                    });
                }
                Ok(Err(status)) => failure(&status, credentials),
                Err(_) => Failure {
                    error: GrpcError::Timeout(left).into(),
                    again: Again::Unreached,
                },
            };
            if failure.again == Again::Unreached {
                // Its connection may be a dead one.
                *current = client(runtime, &self.endpoint, self.compression);
            }
            Err(failure)
        })
    }
}

async fn call(
    client: &mut Client<Channel>,
    request: tonic::Request<Bytes>,
    method: PathAndQuery,
) -> Result<ExportTraceServiceResponse, Status> {
    client
        .ready()
        .await
        .map_err(|error| Status::from_error(error.into()))?;
    let response = client.unary(request, method, AsBytes).await?;
    Ok(response.into_inner())
}

/// Returns what a status means, by the specification of OTLP.
fn failure(status: &Status, credentials: &Credentials) -> Failure {
    // The client makes a status of transport errors, too.
    if let Some(cause) = status.source() {
        return Failure {
            error: GrpcError::Transport(credentials.hide(&with_causes(cause))).into(),
            again: Again::Unreached,
        };
    }
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    let again = match status.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Again::Busy(delay),
        // Only if the collector says that it recovers.
        Code::ResourceExhausted if delay.is_some() => Again::Busy(delay),
        _ => Again::Never,
    };
    let message = credentials.hide(status.message());
    let shown: String = message.chars().take(SHOWN_MESSAGE).collect();
    Failure {
        error: GrpcError::Answered {
            code: status.code(),
            message: shown.escape_debug().to_string(),
        }
        .into(),
        again,
    }
}

/// Returns an error's text with its causes, which tonic's text omits.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {said}");
        }
        cause = error.source();
    }
    text
}

/// A codec for requests that are encoded already.
#[derive(Clone, Copy)]
struct AsBytes;

impl Codec for AsBytes {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = AsBytes;
    type Decoder = AsBytes;

    fn encoder(&mut self) -> AsBytes {
        AsBytes
    }

    fn decoder(&mut self) -> AsBytes {
        AsBytes
    }
}

impl Encoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, message: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(message);
        Ok(())
    }
}

impl Decoder for AsBytes {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(&mut self, response: &mut DecodeBuf<'_>) -> Result<Option<ExportTraceServiceResponse>, Status> {
        // The status counts, whether or not the rest can be read.
        Ok(Some(
            ExportTraceServiceResponse::decode(response).unwrap_or_default(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    #[test]
    fn statuses_by_the_rules_of_otlp() {
        let second = Duration::from_secs(1);
        let resting = |code| {
            let details = ErrorDetails::with_retry_info(Some(second));
            Status::with_error_details(code, "busy", details)
        };
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let cases = [
            (Status::unavailable("busy"), Again::Busy(None)),
            (resting(Code::Unavailable), Again::Busy(Some(second))),
            (Status::resource_exhausted("busy"), Again::Never),
            (resting(Code::ResourceExhausted), Again::Busy(Some(second))),
            (Status::cancelled("busy"), Again::Busy(None)),
            (Status::deadline_exceeded("busy"), Again::Busy(None)),
            (Status::aborted("busy"), Again::Busy(None)),
            (Status::out_of_range("busy"), Again::Busy(None)),
            (Status::data_loss("busy"), Again::Busy(None)),
            (Status::invalid_argument("bad"), Again::Never),
            (Status::unauthenticated("who?"), Again::Never),
            (Status::permission_denied("no"), Again::Never),
            (Status::unimplemented("what?"), Again::Never),
            (Status::internal("oh"), Again::Never),
            (Status::from_error(refused.into()), Again::Unreached),
        ];
        for (status, again) in cases {
            assert_eq!(
                failure(&status, &Credentials::default()).again,
                again,
                "{status:?}"
            );
        }
    }

    #[test]
    fn errors_say_what_the_collector_said() {
        let error = failure(
            &Status::invalid_argument("no such\ntenant"),
            &Credentials::default(),
        )
        .error;
        assert_eq!(error.to_string(), "it answered InvalidArgument: no such\\ntenant");
        let long = Status::internal("x".repeat(10_000));
        assert!(failure(&long, &Credentials::default()).error.to_string().len() < 300);
    }
}
