//! What notifications take from the configuration of alerts.

use std::sync::Arc;

use pulse_monitor::alerting::AlertConfigStore;
use pulse_notify::Grouping;

/// How notices are put together, as it is configured at the moment of asking.
pub fn grouping(config: &Arc<AlertConfigStore>) -> impl Fn() -> Grouping + Send + Sync + 'static {
    let config = Arc::clone(config);
    move || {
        let grouping = config.current().schedule.grouping;
        Grouping {
            enabled: grouping.enabled,
            window_seconds: u32::try_from(grouping.window).unwrap_or_default(),
            by_node: grouping.by_node,
            by_guest: grouping.by_guest,
        }
    }
}
