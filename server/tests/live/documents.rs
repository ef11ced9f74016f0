//! docs/METRICS.md describes what `/metrics` has, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use server::metrics::Description;

use crate::server_under_test::{Data, Server};

const METRICS: &str = include_str!("../../../docs/METRICS.md");

/// Labels by metric.
type Names = BTreeMap<String, BTreeSet<String>>;

fn words_in_backticks(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The metrics a page describes: rows of tables that begin with `name` or `name{labels}`. Where labels have a column of their
/// own, it is the third.
fn described(page: &str) -> Names {
    let mut names = Names::new();
    for row in page.lines().filter(|line| line.starts_with("| `tongke_")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        for name in words_in_backticks(cells[0]) {
            let (name, labels) = name.split_once('{').unwrap_or((name, ""));
            let mut labels: BTreeSet<String> = labels
                .trim_end_matches('}')
                .split(',')
                .filter(|label| !label.is_empty())
                .map(ToOwned::to_owned)
                .collect();
            if cells.len() > 2 {
                labels.extend(words_in_backticks(cells[2]).next().map(ToOwned::to_owned));
            }
            let twice = names.insert(name.to_owned(), labels);
            assert!(twice.is_none(), "{name} is described twice");
        }
    }
    names
}

/// The metrics of a Prometheus text, with the labels that are shown.
fn shown(text: &str) -> Names {
    let mut names: Names = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .map(|name| (name.to_owned(), BTreeSet::new()))
        .collect();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((name, rest)) = line.split_once('{')
            && let Some(labels) = names.get_mut(name)
        {
            let quoted = rest.split('"').step_by(2);
            labels.extend(quoted.filter_map(|part| {
                let label = part.strip_suffix('=')?.trim_start_matches(',');
                Some(label.to_owned())
            }));
        }
    }
    names
}

fn declared(descriptions: &[Description]) -> Names {
    let named = |one: &Description| (one.name.clone(), one.labels.iter().cloned().collect());
    descriptions.iter().map(named).collect()
}

#[tokio::test]
async fn every_metric_is_described_and_nothing_else() {
    let data = Data::new();
    let server = Server::start(&data).await;
    let text = server.rooms.metrics_text();
    server.stop().await;
    // What has labels is shown only once it was counted: what is declared says the whole.
    let http = server::metrics::Metrics::new().expect("its table is right");
    let rooms = server::rooms::Metrics::new().expect("its table is right");
    let mut code = declared(http.descriptions());
    code.extend(declared(rooms.descriptions()));
    let of_engine = |name: &String| name.starts_with("tongke_sfu_");
    let engine = shown(&text).into_iter().filter(|(name, _)| of_engine(name));
    code.extend(engine);
    for name in shown(&text).into_keys() {
        assert!(code.contains_key(&name), "{name} is shown and not declared");
    }
    assert!(code.keys().any(of_engine), "the engine's are there");
    let page = described(METRICS);
    for (name, labels) in &code {
        let written = page.get(name);
        assert_eq!(written, Some(labels), "docs/METRICS.md on {name}");
    }
    for name in page.keys() {
        assert!(
            code.contains_key(name),
            "docs/METRICS.md describes {name}, which is not there"
        );
    }
}

#[test]
fn labels_are_read_of_a_text_and_of_a_page() {
    let text = "# TYPE a counter\na{x=\"1\",y=\"p{q\"} 2\n# TYPE b gauge\nb 1\n";
    let names = shown(text);
    assert_eq!(names["a"], BTreeSet::from(["x".to_owned(), "y".to_owned()]));
    assert!(names["b"].is_empty());
    let page = "| `tongke_a{x,y}`, `tongke_b` | what |\n| `tongke_c` | counter | `z`: `1`, `2` | what |\n";
    let names = described(page);
    assert_eq!(names.len(), 3);
    assert_eq!(names["tongke_a"].len(), 2);
    assert_eq!(names["tongke_c"], BTreeSet::from(["z".to_owned()]));
}
