//! The pooled case: small harm everywhere is seen together where no cell shows it.

use crate::repository::Repository;

const N: usize = 500;
const CELLS: usize = 20;

fn pooled(gate: &str) -> Repository {
    let gate = format!("margin = 0.02\n{gate}");
    let repository = Repository::table(N, CELLS, &gate, "");
    repository.write("robustness-specs/suite.toml", "[family]\ncapacity = 40\n");
    repository.wrong(N, &vec![(0..50).collect(); CELLS]);
    repository
}

/// Five in a hundred rows more are wrong in each cell, other rows in each.
fn harm_everywhere(repository: &Repository) {
    let cells: Vec<Vec<usize>> = (0..CELLS)
        .map(|cell| {
            let more = (0..15).map(|row| 50 + (row * 29 + cell * 17) % 450);
            (0..50).chain(more).collect()
        })
        .collect();
    repository.wrong(N, &cells);
}

#[test]
fn harm_in_every_cell_fails_the_pooled_case_alone() {
    let repository = pooled("pooled = true");
    repository.bless_all();
    assert_eq!(repository.test(&[]).code, 0);
    harm_everywhere(&repository);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict("table::pooled"), "regressed");
    // 500 rows, 20 cells: the mean over all.
    let record = repository.record("table::pooled");
    assert_eq!(record["examples"], 500);
    assert!((record["metrics"][0]["value"].as_f64().unwrap() - 0.87).abs() < 1e-9);
    // Half of what 20 cells would take at .05 / 40 each.
    let evidence = record["metrics"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("at alpha 0.0125,"), "{evidence}");
    let cell = repository.record("table::custom::cell::cell_3");
    let evidence = cell["metrics"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("at alpha 0.0006"), "{evidence}");
    let blessed = repository.steadfast(&["bless", "table::pooled", "--reason", "on purpose"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert_eq!(repository.test(&["--exact", "table::pooled"]).code, 0);
}

#[test]
fn it_spends_no_more_than_the_cells_would() {
    let apart = pooled("");
    let together = pooled("pooled = true");
    let spent = |repository: &Repository| {
        let text = repository.steadfast(&["status"]).stdout;
        let line = text.lines().find(|line| line.starts_with("error budget"));
        line.unwrap().split("spending ").nth(1).unwrap()[..8].to_owned()
    };
    assert_eq!(spent(&apart), "0.050000");
    assert_eq!(spent(&together), "0.050000");
}

#[test]
fn alone_and_in_company_it_is_the_same() {
    let repository = pooled("pooled = true");
    repository.bless_all();
    harm_everywhere(&repository);
    repository.test(&[]);
    let company = repository.record("table::pooled");
    repository.test(&["--exact", "table::pooled"]);
    let alone = repository.record("table::pooled");
    for key in ["columns", "metrics", "verdict", "message"] {
        assert_eq!(company[key], alone[key], "{key}");
    }
}
