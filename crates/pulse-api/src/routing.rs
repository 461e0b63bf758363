//! Routes that carry their description with them, at no cost until somebody asks for it.
//!
//! [`routes!`] registers a handler under the path and methods of its `#[utoipa::path]`, so that nothing can be served
//! that is not described. `utoipa-axum` does the same, but builds every schema of the whole document each time a
//! router is made: ten megabytes of memory for a moment, and a good megabyte of program text that then stays resident. Here a description is one function pointer, called by [`ApiRouter::describe`] alone. A release build
//! has no caller of it: it embeds `docs/openapi.json`, which the tests hold against the code, and the linker leaves
//! the descriptions out.

use std::convert::Infallible;

use axum::{
    Router,
    extract::Request,
    response::IntoResponse,
    routing::{MethodFilter, MethodRouter, Route},
};
use tower::{Layer, Service};
use utoipa::openapi::HttpMethod;
#[cfg(debug_assertions)]
use utoipa::openapi::{
    OpenApi, RefOr, Schema,
    path::{Operation, Paths},
};

use crate::state::AppState;

/// Everything that is said of one operation.
#[cfg(debug_assertions)]
pub(crate) struct Described {
    pub path: String,
    pub methods: Vec<HttpMethod>,
    pub operation: Operation,
    pub tags: Vec<&'static str>,
    pub schemas: Vec<(String, RefOr<Schema>)>,
}

/// One handler: where it is registered, and how it is described when that is asked.
pub(crate) struct Endpoint {
    pub path: String,
    pub methods: Vec<HttpMethod>,
    pub register: fn(MethodRouter<AppState>, MethodFilter) -> MethodRouter<AppState>,
    #[cfg(debug_assertions)]
    pub describe: fn() -> Described,
}

/// Makes the [`Endpoint`]s of handlers that share one path, as [`ApiRouter::routes`] takes them.
macro_rules! routes {
    ($($($part:ident)::+),+ $(,)?) => {
        vec![$($crate::routing::endpoint!([] $($part)::+)),+]
    };
}

/// The [`Endpoint`] of one handler: finds `__path_<handler>`, which `#[utoipa::path]` wrote beside it.
macro_rules! endpoint {
    ([$($module:ident)*] $first:ident :: $($rest:ident)::+) => {
        $crate::routing::endpoint!([$($module)* $first] $($rest)::+)
    };
    ([$($module:ident)*] $handler:ident) => {
        pastey::paste! {{
            use utoipa::Path as _;
            $crate::routing::Endpoint {
                path: $($module::)* [<__path_ $handler>]::path(),
                methods: $($module::)* [<__path_ $handler>]::methods(),
                register: |router, filter| router.on(filter, $($module::)* $handler),
                #[cfg(debug_assertions)]
                describe: || {
                    use utoipa::__dev::{SchemaReferences as _, Tags as _};
                    let mut schemas = Vec::new();
                    $($module::)* [<__path_ $handler>]::schemas(&mut schemas);
                    $crate::routing::Described {
                        path: $($module::)* [<__path_ $handler>]::path(),
                        methods: $($module::)* [<__path_ $handler>]::methods(),
                        operation: $($module::)* [<__path_ $handler>]::operation(),
                        tags: $($module::)* [<__path_ $handler>]::tags(),
                        schemas,
                    }
                },
            }
        }}
    };
}

pub(crate) use {endpoint, routes};

/// Routes and their descriptions, composed area by area.
#[derive(Default)]
pub(crate) struct ApiRouter {
    router: Router<AppState>,
    #[cfg(debug_assertions)]
    descriptions: Vec<fn() -> Described>,
}

impl ApiRouter {
    /// No route at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// Registers what [`routes!`] made; methods of one path belong into one call.
    pub fn routes(mut self, endpoints: Vec<Endpoint>) -> Self {
        let mut by_path: Vec<(String, MethodRouter<AppState>)> = Vec::new();
        for endpoint in endpoints {
            let at = by_path.iter().position(|(path, _)| *path == endpoint.path);
            let so_far = at.map(|at| by_path.swap_remove(at).1).unwrap_or_default();
            let router = endpoint
                .methods
                .iter()
                .fold(so_far, |router, method| (endpoint.register)(router, filter(method)));
            by_path.push((endpoint.path, router));
            #[cfg(debug_assertions)]
            self.descriptions.push(endpoint.describe);
        }
        for (path, router) in by_path {
            self.router = Router::route(self.router, &path, router);
        }
        self
    }

    /// Registers a route that no generated client needs to know of (`tests/it/document.rs` lists them).
    pub fn route(mut self, path: &str, methods: MethodRouter<AppState>) -> Self {
        self.router = Router::route(self.router, path, methods);
        self
    }

    /// Adds another area.
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        #[cfg(debug_assertions)]
        self.descriptions.extend(other.descriptions);
        self
    }

    /// Wraps what is registered so far.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        self.router = self.router.layer(layer);
        self
    }

    /// The routes alone.
    pub fn into_router(self) -> Router<AppState> {
        self.router
    }

    /// Writes every description into the document.
    #[cfg(debug_assertions)]
    pub fn describe(self, document: &mut OpenApi) {
        for describe in self.descriptions {
            let Described { path, methods, mut operation, tags, schemas } = describe();
            operation.tags.get_or_insert_default().extend(tags.into_iter().map(str::to_owned));
            let mut paths = Paths::new();
            paths.add_path_operation(&path, methods, operation);
            for (path, item) in paths.paths {
                match document.paths.paths.get_mut(&path) {
                    Some(known) => known.merge_operations(item),
                    None => drop(document.paths.paths.insert(path, item)),
                }
            }
            document.components.get_or_insert_default().schemas.extend(schemas);
        }
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
    }
}
