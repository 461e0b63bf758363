//! `GET /api/admin/reports/generate`: one resource's history as a document to keep (contract B-13 §1).

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Timestamp};
use pulse_auth::{Feature, FeatureSet};
use pulse_core::{Clock, metric::Metric};
use pulse_monitor::{
    Keeper,
    reports::{Report, ReportWish},
};
use pulse_store::MetricStore;
use serde::Deserialize;
use tokio::sync::Semaphore;
use utoipa::IntoParams;

use super::history;
use crate::{
    error::{ApiError, ErrorBody},
    extract::{Allowed, ReportsRead},
    routing::{ApiRouter, routes},
};

/// What is made at once; each may take some megabytes for a moment.
static MAKING: Semaphore = Semaphore::const_new(2);

const LONGEST_TYPE: usize = 64;
const LONGEST_ID: usize = 256;
const LONGEST_TITLE: usize = 200;

/// Routes of this area.
pub fn router() -> ApiRouter {
    ApiRouter::new().routes(routes!(generate_report))
}

/// Which report.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
struct ReportParams {
    /// `pdf`, which is what absence means, or `csv`.
    format: Option<String>,
    /// `node`, `vm`, `container`, `guest`, `storage`, `docker`, `dockerHost`, `dockerContainer`, `host`, `pbs`,
    /// `pbsDatastore`, `pmg`, `k8s`.
    resource_type: Option<String>,
    /// Id of the resource as in the state.
    resource_id: Option<String>,
    /// One metric; all when absent.
    metric_type: Option<String>,
    /// First moment, RFC 3339; a day before the last one when absent or not understood.
    start: Option<String>,
    /// Last moment, RFC 3339; now when absent or not understood.
    end: Option<String>,
    /// Title; `<type> Report: <id>` when absent.
    title: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Pdf,
    Csv,
}

fn bad(code: &'static str, text: impl Into<String>) -> ApiError {
    ApiError::envelope(StatusCode::BAD_REQUEST, code, text)
}

