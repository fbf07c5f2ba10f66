//! How a panic is handled. A panic is a bug, but it must not end the process. All code of a socket runs inside `catch_unwind`, on
//! the JavaScript thread and in tasks and threads. The panic's message becomes the socket's error.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

/// The value that `catch_unwind` returns for a panic.
pub type PanicPayload = Box<dyn Any + Send>;

/// The message of a panic.
pub fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}

/// Runs a future until it ends or panics. After a panic the future is dropped, and then the panic is returned.
pub async fn caught<F: Future>(future: F) -> Result<F::Output, PanicPayload> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}

/// The time between a panic and the restart of a task, so that a panic that repeats does not keep a processor busy.
const RESTART_PAUSE: Duration = Duration::from_millis(10);

/// Runs a future on which many sockets depend. After a panic it starts the future again. It returns when the future returns.
pub async fn restarted<F: Future<Output = ()>>(mut start: impl FnMut() -> F) {
    while caught(start()).await.is_err() {
        tokio::time::sleep(RESTART_PAUSE).await;
    }
}
