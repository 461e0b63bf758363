//! The agent as a service of Windows: the service manager starts it, hears how it goes and tells it to stop.
//!
//! Nothing on the command line says that it is a service: the program asks the service manager, which knows whom it
//! started.

use std::{
    ffi::OsString,
    path::Path,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use pulse_agent::{
    Exit,
    settings::{DEFAULT_STATE_DIR, Flags},
};
use tokio_util::sync::CancellationToken;
use windows_service::{
    define_windows_service,
    service::{
        ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
    },
    service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle},
    service_dispatcher,
};

use crate::log::{BoundedFile, Sink};

/// The name under which `install.ps1` makes it.
const NAME: &str = "PulseAgent";
/// What Windows answers to a program that its service manager did not start.
const NOT_A_SERVICE: i32 = 1063;
/// An update of a container that is under way is brought to its end.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// For the service manager: start it again.
const FAILED: u32 = 1;

static FLAGS: Mutex<Option<Flags>> = Mutex::new(None);
static STATUS: OnceLock<ServiceStatusHandle> = OnceLock::new();

define_windows_service!(service_entry, serve);

/// Why the agent did not run as a service.
pub enum NotRun {
    /// Somebody else than the service manager started this program; these are its flags.
    StartedByHand(Box<Flags>),
    /// The service manager cannot be talked to.
    Failed(anyhow::Error),
}

/// Runs the agent for the service manager until that ends it.
pub fn run(flags: Flags) -> Result<(), NotRun> {
    *FLAGS.lock().unwrap_or_else(PoisonError::into_inner) = Some(flags);
    let Err(error) = service_dispatcher::start(NAME, service_entry) else { return Ok(()) };
    match (&error, take_flags()) {
        (windows_service::Error::Winapi(reason), Some(flags))
            if reason.raw_os_error() == Some(NOT_A_SERVICE) =>
        {
            Err(NotRun::StartedByHand(Box::new(flags)))
        }
        _ => Err(NotRun::Failed(anyhow::Error::from(error).context("the service manager does not listen"))),
    }
}

fn take_flags() -> Option<Flags> {
    FLAGS.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The service, on a thread of the service manager's making.
fn serve(_: Vec<OsString>) {
    let Some(flags) = take_flags() else { return };
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let on_control = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            say(ServiceState::StopPending, 0);
            stop.cancel();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let Ok(status) = service_control_handler::register(NAME, on_control) else { return };
    STATUS.get_or_init(|| status);
    say(ServiceState::Running, 0);
    let log = BoundedFile::open(Path::new(DEFAULT_STATE_DIR).join("pulse-agent.log"));
    let code = match crate::run(flags, cancel, Sink::File(log)) {
        Ok(Exit::Stopped) => 0,
        // The newer program lies in its place; the service manager starts what ended with a failure.
        Ok(Exit::Replaced) => FAILED,
        Err(error) => {
            tracing::error!("{error:#}");
            FAILED
        }
    };
    say(ServiceState::Stopped, code);
}

/// Tells the service manager; it may have gone, and then nobody wants to know.
fn say(state: ServiceState, code: u32) {
    let Some(status) = STATUS.get() else { return };
    let controls_accepted = match state {
        ServiceState::Running => ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN,
        _ => ServiceControlAccept::empty(),
    };
    let told = status.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted,
        exit_code: match code {
            0 => ServiceExitCode::NO_ERROR,
            code => ServiceExitCode::ServiceSpecific(code),
        },
        checkpoint: 0,
        wait_hint: if state == ServiceState::StopPending { STOP_LIMIT } else { Duration::ZERO },
        process_id: None,
    });
    if let Err(error) = told {
        tracing::debug!(%error, "the service manager cannot be told");
    }
}
