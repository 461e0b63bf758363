//! Which resources there are, each interned to a small number. Held in memory as a whole: names are needed for every
//! query of a type, and a resource costs about a hundred bytes.

use std::{collections::HashMap, sync::Arc};

use pulse_core::metric::{Metric, ResourceType};

use crate::tier::{MOST_RESOURCE, kind_index, metric_number};

/// One resource.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Resource {
    pub(crate) number: u32,
    /// Bit n: there is or was a series of the metric with number n.
    pub(crate) metrics: u32,
    /// The day (since 1970) of the newest sample.
    pub(crate) last_day: i32,
}

/// All resources by type and id.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    kinds: [HashMap<Arc<str>, Resource>; ResourceType::EVERY.len()],
    next: u32,
    /// What changed since the last flush.
    changed: Vec<(ResourceType, Arc<str>)>,
}

impl Registry {
    /// More resources than this are not taken: memory must have a bound, and names come from outside.
    const MOST: usize = 1_000_000;

    /// Puts in a resource as it was stored. One of a type that is not known only keeps its number.
    pub(crate) fn restore(&mut self, kind: Option<ResourceType>, name: Arc<str>, resource: Resource) {
        self.next = self.next.max(resource.number.saturating_add(1));
        if let Some(names) = kind.and_then(|kind| self.kinds.get_mut(kind_index(kind))) {
            names.insert(name, resource);
        }
    }

    /// The number of a resource that has a sample of `metric` on `day`; a new one where it is not known.
    /// `None` when there are too many.
    pub(crate) fn note(
        &mut self,
        kind: ResourceType,
        name: &Arc<str>,
        metric: Metric,
        day: i32,
    ) -> Option<u32> {
        let bit = 1 << metric_number(metric);
        let names = self.kinds.get_mut(kind_index(kind))?;
        if let Some(resource) = names.get_mut(name) {
            if resource.metrics & bit == 0 || resource.last_day < day {
                resource.metrics |= bit;
                resource.last_day = resource.last_day.max(day);
                self.changed.push((kind, Arc::clone(name)));
            }
            return Some(resource.number);
        }
        if self.next > MOST_RESOURCE || self.len() >= Self::MOST {
            return None;
        }
        let number = self.next;
        self.next += 1;
        // The caller's text may be part of something larger that it would keep alive.
        let name: Arc<str> = Arc::from(&**name);
        self.changed.push((kind, Arc::clone(&name)));
        self.kinds.get_mut(kind_index(kind))?.insert(name, Resource { number, metrics: bit, last_day: day });
        Some(number)
    }

    /// The resource of that name.
    pub(crate) fn get(&self, kind: ResourceType, name: &str) -> Option<(&Arc<str>, Resource)> {
        self.kinds.get(kind_index(kind))?.get_key_value(name).map(|(name, resource)| (name, *resource))
    }

    /// All resources of a type.
    pub(crate) fn of_kind(&self, kind: ResourceType) -> impl Iterator<Item = (&Arc<str>, Resource)> {
        self.kinds.get(kind_index(kind)).into_iter().flatten().map(|(name, resource)| (name, *resource))
    }

    /// How many resources there are.
    pub(crate) fn len(&self) -> usize {
        self.kinds.iter().map(HashMap::len).sum()
    }

    /// How many series there are.
    pub(crate) fn series(&self) -> u64 {
        let resources = self.kinds.iter().flat_map(HashMap::values);
        resources.map(|resource| u64::from(resource.metrics.count_ones())).sum()
    }

    /// What is to be stored.
    pub(crate) fn changed(&self) -> impl Iterator<Item = (ResourceType, &Arc<str>, Resource)> {
        self.changed.iter().filter_map(|(kind, name)| {
            let (name, resource) = self.get(*kind, name)?;
            Some((*kind, name, resource))
        })
    }

    /// Everything was stored.
    pub(crate) fn stored(&mut self) {
        self.changed = Vec::new();
    }

    /// Everything is to be stored again, into a new file.
    pub(crate) fn forget_stored(&mut self) {
        self.changed = ResourceType::EVERY
            .iter()
            .flat_map(|kind| self.of_kind(*kind).map(|(name, _)| (*kind, Arc::clone(name))))
            .collect();
    }

    /// Drops resources whose newest sample is older than `day`, and returns their numbers.
    pub(crate) fn retire(&mut self, day: i32) -> Vec<u32> {
        let mut retired = Vec::new();
        for names in &mut self.kinds {
            names.retain(|_, resource| {
                let is_live = resource.last_day >= day;
                if !is_live {
                    retired.push(resource.number);
                }
                is_live
            });
        }
        retired
    }
}
