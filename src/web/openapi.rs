//! The description of the API (OpenAPI 3.1), and pages to read it: Swagger UI comes with the program, nothing is fetched.

use super::nouns::Shown;
use super::problem::Problem;
mod examples;

use super::{Web, idempotency};
use axum::Router;
use axum::extract::Extension;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::MethodRouter;
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa::openapi::path::{
    HttpMethod, Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn, Paths,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{
    ArrayBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type,
};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, InfoBuilder, OpenApi, Ref, RefOr, Required,
    Response, ResponseBuilder,
};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;
use utoipa_swagger_ui::{Config, SwaggerUi};

const JSON: &str = "application/json";
const DESCRIPTION: &str = "Neighbours come when somebody presses #9.\n\n\
    Every call but health, signing in and this document needs a bearer token (`lianfang token create`) or the secret of a \
    session (`POST /api/v1/session`). Scopes of tokens: `admin` everything; `operator` alarms, reading, and what duty \
    workers edit; `auditor` the audit trail, dossiers and reports; `trigger` raising alarms; `metrics` reading metrics. \
    Accounts have a role (`admin`, `operator`, `auditor`, `responder`) and reach everything, a street, a community or a \
    grid; what they do not reach is not there.\n\n\
    A row has a version, which is its `ETag`: send it as `If-Match` when you replace or delete the row. Lists are pages: \
    send `next` as `after` for the following one. Errors are problem details (RFC 9457) in Chinese or English, as \
    `Accept-Language` says.";

/// The description as it is served.
#[derive(Clone)]
pub(super) struct Document(pub(super) Arc<str>);

pub(super) fn routes() -> OpenApiRouter<Web> {
    OpenApiRouter::default().routes(routes!(document))
}

/// This document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "health", operation_id = "read_openapi", security(()),
    responses((status = 200, description = "An OpenAPI 3.1 document", body = Object)),
)]
async fn document(Extension(Document(text)): Extension<Document>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, JSON)], text.to_string())
}

/// Swagger UI.
pub(super) fn pages() -> Router<Web> {
    // The validator is a service of others, to which the UI would send the address of this document.
    let config = Config::from("/api/v1/openapi.json").validator_url("none");
    SwaggerUi::new("/api/docs").config(config).into()
}

/// Adds what holds for every route, and writes the document.
pub(super) fn complete(mut document: OpenApi) -> String {
    document.info = InfoBuilder::new()
        .title("Lianfang")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .build();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    let components = document.components.get_or_insert_with(Components::new);
    components.security_schemes.insert("token".to_owned(), bearer.into());
    add::<Problem>(&mut components.schemas);
    document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    for (path, item) in &mut document.paths.paths {
        if let Some(post) = item.post.as_mut().filter(|_| idempotency::covers(path)) {
            post.parameters.get_or_insert_default().push(idempotency_key().into());
        }
        let operations =
            [&mut item.get, &mut item.post, &mut item.put, &mut item.delete, &mut item.patch];
        for operation in operations.into_iter().flatten() {
            operation.responses.responses.insert("default".to_owned(), problem().into());
        }
    }
    let text = document.to_json().unwrap_or_default();
    examples::put(&text).unwrap_or(text)
}

fn idempotency_key() -> Parameter {
    ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some("Sent again with the same key, the request is not done again: the answer of the first time comes, for 24 hours"))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(Type::String)
                .min_length(Some(1))
                .max_length(Some(255))
                .pattern(Some("^[!-~]+$")),
        ))
        .build()
}

fn problem() -> Response {
    let content = ContentBuilder::new().schema(Some(reference::<Problem>())).build();
    ResponseBuilder::new()
        .description("A problem (RFC 9457)")
        .content("application/problem+json", content)
        .build()
}

fn reference<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

fn add<T: ToSchema>(schemas: &mut impl Extend<(String, RefOr<Schema>)>) {
    let mut found = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut found);
    schemas.extend(found);
}

