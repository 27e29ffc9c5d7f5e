//! The signals of the system. Ctrl-C reaches the whole group of processes, so core and we get it both: what it means is
//! core's to decide, and it sends `Stop` and `Shutdown`.

use std::io;

#[cfg(unix)]
pub(super) use unix::Signals;
#[cfg(windows)]
pub(super) use windows::Signals;

#[cfg(unix)]
mod unix {
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::io;

    /// The signals that are listened to from the moment this is made.
    pub(in crate::plugin) struct Signals {
        interrupt: Signal,
        terminate: Signal,
        hangup: Signal,
    }

    impl Signals {
        pub(in crate::plugin) fn listen() -> io::Result<Self> {
            Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hangup: signal(SignalKind::hangup())?,
            })
        }

        /// Waits for a signal that ends this process. An interrupt does so only without core.
        pub(in crate::plugin) async fn end(&mut self, by_interrupt: bool) {
            loop {
                tokio::select! {
                    _ = self.terminate.recv() => return,
                    _ = self.hangup.recv() => return,
                    _ = self.interrupt.recv() => {
                        if by_interrupt {
                            return;
                        }
                        tracing::debug!("interrupted; waiting for Stop or Shutdown");
                    }
                }
            }
        }
    }
}

#[cfg(windows)]
mod windows {
    use tokio::signal::windows::{CtrlC, ctrl_c};

    use super::io;

    /// The events that are listened to from the moment this is made.
    pub(in crate::plugin) struct Signals(CtrlC);

    impl Signals {
        pub(in crate::plugin) fn listen() -> io::Result<Self> {
            ctrl_c().map(Self)
        }

        /// Waits for a signal that ends this process. An interrupt does so only without core.
        pub(in crate::plugin) async fn end(&mut self, by_interrupt: bool) {
            while self.0.recv().await.is_some() {
                if by_interrupt {
                    return;
                }
            }
            std::future::pending().await
        }
    }
}
