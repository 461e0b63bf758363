//! `/api/{guests,docker,docker/hosts,hosts}/metadata*`: what people note about what is monitored (contract B-05).
//!
//! An item that nobody noted anything about is an empty record, never 404, and a `PUT` replaces the whole record.

mod docker;
mod docker_hosts;
mod guests;
mod hosts;

use std::{collections::BTreeMap, sync::Arc};

use axum::body::Body;
use http::StatusCode;
use pulse_config::{
    Metadata, UpdateError,
    store::metadata::{MetadataError, MetadataStore, Record},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    areas::object::read_object,
    error::ApiError,
    routing::{ApiRouter, routes},
};

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new()
        .routes(routes!(guests::list_guest_metadata))
        .routes(routes!(
            guests::get_guest_metadata,
            guests::put_guest_metadata,
            guests::post_guest_metadata,
            guests::delete_guest_metadata
        ))
        .routes(routes!(docker::list_docker_metadata))
        .routes(routes!(
            docker::get_docker_metadata,
            docker::put_docker_metadata,
            docker::post_docker_metadata,
            docker::delete_docker_metadata
        ))
        .routes(routes!(docker_hosts::list_docker_host_metadata))
        .routes(routes!(
            docker_hosts::get_docker_host_metadata,
            docker_hosts::put_docker_host_metadata,
            docker_hosts::post_docker_host_metadata,
            docker_hosts::delete_docker_host_metadata
        ))
        .routes(routes!(hosts::list_host_metadata))
        .routes(routes!(
            hosts::get_host_metadata,
            hosts::put_host_metadata,
            hosts::post_host_metadata,
            hosts::delete_host_metadata
        ))
}

/// What is noted about a guest, a container or a service.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct NotedItem {
    /// Its id.
    id: String,
    /// A page of its own; empty for none.
    custom_url: String,
    /// A description; empty for none.
    description: String,
    /// Tags; `null` for none.
    tags: Option<Vec<String>>,
    /// Notes; `null` for none.
    notes: Option<Vec<String>>,
    /// Name it had when it was last seen; guests only.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_known_name: Option<String>,
    /// `qemu` or `lxc`; guests only.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_known_type: Option<String>,
}

/// What to note: what is left out becomes empty.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", default)]
struct NotedItemChange {
    /// An `http` or `https` address; empty for none.
    custom_url: String,
    /// A description.
    description: String,
    /// Tags.
    tags: Option<Vec<String>>,
    /// Notes.
    notes: Option<Vec<String>>,
}

const LIMIT_BYTES: usize = 16 * 1024;

async fn read<T: serde::de::DeserializeOwned>(body: Body) -> Result<T, ApiError> {
    read_object(body, LIMIT_BYTES).await.map_err(|error| bad(format!("Invalid request body: {error}")))
}

/// Does what may block on a thread that may.
async fn write(
    metadata: Arc<Metadata>,
    change: impl FnOnce(&Metadata) -> Result<(), UpdateError<MetadataError>> + Send + 'static,
) -> Result<(), ApiError> {
    let done = tokio::task::spawn_blocking(move || change(&metadata)).await;
    done.map_err(|error| ApiError::internal("save metadata", error))?.map_err(|error| match error {
        UpdateError::Refused(refused) => bad(refused.to_string()),
        UpdateError::Config(error) => {
            tracing::error!(%error, "metadata could not be saved");
            let text = "Failed to save metadata; the server's log says why";
            ApiError::text(StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    })
}

fn bad(text: String) -> ApiError {
    ApiError::text(StatusCode::BAD_REQUEST, text)
}

/// Every record under its id, as it goes out.
fn shapes<T: Record, S>(
    store: &MetadataStore<T>,
    shape: impl Fn(&str, &T) -> (String, S),
) -> BTreeMap<String, S> {
    store.all().iter().map(|(id, record)| shape(id, record)).collect()
}
