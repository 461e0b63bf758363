//! The keeper of the world, with what was decided about agents before, and the handle on those decisions.

use std::{path::Path, sync::Arc};

use anyhow::Result;
use pulse_api::Access;
use pulse_config::{Metadata, store::fleet::FleetStore};
use pulse_core::Clock;
use pulse_monitor::{
    Keeper, View,
    fleet::{Fleet, KnownTokens},
    late::{self, LateReport},
    world::World,
};
use tokio::sync::mpsc::Receiver;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Reads the decisions and starts the keeper with them, shown in `view`. The third part is what agents report late.
pub fn open(
    data_dir: &Path,
    metadata: &Arc<Metadata>,
    access: Arc<Access>,
    view: &Arc<View>,
    clock: Arc<dyn Clock>,
    tasks: &TaskTracker,
    stop: CancellationToken,
) -> Result<(Keeper, Fleet, Receiver<LateReport>)> {
    let (store, record) = FleetStore::open(data_dir)?;
    let known_tokens = KnownTokens(Arc::new(move |id| access.tokens.current().by_id(id).is_some()));
    let world = World::with_decisions(clock.now(), record, metadata, known_tokens);
    let keeper = Keeper::start_in(view, world, clock, tasks, stop);
    let (late, late_reports) = late::channel();
    let fleet = Fleet::new(keeper.clone(), Arc::new(store), Arc::clone(metadata), late);
    Ok((keeper, fleet, late_reports))
}
