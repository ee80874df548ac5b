//! Response bodies that are written while they are read: live journal, import progress, export.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

/// The writing end of a streamed body. A reader that takes nothing for the stall time loses it.
pub(crate) struct Writer {
    chunks: mpsc::Sender<Bytes>,
    stall: Duration,
}

/// The reader went away, or took nothing for too long.
#[derive(Debug)]
pub(crate) struct Gone;

/// A body and its writer, with room for `chunks` chunks between them.
pub(crate) fn channel(chunks: usize, stall: Duration) -> (Writer, Body) {
    let (sender, receiver) = mpsc::channel(chunks);
    (Writer { chunks: sender, stall }, Body::new(Receiver(receiver)))
}

impl Writer {
    /// Hands over a chunk, waiting for room at most the stall time.
    pub(crate) async fn send(&self, chunk: impl Into<Bytes>) -> Result<(), Gone> {
        self.chunks.send_timeout(chunk.into(), self.stall).await.map_err(|_| Gone)
    }

    /// A sender for threads that only pass on what there is room for.
    pub(crate) fn lossy(&self) -> mpsc::Sender<Bytes> {
        self.chunks.clone()
    }

    /// Ends once the reader is gone.
    pub(crate) async fn gone(&self) {
        self.chunks.closed().await;
    }
}

struct Receiver(mpsc::Receiver<Bytes>);

impl HttpBody for Receiver {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|chunk| chunk.map(|chunk| Ok(Frame::data(chunk))))
    }
}
