//! How far a feed is followed, for others of the process, for logs and for gauges.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::Relaxed};

use tokio::sync::watch;

use super::FollowError;

pub(super) struct Progress {
    source: &'static str,
    pub(super) position: watch::Sender<i64>,
    pub(super) changes: watch::Sender<i64>,
    /// The newest position of the source, when it was last asked.
    newest: Arc<AtomicI64>,
    lost: Arc<AtomicBool>,
    /// True while the feed is interrupted and that was told.
    failing: AtomicBool,
}

impl Progress {
    /// With gauges that show it.
    pub(super) fn observed(source: &'static str) -> Self {
        let (position, changes) = (watch::Sender::new(0), watch::Sender::new(0));
        let (newest, lost) = (Arc::new(AtomicI64::default()), Arc::new(AtomicBool::default()));
        let (taken_in, ahead, broken) = (position.subscribe(), Arc::clone(&newest), Arc::clone(&lost));
        guanxi_telemetry::observe(
            "guanxi.feed.lag",
            "{event}",
            "Events of a followed feed that are not taken in yet, as of the last answer of its service",
            move |gauge| {
                let lag = ahead.load(Relaxed) - *taken_in.borrow();
                gauge.report(lag.max(0), &[("guanxi.feed.source", source)]);
            },
        );
        guanxi_telemetry::observe(
            "guanxi.feed.lost",
            "1",
            "1 while a followed feed stands still because events of it are lost",
            move |gauge| gauge.report(i64::from(broken.load(Relaxed)), &[("guanxi.feed.source", source)]),
        );
        Self { source, position, changes, newest, lost, failing: AtomicBool::default() }
    }

    /// Notes up to where everything is taken in, and whether what is derived may have changed.
    pub(super) fn advance(&self, position: i64, changed: bool) {
        if self.position.send_replace(position) < position && self.lost.swap(false, Relaxed) {
            self.recover();
        }
        if changed {
            self.changes.send_replace(position);
        }
    }

    /// Notes how far the source is.
    pub(super) fn expect(&self, newest: i64) {
        self.newest.store(newest, Relaxed);
    }

    /// Notes that the source answers, which it does too where what comes next is lost.
    pub(super) fn recover(&self) {
        if !self.lost.load(Relaxed) && self.failing.swap(false, Relaxed) {
            tracing::info!(source = self.source, position = *self.position.borrow(), "the feed is followed again");
        }
    }

    /// Tells why events are not taken in: a loss always, an interruption once.
    pub(super) fn fail(&self, error: &FollowError) {
        let told = self.failing.swap(true, Relaxed);
        let (source, position, cause) = (self.source, *self.position.borrow(), error as &dyn Error);
        match error {
            FollowError::Lost(_) => {
                self.lost.store(true, Relaxed);
                tracing::error!(source, position, error = cause, "the feed is not followed any further");
            }
            FollowError::Apply { .. } => {
                tracing::error!(source, position, error = cause, "the feed is not followed any further");
            }
            FollowError::SetBack(_) => tracing::info!(source, position, error = cause, "the feed is followed anew"),
            _ if told => tracing::debug!(source, position, error = cause, "the feed cannot be followed"),
            _ => tracing::warn!(source, position, error = cause, "the feed cannot be followed"),
        }
    }
}
