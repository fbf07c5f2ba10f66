//! What becomes of a panic: a bug, and never the end of the process. Whatever runs on a socket's behalf runs inside
//! `catch_unwind`, on the JavaScript thread as in tasks and threads, and what the panic said becomes the socket's error.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// What `catch_unwind` gives of a panic.
pub type Payload = Box<dyn Any + Send>;

/// What a panic said.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Runs a future to its end, or to the first panic in it. The future is dropped before the panic is returned.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, Payload> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// A bug that comes back at once must not keep a processor busy.
const PAUSE: Duration = Duration::from_millis(10);

/// Runs, as a task, what many sockets wait for: a panic in it starts it again. Over when it returns.
pub async fn restarted<F: Future<Output = ()>>(mut start: impl FnMut() -> F) {
    while caught(start()).await.is_err() {
        tokio::time::sleep(PAUSE).await;
    }
}
