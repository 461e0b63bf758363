//! Mail gateways: queues, quarantine, and what is unusual.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use pulse_core::model::{AlertLevel, MailBucket, MailTotals, PmgInstance};

use crate::{
    engine::{
        step::Confirm,
        visit::{Finding, Visit, Words},
    },
    kind::Kind,
};

/// Every type of a mail gateway but its own absence.
pub(super) const KINDS: [Kind; 10] = [
    Kind::QueueDepth,
    Kind::QueueDeferred,
    Kind::QueueHold,
    Kind::MessageAge,
    Kind::QuarantineSpam,
    Kind::QuarantineVirus,
    Kind::AnomalySpamIn,
    Kind::AnomalySpamOut,
    Kind::AnomalyVirusIn,
    Kind::AnomalyVirusOut,
];

/// Growth of the quarantine is measured against about this long ago.
const GROWTH_WINDOW: SignedDuration = SignedDuration::from_hours(2);

/// Samples of the quarantine that are remembered; one a minute over three hours.
const MOST_SAMPLES: usize = 200;

/// Figures of one queue over all nodes or of one.
struct Queue<'a> {
    node: Option<&'a str>,
    total: u64,
    deferred: u64,
    hold: u64,
    oldest_minutes: Option<f64>,
}

/// All conditions of a gateway that answers.
pub(super) fn queues(visit: &mut Visit<'_>, pmg: &PmgInstance) {
    let per_node: Vec<Queue<'_>> = pmg
        .nodes
        .iter()
        .filter_map(|node| {
            let queue = node.queue.as_ref()?;
            Some(Queue {
                node: Some(&node.name),
                total: queue.active + queue.deferred + queue.hold + queue.incoming,
                deferred: queue.deferred,
                hold: queue.hold,
                oldest_minutes: queue.oldest_age_seconds.map(|seconds| seconds as f64 / 60.0),
            })
        })
        .collect();
    if per_node.is_empty() {
        visit.hold_kinds(&KINDS[..4]);
    } else {
        let oldest = per_node.iter().filter_map(|queue| queue.oldest_minutes).reduce(f64::max);
        let all = Queue {
            node: None,
            total: per_node.iter().map(|queue| queue.total).sum(),
            deferred: per_node.iter().map(|queue| queue.deferred).sum(),
            hold: per_node.iter().map(|queue| queue.hold).sum(),
            oldest_minutes: oldest,
        };
        queue(visit, &all, 1, None);
        // With one node its queue is the whole queue.
        if per_node.len() > 1 {
            let mut totals: Vec<u64> = per_node.iter().map(|queue| queue.total).collect();
            totals.sort_unstable();
            // Of two the lower one: the other must not be measured by itself.
            let median = totals[(totals.len() - 1) / 2];
            for one in &per_node {
                queue(visit, one, per_node.len() as i64, Some(median));
            }
        }
    }
    quarantine(visit, pmg);
    anomalies(visit, &pmg.mail_by_hour);
}

