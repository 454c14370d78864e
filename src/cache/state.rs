//! Whether Redis is there, told where people look: once in the log, always in the metrics.

use std::sync::Arc;

use super::settings::Settings;
use crate::metrics::Metrics;

pub(super) struct State {
    metrics: Arc<Metrics>,
    /// The last complaint, which is not repeated with every try to connect.
    complaint: Option<String>,
}

impl State {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, complaint: None }
    }

    /// It answers.
    pub(super) fn is_connected(&mut self, settings: &Settings) {
        self.metrics.set_redis_connected(true);
        self.complaint = None;
        let (redis, compression) = (&settings.target, settings.compression.name());
        tracing::info!(%redis, compression, "connected to Argo CD's Redis");
    }

    /// It does not.
    pub(super) fn is_away(&mut self, settings: &Settings, why: &str) {
        self.metrics.set_redis_connected(false);
        if self.complaint.as_deref() != Some(why) {
            tracing::warn!(
                redis = %settings.target,
                error = why,
                "no connection to Argo CD's Redis: Applications are delivered, but Argo CD shows no resource tree"
            );
            self.complaint = Some(why.to_owned());
        }
    }

    /// It is not asked any more.
    pub(super) fn is_left(&self) {
        self.metrics.set_redis_connected(false);
    }
}