/// Describes `GET` and `POST` of all rows of a noun.
pub(super) fn of_all<N: Shown>(
    parent: Option<&'static str>,
    limit_max: u32,
    handlers: MethodRouter<Web>,
) -> UtoipaMethodRouter<Web> {
    let mut list = operation::<N>("list", "List every", "in pages, by id")
        .parameter(number("after", "Only rows after this id: `next` of the page before", 0, None))
        .parameter(number("limit", "Length of the page; 50 if not given", 1, Some(limit_max)));
    if let Some(parent) = parent {
        list = list.parameter(number(parent, "Only rows that belong to this one", 0, None));
    }
    let list = list.response("200", json("A page", page::<N>()).build()).build();
    let create = operation::<N>("create", "Create a", "")
        .request_body(Some(body::<N>()))
        .response("201", tagged::<N>("Created").header("Location", text("Its path")).build())
        .build();
    let path = format!("/{}", N::PLURAL);
    described::<N>(&path, [(HttpMethod::Get, list), (HttpMethod::Post, create)], handlers)
}

/// Describes `GET`, `PUT` and `DELETE` of one row of a noun.
pub(super) fn of_one<N: Shown>(handlers: MethodRouter<Web>) -> UtoipaMethodRouter<Web> {
    let read = operation::<N>("read", "Read a", "")
        .parameter(id())
        .response("200", tagged::<N>("The row").build())
        .build();
    let replace = operation::<N>("replace", "Replace a", "as a whole")
        .parameter(id())
        .parameter(if_match())
        .request_body(Some(body::<N>()))
        .response("200", tagged::<N>("Replaced").build())
        .build();
    let delete = operation::<N>("delete", "Delete a", "that nothing belongs to")
        .parameter(id())
        .parameter(if_match())
        .response("204", ResponseBuilder::new().description("Deleted").build())
        .build();
    let path = format!("/{}/{{id}}", N::PLURAL);
    let operations =
        [(HttpMethod::Get, read), (HttpMethod::Put, replace), (HttpMethod::Delete, delete)];
    described::<N>(&path, operations, handlers)
}

fn described<N: Shown>(
    path: &str,
    operations: impl IntoIterator<Item = (HttpMethod, Operation)>,
    handlers: MethodRouter<Web>,
) -> UtoipaMethodRouter<Web> {
    let mut paths = Paths::new();
    for (method, operation) in operations {
        paths.add_path_operation(path, vec![method], operation);
    }
    let mut schemas = Vec::new();
    add::<N>(&mut schemas);
    add::<N::Draft>(&mut schemas);
    (schemas, paths, handlers)
}

fn operation<N: Shown>(verb: &str, summary: &str, more: &str) -> OperationBuilder {
    let summary = format!("{summary} {} {more}", N::WORDS);
    OperationBuilder::new()
        .operation_id(Some(format!("{verb}_{}", N::PLURAL)))
        .tag(N::PLURAL)
        .summary(Some(summary.trim_end()))
}

fn integer(minimum: u32, maximum: Option<u32>) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .minimum(Some(minimum))
        .maximum(Some(maximum.unwrap_or(u32::MAX)))
}

fn number(name: &str, description: &str, minimum: u32, maximum: Option<u32>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(integer(minimum, maximum)))
        .build()
}

fn id() -> Parameter {
    ParameterBuilder::new()
        .name("id")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .schema(Some(integer(0, None)))
        .build()
}

fn if_match() -> Parameter {
    ParameterBuilder::new()
        .name("If-Match")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some("The `ETag` of the row that is changed"))
        .schema(Some(
            ObjectBuilder::new().schema_type(Type::String).pattern(Some("^\"[0-9]{1,9}\"$")),
        ))
        .build()
}

fn body<N: Shown>() -> utoipa::openapi::request_body::RequestBody {
    let content = ContentBuilder::new().schema(Some(reference::<N::Draft>())).build();
    RequestBodyBuilder::new().required(Some(Required::True)).content(JSON, content).build()
}

fn json(description: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    let content = ContentBuilder::new().schema(Some(schema)).build();
    ResponseBuilder::new().description(description).content(JSON, content)
}

fn tagged<N: Shown>(description: &str) -> ResponseBuilder {
    json(description, reference::<N>()).header("ETag", text("Version of the row"))
}

fn text(description: &str) -> utoipa::openapi::Header {
    HeaderBuilder::new()
        .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
        .description(Some(description))
        .build()
}

fn page<N: Shown>() -> ObjectBuilder {
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::Integer, Type::Null]))
        .description(Some("`after` of the next page; null on the last one"));
    ObjectBuilder::new()
        .property("items", ArrayBuilder::new().items(reference::<N>()))
        .required("items")
        .property("next", next)
        .required("next")
}