fn queue(visit: &mut Visit<'_>, queue: &Queue<'_>, share: i64, median: Option<u64>) {
    let limits = visit.rules.config.pmg_defaults;
    let detail = queue.node.unwrap_or_default();
    let is_outlier = median.is_some_and(|median| queue.total as f64 > median as f64 * 1.4);
    let id = |subject: &str, suffix: &str| match queue.node {
        Some(node) => format!("{subject}-{node}-{suffix}"),
        None => format!("{subject}-{suffix}"),
    };
    let place = queue.node.map(|node| format!(" on {node}")).unwrap_or_default();
    // A node's share of the whole, rounded up.
    let scaled = |limit: i64| if limit <= 0 { 0.0 } else { ((limit + share - 1) / share) as f64 };
    for (kind, suffix, what, value, warning, critical) in [
        (
            Kind::QueueDepth,
            "queue-total",
            "mails in the queues",
            queue.total,
            limits.queue_total_warning,
            limits.queue_total_critical,
        ),
        (
            Kind::QueueDeferred,
            "queue-deferred",
            "deferred mails",
            queue.deferred,
            limits.deferred_queue_warn,
            limits.deferred_queue_critical,
        ),
        (
            Kind::QueueHold,
            "queue-hold",
            "held mails",
            queue.hold,
            limits.hold_queue_warn,
            limits.hold_queue_critical,
        ),
    ] {
        let finding = Finding::limits(value as f64, scaled(warning), scaled(critical));
        visit.check(kind, detail, finding, Confirm::AT_ONCE, |subject| {
            let note = if is_outlier { "; far more than on the other nodes" } else { "" };
            Words::new(id(subject.id, suffix), format!("{value} {what}{place}{note}"))
                .with("unit", "messages")
                .with_maybe("pmgNode", queue.node.map(str::to_owned))
                .with_maybe("outlier", is_outlier.then_some(true))
        });
    }
    let minutes = queue.oldest_minutes.unwrap_or_default();
    let finding = Finding::limits(
        minutes,
        limits.oldest_message_warn_mins as f64,
        limits.oldest_message_crit_mins as f64,
    );
    visit.check(Kind::MessageAge, detail, finding, Confirm::AT_ONCE, |subject| {
        Words::new(
            id(subject.id, "oldest-message"),
            format!("the oldest mail{place} waits for {minutes:.0} minutes"),
        )
        .with("unit", "minutes")
        .with_maybe("pmgNode", queue.node.map(str::to_owned))
    });
}

fn quarantine(visit: &mut Visit<'_>, pmg: &PmgInstance) {
    let read = pmg.quarantine.as_ref().and_then(|quarantine| quarantine.spam.zip(quarantine.virus));
    let Some((spam, virus)) = read else {
        visit.hold_kinds(&[Kind::QuarantineSpam, Kind::QuarantineVirus]);
        return;
    };
    let (now, is_fresh) = (visit.now, visit.is_fresh);
    let samples = visit.memory.quarantine.entry(visit.subject.id.into()).or_default();
    let before = sample_before(samples, now);
    let is_due =
        samples.back().is_none_or(|(at, ..)| now.duration_since(*at) >= SignedDuration::from_mins(1));
    if is_fresh && is_due {
        if samples.len() >= MOST_SAMPLES {
            samples.pop_front();
        }
        samples.push_back((now, spam, virus));
    }
    let limits = visit.rules.config.pmg_defaults;
    for (kind, suffix, what, value, old, warning, critical) in [
        (
            Kind::QuarantineSpam,
            "quarantine-spam",
            "spam mails",
            spam,
            before.map(|it| it.0),
            limits.quarantine_spam_warn,
            limits.quarantine_spam_critical,
        ),
        (
            Kind::QuarantineVirus,
            "quarantine-virus",
            "mails with viruses",
            virus,
            before.map(|it| it.1),
            limits.quarantine_virus_warn,
            limits.quarantine_virus_critical,
        ),
    ] {
        let mut finding = Finding::limits(value as f64, warning as f64, critical as f64);
        let growth = old.map(|old| value.saturating_sub(old));
        let growth_percent = old
            .zip(growth)
            .map(|(old, growth)| if old == 0 { 100.0 } else { growth as f64 / old as f64 * 100.0 });
        let grows = |percent: i64, count: i64| {
            percent > 0
                && growth_percent.is_some_and(|grown| grown >= percent as f64)
                && growth.is_some_and(|growth| growth as i64 >= count)
        };
        let by_growth = if grows(limits.quarantine_growth_crit_pct, limits.quarantine_growth_crit_min) {
            Some(AlertLevel::Critical)
        } else if grows(limits.quarantine_growth_warn_pct, limits.quarantine_growth_warn_min) {
            Some(AlertLevel::Warning)
        } else {
            None
        };
        if let Some(level) = by_growth
            && (!finding.is_bad() || level > finding.level)
        {
            finding = Finding::bad(level, value as f64, finding.threshold);
        }
        visit.check(kind, "", finding, Confirm::AT_ONCE, |subject| {
            let grown = growth.filter(|_| by_growth.is_some());
            let note = grown.map(|growth| format!(", {growth} more than two hours ago")).unwrap_or_default();
            Words::new(format!("{}-{suffix}", subject.id), format!("{value} {what} in quarantine{note}"))
                .with("unit", "messages")
                .with_maybe("growth", grown)
                .with_maybe(
                    "growthPercent",
                    growth_percent.filter(|_| by_growth.is_some()).map(super::guest::round),
                )
        });
    }
}