/// Make a report of one resource's history, as PDF or CSV.
#[utoipa::path(
    get, path = "/api/admin/reports/generate", tag = "reports", params(ReportParams),
    responses(
        (status = 200, description = "The document, to be saved", body = Vec<u8>, content_type = "application/pdf"),
        (status = 400, body = ErrorBody),
        (status = 402, description = "Needs the feature advanced_reporting; more than 7 days need long_term_metrics"),
        (status = 429, description = "Others are being made", body = ErrorBody),
    )
)]
async fn generate_report(
    _: Allowed<ReportsRead>,
    State(keeper): State<Keeper>,
    State(store): State<Arc<dyn MetricStore>>,
    State(clock): State<Arc<dyn Clock>>,
    State(features): State<FeatureSet>,
    Query(params): Query<ReportParams>,
) -> Result<Response, ApiError> {
    let now = clock.now();
    let (format, wish) = params.into_wish(now, |kind, id| history::keys(&keeper.snapshot(), kind, id))?;
    if wish.to.duration_since(wish.from) > history::FREE && !features.has(Feature::LongTermMetrics) {
        return Err(history::too_long());
    }
    let _making = MAKING.try_acquire().map_err(|_| {
        let text = "Other reports are being made; try again in a moment";
        ApiError::envelope(StatusCode::TOO_MANY_REQUESTS, "busy", text)
    })?;
    let day = wish.to.to_string().replace('-', "").chars().take(8).collect::<String>();
    let name = file_name(&wish.resource_id);
    let report = Report::gather(&*store, wish, now).await?;
    let made = tokio::task::spawn_blocking(move || match format {
        Format::Pdf => report.pdf(),
        Format::Csv => report.csv().into_bytes(),
    });
    let body = made.await.map_err(|error| ApiError::internal("make a report", error))?;
    let (kind, extension) = match format {
        Format::Pdf => ("application/pdf", "pdf"),
        Format::Csv => ("text/csv; charset=utf-8", "csv"),
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let disposition = format!("attachment; filename=\"report-{name}-{day}.{extension}\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

impl ReportParams {
    fn into_wish(
        self,
        now: Timestamp,
        keys: impl FnOnce(&str, &str) -> Vec<(pulse_core::metric::ResourceType, String)>,
    ) -> Result<(Format, ReportWish), ApiError> {
        let format = match self.format.as_deref().unwrap_or_default() {
            "" | "pdf" => Format::Pdf,
            "csv" => Format::Csv,
            _ => return Err(bad("invalid_format", "Format must be 'pdf' or 'csv'")),
        };
        let text = |text: Option<String>| text.unwrap_or_default();
        let (resource_type, resource_id) = (text(self.resource_type), text(self.resource_id));
        if resource_type.is_empty() || resource_id.is_empty() {
            return Err(bad("missing_params", "resourceType and resourceId are required"));
        }
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if resource_type.len() > LONGEST_TYPE || !resource_type.chars().all(is_word) {
            return Err(bad("invalid_resource_type", "Invalid resourceType"));
        }
        // Pulse v5: refuses colons and slashes, and with them every guest and every container.
        if resource_id.len() > LONGEST_ID || resource_id.chars().any(char::is_control) {
            return Err(bad("invalid_resource_id", "Invalid resourceId"));
        }
        let metrics = match self.metric_type.as_deref().unwrap_or_default() {
            "" => Vec::new(),
            name => vec![
                Metric::from_name(name).ok_or_else(|| bad("invalid_metric", "There is no such metric"))?,
            ],
        };
        let time = |text: Option<String>| text.and_then(|text| text.parse::<Timestamp>().ok());
        let to = time(self.end).unwrap_or(now).clamp(Timestamp::UNIX_EPOCH, now);
        let day_before = to.checked_sub(SignedDuration::from_hours(24)).unwrap_or(to);
        let from = time(self.start).unwrap_or(day_before);
        if from >= to {
            return Err(bad("invalid_range", "start must be before end, and before now"));
        }
        let from = from.max(to.checked_sub(history::LONGEST).unwrap_or(Timestamp::UNIX_EPOCH));
        let title: String =
            text(self.title).chars().filter(|c| !c.is_control()).take(LONGEST_TITLE).collect();
        let title = match title.trim() {
            "" => format!("{resource_type} Report: {resource_id}"),
            title => title.to_owned(),
        };
        let keys = keys(&resource_type, &resource_id);
        let metrics = keys.first().map_or_else(Vec::new, |(kind, _)| {
            metrics.into_iter().map(|metric| history::as_stored(*kind, metric)).collect()
        });
        Ok((format, ReportWish { title, resource_type, resource_id, keys, metrics, from, to }))
    }
}

/// An id as a part of a file's name: nothing that leads anywhere or ends a quotation.
fn file_name(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '-' };
    id.chars().map(plain).take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(change: impl FnOnce(&mut ReportParams)) -> Result<(Format, ReportWish), ApiError> {
        let now: Timestamp = "2026-03-04T05:06:07Z".parse().unwrap();
        let mut params = ReportParams {
            resource_type: Some("vm".into()),
            resource_id: Some("lab:n1:101".into()),
            ..ReportParams::default()
        };
        change(&mut params);
        params.into_wish(now, |_, _| Vec::new())
    }

    #[test]
    fn what_is_not_said_is_a_day_until_now_as_pdf() {
        let (format, it) = wish(|_| {}).unwrap();
        assert_eq!((format, it.title.as_str()), (Format::Pdf, "vm Report: lab:n1:101"));
        assert_eq!(it.to.duration_since(it.from), SignedDuration::from_hours(24));
        let (_, it) = wish(|p| p.end = Some("2999-01-01T00:00:00Z".into())).unwrap();
        assert_eq!(it.to.to_string(), "2026-03-04T05:06:07Z");
        let (_, it) = wish(|p| p.start = Some("yesterday".into())).unwrap();
        assert_eq!(it.to.duration_since(it.from), SignedDuration::from_hours(24));
        let (_, it) = wish(|p| p.title = Some(format!("a\r\nb{}", "x".repeat(10_000)))).unwrap();
        assert!(it.title.starts_with("abx") && it.title.len() == LONGEST_TITLE);
    }

    #[test]
    fn what_cannot_be_answered_is_refused_by_its_code() {
        let check = |code: &str, change: fn(&mut ReportParams)| match wish(change).map(drop) {
            Err(ApiError::Envelope { status, code: got, .. }) => {
                assert_eq!((status, got), (StatusCode::BAD_REQUEST, code));
            }
            other => panic!("{code}: {other:?}"),
        };
        check("invalid_format", |p| p.format = Some("docx".into()));
        check("missing_params", |p| p.resource_id = None);
        check("missing_params", |p| p.resource_type = Some(String::new()));
        check("invalid_resource_type", |p| p.resource_type = Some("../etc".into()));
        check("invalid_resource_id", |p| p.resource_id = Some("a\r\nb".into()));
        check("invalid_resource_id", |p| p.resource_id = Some("a".repeat(257)));
        check("invalid_metric", |p| p.metric_type = Some("luck".into()));
        check("invalid_range", |p| p.start = Some("2026-03-04T05:06:08Z".into()));
    }

    #[test]
    fn a_file_name_leads_nowhere() {
        assert_eq!(file_name("../../etc/\"x\r\n"), "------etc--x--");
        assert_eq!(file_name(&"é".repeat(100)).len(), 64);
    }
}
