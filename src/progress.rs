//! How far a run is, and whether it shall stop: counters that those who read advance and anybody looks at.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Asks a run to stop. Copies are one and the same.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks for it.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// What is set when it is asked for, as for a signal's handler.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// How far a run is.
#[derive(Debug, Default)]
pub struct Progress {
    stop: Stop,
    total: AtomicU64,
    done: AtomicU64,
    current: Mutex<PathBuf>,
}

impl Progress {
    /// Nothing is done yet; the run ends when `stop` asks for it.
    pub fn new(stop: Stop) -> Self {
        Progress {
            stop,
            ..Progress::default()
        }
    }

    /// What asks the run to stop.
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// So many more bytes are to be read.
    pub fn expect(&self, bytes: u64) {
        self.total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// This file is being read now.
    pub fn begin(&self, path: &Path) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        path.clone_into(&mut current);
    }

    /// So many bytes more are read.
    pub fn advance(&self, bytes: u64) {
        self.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// How many bytes are read, and how many there are, as far as is known.
    pub fn bytes(&self) -> (u64, u64) {
        let done = self.done.load(Ordering::Relaxed);
        (done, self.total.load(Ordering::Relaxed))
    }

    /// The file that was begun last.
    pub fn current(&self) -> PathBuf {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.clone()
    }
}