/// The newest sample that is old enough.
fn sample_before(samples: &VecDeque<(Timestamp, u64, u64)>, now: Timestamp) -> Option<(u64, u64)> {
    samples
        .iter()
        .rev()
        .find(|(at, ..)| now.duration_since(*at) >= GROWTH_WINDOW)
        .map(|(_, spam, virus)| (*spam, *virus))
}

/// One kind of mail in an hour.
type Of = fn(&MailTotals) -> f64;

fn anomalies(visit: &mut Visit<'_>, hours: &[MailBucket]) {
    let kinds: [(Kind, &str, &str, Of); 4] = [
        (Kind::AnomalySpamIn, "spamIn", "incoming spam mails", |mail| mail.spam_in),
        (Kind::AnomalySpamOut, "spamOut", "outgoing spam mails", |mail| mail.spam_out),
        (Kind::AnomalyVirusIn, "virusIn", "incoming mails with viruses", |mail| mail.virus_in),
        (Kind::AnomalyVirusOut, "virusOut", "outgoing mails with viruses", |mail| mail.virus_out),
    ];
    for (kind, name, what, of) in kinds {
        let Some(seen) = unusual(hours, of) else {
            visit.hold(kind);
            continue;
        };
        let finding = Finding::maybe(seen.level, seen.value, seen.limit);
        visit.check(kind, "", finding, Confirm::AT_ONCE, |subject| {
            let message = format!("{:.0} {what} in an hour, usually {:.0}", seen.value, seen.baseline);
            Words::new(format!("{}-anomaly-{name}", subject.id), message)
                .with("baseline", super::guest::round(seen.baseline))
                .with("unit", "messages")
        });
    }
}

/// How an hour compares with the hours before it.
struct Unusual {
    value: f64,
    baseline: f64,
    limit: f64,
    level: Option<AlertLevel>,
}

/// Two hours in a row over what is usual; `None` where too little is known.
fn unusual(hours: &[MailBucket], of: Of) -> Option<Unusual> {
    let mut hours: Vec<&MailBucket> = hours.iter().collect();
    hours.sort_by_key(|bucket| bucket.from);
    // After a gap what was before it says nothing.
    let gap = SignedDuration::from_mins(90);
    let start = hours.windows(2).rposition(|pair| pair[1].from.duration_since(pair[0].from) > gap);
    let hours = &hours[start.map_or(0, |index| index + 1)..];
    let (last, before) = hours.split_last()?;
    let (previous, _) = before.split_last()?;
    let window: Vec<f64> = before.iter().rev().take(24).map(|bucket| of(&bucket.totals)).collect();
    if window.len() < 12 {
        return None;
    }
    let baseline = baseline(window);
    let judge = |value: f64| -> Option<(AlertLevel, f64)> {
        let (warning, critical) = if baseline < 40.0 {
            (baseline + 60.0, baseline + 120.0)
        } else {
            ((baseline * 1.8).max(baseline + 150.0), (baseline * 2.5).max(baseline + 300.0))
        };
        if value >= critical {
            Some((AlertLevel::Critical, critical))
        } else {
            (value >= warning).then_some((AlertLevel::Warning, warning))
        }
    };
    let value = of(&last.totals);
    let both = judge(value).zip(judge(of(&previous.totals)));
    let level = both.map(|((level, _), (before, _))| level.min(before));
    Some(Unusual { value, baseline, limit: both.map_or(0.0, |((_, limit), _)| limit), level })
}

/// The mean without the two lowest and highest, or the median where they differ much.
fn baseline(mut window: Vec<f64>) -> f64 {
    window.sort_by(f64::total_cmp);
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    if window.len() < 24 {
        return mean(&window);
    }
    let trimmed = mean(&window[2..window.len() - 2]);
    let median = f64::midpoint(window[window.len() / 2 - 1], window[window.len() / 2]);
    if (trimmed - median).abs() > median.abs() * 0.4 { median } else { trimmed }
}
