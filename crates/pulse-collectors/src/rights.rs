//! What the credentials may do, as `/access/permissions` tells everybody of themselves, and what is hidden without it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    envelope::{Unreadable, object},
    lenient::Flag,
};

/// Own privileges may be read by everybody, on VE and on Backup Server.
pub(crate) const PERMISSIONS: &str = "/access/permissions";

/// The privileges, wherever they hold.
pub(crate) fn granted(body: &str) -> Result<BTreeSet<String>, Unreadable> {
    let paths: BTreeMap<String, BTreeMap<String, Flag>> = object(body)?;
    let given = |(name, flag): (String, Flag)| flag.0.is_some().then_some(name);
    Ok(paths.into_values().flatten().filter_map(given).collect())
}

/// One thing that Proxmox VE leaves out without a word for whoever lacks a privilege.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// What is not shown then.
    pub what: &'static str,
    /// Any one of these privileges is enough.
    pub any_of: &'static [&'static str],
    /// What to give the user and its token.
    pub advice: &'static str,
}

/// Virtual machines and containers.
pub const GUESTS: Need =
    Need { what: "virtual machines and containers", any_of: &["VM.Audit"], advice: AUDITOR };
/// Storages.
pub const STORAGES: Need = Need { what: "storages", any_of: &["Datastore.Audit"], advice: AUDITOR };
/// Backups on storages.
pub const BACKUPS: Need = Need {
    what: "backups on storages",
    any_of: &["Datastore.AllocateSpace", "Datastore.Allocate"],
    advice: "give the user, and the token if its privileges are separated, a role that has it on /storage, with \
             VM.Backup on /vms",
};
/// Pending updates.
pub const UPDATES: Need = Need {
    what: "pending updates",
    any_of: &["Sys.Modify"],
    advice: "give the user, and the token if its privileges are separated, a role that has it on /nodes, or do without",
};
const AUDITOR: &str =
    "give the user, and the token if its privileges are separated, the role PVEAuditor on /";
const ON_GUESTS: &str =
    "give the user, and the token if its privileges are separated, a role that has it on /vms";

/// The worst first.
const PVE: [Need; 7] = [
    GUESTS,
    Need { what: "load, memory and versions of the nodes", any_of: &["Sys.Audit"], advice: AUDITOR },
    STORAGES,
    // Before 9 one privilege stood for all that a guest agent says.
    Need {
        what: "file systems and addresses of VMs",
        any_of: &["VM.GuestAgent.Audit", "VM.Monitor"],
        advice: ON_GUESTS,
    },
    Need {
        what: "the memory of VMs as they see it themselves",
        any_of: &["VM.GuestAgent.FileRead", "VM.Monitor"],
        advice: ON_GUESTS,
    },
    BACKUPS,
    UPDATES,
];

impl Need {
    /// Whether these privileges are enough.
    pub fn is_met(&self, rights: &BTreeSet<String>) -> bool {
        self.any_of.iter().any(|right| rights.contains(*right))
    }

    /// Why it is not shown.
    pub fn lack(&self) -> String {
        format!("the credentials lack {}", self.any_of.join(" or "))
    }
}

/// What Proxmox VE hides for want of a privilege, in words, the worst first.
pub(crate) fn hidden_on_pve(rights: &BTreeSet<String>) -> Vec<String> {
    let lacking = PVE.iter().filter(|need| !need.is_met(rights));
    lacking.map(|need| format!("{} are not shown: {}; {}", need.what, need.lack(), need.advice)).collect()
}

/// The same for a backup server.
pub(crate) fn hidden_on_pbs(rights: &BTreeSet<String>) -> Vec<String> {
    let mut hidden: Vec<String> = no_datastore(rights).into_iter().collect();
    if !rights.contains("Sys.Audit") {
        hidden.push(
            "the load of the machine is not shown: the credentials lack Sys.Audit on /system; give both the user and \
             its token the role Audit on /"
                .to_owned(),
        );
    }
    hidden
}

/// Why a backup server lists no datastore, where it is for want of a privilege.
pub(crate) fn no_datastore(rights: &BTreeSet<String>) -> Option<String> {
    let sees_any = rights.iter().any(|right| right.starts_with("Datastore."));
    (!sees_any).then(|| {
        "no datastore, job or backup is shown: the credentials lack Datastore.Audit on /datastore; give both the user \
         and its token the role Audit on /"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_privilege_counts_wherever_it_holds_and_in_either_spelling_of_the_flag() {
        let body = r#"{"data":{"/":{"Sys.Audit":1,"Odd":null},"/vms":{"VM.Audit":0},"/datastore":{"Datastore.Audit":true}}}"#;
        assert_eq!(granted(body).unwrap(), rights(&["Sys.Audit", "VM.Audit", "Datastore.Audit"]));
        assert_eq!(granted(r#"{"data":{}}"#).unwrap(), rights(&[]));
    }

    #[test]
    fn what_is_hidden_names_the_privilege_and_nothing_that_is_there() {
        assert_eq!(hidden_on_pve(&rights(&[])).len(), 7);
        let auditor = ["VM.Audit", "Sys.Audit", "Datastore.Audit", "VM.Monitor"];
        let hidden = hidden_on_pve(&rights(&auditor));
        assert!(hidden.len() == 2 && hidden[1].contains("lack Sys.Modify"), "{hidden:?}");
        let all = [&auditor[..], &["Datastore.Allocate", "Sys.Modify"]].concat();
        assert_eq!(hidden_on_pve(&rights(&all)), [""; 0]);
        assert_eq!(hidden_on_pbs(&rights(&["Datastore.Audit", "Sys.Audit"])), [""; 0]);
        assert!(hidden_on_pbs(&rights(&[]))[0].contains("Datastore.Audit on /datastore"));
    }
}
