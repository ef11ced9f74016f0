//! The description of the API is committed; the web client's types are made from it.

#[test]
fn the_committed_description_is_the_code_s() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/openapi.json");
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed.trim_end() == server::http::openapi_json().trim_end(),
        "server/openapi.json is not what the code says; run: cargo run -p tongke-server -- openapi > server/openapi.json"
    );
}
