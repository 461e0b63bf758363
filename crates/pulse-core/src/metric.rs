//! Names of time series and the samples that go into them.

use std::sync::Arc;

use jiff::Timestamp;

/// What kind of thing a series belongs to. The name on the wire is the store's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ResourceType {
    /// A Proxmox node.
    Node,
    /// A VM of Proxmox VE.
    Vm,
    /// A container of Proxmox VE.
    Container,
    /// A storage of Proxmox VE.
    Storage,
    /// A Docker or Podman host.
    DockerHost,
    /// A container on a Docker or Podman host; its id is `<hostId>/<containerId>`.
    DockerContainer,
    /// A host that an agent reports.
    Host,
    /// A Proxmox Backup Server.
    Pbs,
    /// A Kubernetes cluster.
    KubernetesCluster,
    /// A datastore of a Proxmox Backup Server; its id is `<server's id>/<datastore>`.
    PbsDatastore,
    /// A Proxmox Mail Gateway.
    Pmg,
}

impl ResourceType {
    /// All resource types.
    pub const EVERY: [Self; 11] = [
        Self::Node,
        Self::Vm,
        Self::Container,
        Self::Storage,
        Self::DockerHost,
        Self::DockerContainer,
        Self::Host,
        Self::Pbs,
        Self::KubernetesCluster,
        Self::PbsDatastore,
        Self::Pmg,
    ];

    /// The name under which the type is stored and asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Node => "node",
            Self::Vm => "vm",
            Self::Container => "container",
            Self::Storage => "storage",
            Self::DockerHost => "dockerHost",
            Self::DockerContainer => "dockerContainer",
            Self::Host => "host",
            Self::Pbs => "pbs",
            Self::KubernetesCluster => "k8s",
            Self::PbsDatastore => "pbsDatastore",
            Self::Pmg => "pmg",
        }
    }

    /// The type of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|kind| kind.name() == name)
    }
}

/// What is measured. The name on the wire is the store's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Processor use, percent of what the resource has.
    Cpu,
    /// Memory use, percent.
    Memory,
    /// Disk use, percent.
    Disk,
    /// Bytes read from disk per second.
    DiskRead,
    /// Bytes written to disk per second.
    DiskWrite,
    /// Bytes received per second.
    NetIn,
    /// Bytes sent per second.
    NetOut,
    /// Storage use, percent.
    Usage,
    /// Storage bytes used.
    Used,
    /// Storage bytes in total.
    Total,
    /// Storage bytes available.
    Available,
    /// Temperature, degrees Celsius.
    Temperature,
    /// Nodes of a cluster.
    Nodes,
    /// Nodes of a cluster that take work.
    NodesReady,
    /// Pods of a cluster.
    Pods,
    /// Pods of a cluster that run.
    PodsRunning,
    /// Mails that wait in the queues of a gateway.
    MailQueue,
}

/// What a metric's values count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Hundredths of a whole.
    Percent,
    /// Bytes.
    Bytes,
    /// Bytes per second.
    BytesPerSecond,
    /// Degrees Celsius.
    Celsius,
    /// Things.
    Count,
}

impl Unit {
    /// The end of a name that says the unit, as Prometheus words it.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Percent => "percent",
            Self::Bytes => "bytes",
            Self::BytesPerSecond => "bytes_per_second",
            Self::Celsius => "celsius",
            Self::Count => "count",
        }
    }
}

impl Metric {
    /// All metrics.
    pub const EVERY: [Self; 17] = [
        Self::Cpu,
        Self::Memory,
        Self::Disk,
        Self::DiskRead,
        Self::DiskWrite,
        Self::NetIn,
        Self::NetOut,
        Self::Usage,
        Self::Used,
        Self::Total,
        Self::Available,
        Self::Temperature,
        Self::Nodes,
        Self::NodesReady,
        Self::Pods,
        Self::PodsRunning,
        Self::MailQueue,
    ];

    /// The name under which the metric is stored and asked for.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::DiskRead => "diskread",
            Self::DiskWrite => "diskwrite",
            Self::NetIn => "netin",
            Self::NetOut => "netout",
            Self::Usage => "usage",
            Self::Used => "used",
            Self::Total => "total",
            Self::Available => "avail",
            Self::Temperature => "temperature",
            Self::Nodes => "nodes",
            Self::NodesReady => "nodesready",
            Self::Pods => "pods",
            Self::PodsRunning => "podsrunning",
            Self::MailQueue => "mailqueue",
        }
    }

    /// What its values count.
    pub fn unit(self) -> Unit {
        match self {
            Self::Cpu | Self::Memory | Self::Disk | Self::Usage => Unit::Percent,
            Self::DiskRead | Self::DiskWrite | Self::NetIn | Self::NetOut => Unit::BytesPerSecond,
            Self::Used | Self::Total | Self::Available => Unit::Bytes,
            Self::Temperature => Unit::Celsius,
            Self::Nodes | Self::NodesReady | Self::Pods | Self::PodsRunning | Self::MailQueue => Unit::Count,
        }
    }

    /// The metric of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::EVERY.into_iter().find(|metric| metric.name() == name)
    }
}

/// Names one time series.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesKey {
    /// What kind of thing it belongs to.
    pub resource_type: ResourceType,
    /// Which one.
    pub resource_id: Arc<str>,
    /// What is measured.
    pub metric: Metric,
}

/// One measured value of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The series it belongs to.
    pub series: SeriesKey,
    /// When it was measured.
    pub at: Timestamp,
    /// The value, in the metric's unit.
    pub value: f64,
}
