//! Ctrl-C and the like, from the moment that a run begins.

use std::io;

use futures_util::Stream;
use futures_util::stream::unfold;

#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};
#[cfg(windows)]
use tokio::signal::windows::{CtrlC, ctrl_c};

/// The interrupts from now on.
///
/// # Errors
/// The system refuses to deliver them.
pub(super) fn interrupts() -> io::Result<impl Stream<Item = ()>> {
    let interrupts = Interrupts::listen()?;
    Ok(unfold(interrupts, async |mut interrupts| {
        interrupts.next().await;
        Some(((), interrupts))
    }))
}

struct Interrupts {
    #[cfg(unix)]
    signals: [Signal; 2],
    #[cfg(windows)]
    signal: CtrlC,
}

impl Interrupts {
    #[cfg(unix)]
    fn listen() -> io::Result<Self> {
        Ok(Self { signals: [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?] })
    }

    #[cfg(windows)]
    fn listen() -> io::Result<Self> {
        Ok(Self { signal: ctrl_c()? })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        let [interrupt, terminate] = &mut self.signals;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    }

    #[cfg(windows)]
    async fn next(&mut self) {
        self.signal.recv().await;
    }
}
