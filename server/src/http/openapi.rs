//! The description of the REST API, made from the code.

use axum::http::header;
use axum::response::IntoResponse;
use utoipa::OpenApi;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};

#[derive(OpenApi)]
#[openapi(info(
    title = "Tongke",
    description = "Live classrooms: timetable, terminals, recordings. People sign in by a cookie, devices by another.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Description;

/// The description as JSON.
#[must_use]
pub fn openapi_json() -> String {
    let (_, mut description) = super::router::api().split_for_parts();
    description.merge(Description::openapi());
    description.info = Description::openapi().info;
    name_operations(&mut description);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("`tongke token`"))
        .build();
    description
        .components
        .get_or_insert_default()
        .add_security_scheme("bearer", SecurityScheme::Http(bearer));
    description
        .to_pretty_json()
        .expect("the description is made of strings and maps")
}

/// Names each operation by its tag too: handlers of different resources have the same name, operations may not.
fn name_operations(description: &mut utoipa::openapi::OpenApi) {
    for item in description.paths.paths.values_mut() {
        let operations = [
            &mut item.get,
            &mut item.post,
            &mut item.delete,
            &mut item.put,
            &mut item.patch,
        ];
        for operation in operations.into_iter().flatten() {
            let tag = operation.tags.iter().flatten().next();
            if let (Some(tag), Some(id)) = (tag, &operation.operation_id) {
                operation.operation_id = Some(format!("{tag}_{id}"));
            }
        }
    }
}

/// Serves it.
pub(super) async fn serve() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], openapi_json())
}
