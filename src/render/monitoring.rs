//! What Prometheus and Grafana load. The same for every worker: their metrics say which one it is.

use super::File;

const RULES: &str = include_str!("templates/prometheus.yml");
const DASHBOARD: &str = include_str!("templates/grafana.json");

/// Alert rules.
pub fn prometheus() -> File {
    File { name: "bootstrap-rules.yml".to_owned(), text: RULES.to_owned() }
}

/// A dashboard.
pub fn grafana() -> File {
    File { name: "bootstrap-dashboard.json".to_owned(), text: DASHBOARD.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::health::metrics::{Kind, TABLE};

    /// Metrics that a text names.
    fn named(text: &str) -> BTreeSet<&str> {
        let words = text.split(|c: char| c != '_' && !c.is_ascii_lowercase());
        words.filter(|word| word.starts_with("bootstrap_")).collect()
    }

    #[test]
    fn rules_and_dashboard_name_metrics_that_there_are() {
        let mut known: BTreeSet<_> = TABLE.iter().map(|row| row.name.to_owned()).collect();
        for row in TABLE.iter().filter(|row| row.kind == Kind::Histogram) {
            known.extend(["bucket", "sum", "count"].map(|part| format!("{}_{part}", row.name)));
        }
        for text in [RULES, DASHBOARD] {
            let unknown: Vec<_> = named(text).into_iter().filter(|name| !known.contains(*name)).collect();
            assert!(unknown.is_empty() && named(text).len() > 5, "{unknown:?}");
        }
        // What nobody looks at is not worth its row.
        let shown = named(DASHBOARD);
        let is_shown = |name: &str| shown.iter().any(|shown| shown.starts_with(name)) || RULES.contains(name);
        let unseen: Vec<_> = TABLE.iter().map(|row| row.name).filter(|name| !is_shown(name)).collect();
        assert_eq!(unseen, ["bootstrap_alerts_total"]);
    }

    #[test]
    fn a_condition_that_holds_is_red() {
        let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
        let panels = dashboard["panels"].as_array().unwrap();
        let panel = panels.iter().find(|panel| panel.to_string().contains("bootstrap_alert_active")).unwrap();
        let defaults = &panel["fieldConfig"]["defaults"];
        let options = &defaults["mappings"][0]["options"];
        assert_eq!([&options["0"]["color"], &options["1"]["color"]], ["green", "red"]);
        let steps = defaults["thresholds"]["steps"].as_array().unwrap();
        assert_eq!(steps.iter().map(|step| &step["color"]).collect::<Vec<_>>(), ["green", "red"]);
    }

    #[test]
    fn the_dashboard_is_json_whose_panels_do_not_overlap() {
        let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
        let mut cells = BTreeSet::new();
        for panel in dashboard["panels"].as_array().unwrap() {
            let at = |side: &str| panel["gridPos"][side].as_u64().unwrap();
            for (x, y) in (0..at("w")).flat_map(|x| (0..at("h")).map(move |y| (x, y))) {
                assert!(cells.insert((at("x") + x, at("y") + y)), "{panel}");
            }
            assert!(at("x") + at("w") <= 24, "{panel}");
        }
    }
}
