//! Ctrl-C and the request of the system to end: the first asks the run to stop, the second ends the process at once.

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use winsessions::progress::Stop;

/// Signals, each with the exit status of a run that it ends.
const SIGNALS: [(i32, u8); 2] = [(SIGINT, 130), (SIGTERM, 143)];

/// Which signal came.
pub struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// From now on, a signal asks for `stop`.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn watch(stop: &Stop) -> io::Result<Self> {
        let status = Arc::new(AtomicUsize::new(0));
        for (signal, ended) in SIGNALS {
            // Handlers run in this order: the first signal finds that nobody has asked yet.
            flag::register_conditional_shutdown(signal, ended.into(), stop.flag())?;
            flag::register_usize(signal, Arc::clone(&status), ended.into())?;
            flag::register(signal, stop.flag())?;
        }
        Ok(Signals(status))
    }

    /// The exit status of a run that a signal has ended.
    pub fn status(&self) -> Option<u8> {
        let status = self.0.load(Ordering::SeqCst);
        u8::try_from(status).ok().filter(|&status| status > 0)
    }
}
