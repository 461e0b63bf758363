//! `tests/golden/golden.json` was written by Go's own text/template (`tests/golden/generate`).

use pulse_gotmpl::{Limits, Template, Value};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    template: String,
    output: String,
    #[serde(default)]
    fails: bool,
}

/// The same data as in `tests/golden/generate/main.go`.
fn data() -> Value {
    let alert = |id: &str, name: &str, value: f64, threshold: f64| {
        Value::structure(
            "main.alert",
            [
                ("ID", id.into()),
                ("ResourceName", name.into()),
                ("Value", value.into()),
                ("Threshold", threshold.into()),
            ],
        )
    };
    Value::structure(
        "main.data",
        [
            ("ID", "lab-100-cpu".into()),
            ("Level", "critical".into()),
            ("Type", "cpu".into()),
            ("ResourceName", "db \"one\" <é>".into()),
            ("Node", "pve1".into()),
            ("Message", "VM cpu at 91.5%".into()),
            ("Empty", "".into()),
            ("Value", 91.5.into()),
            ("Threshold", 80.0.into()),
            ("Whole", 91.0.into()),
            ("Big", 1234567.0.into()),
            ("Small", 0.00001234.into()),
            ("Negative", (-2.25).into()),
            ("Zero", 0.0.into()),
            ("Count", 3.into()),
            ("None", 0.into()),
            ("Acknowledged", true.into()),
            (
                "Metadata",
                Value::map([
                    ("resourceType", "VM".into()),
                    ("clearThreshold", 75.0.into()),
                    ("monitorOnly", false.into()),
                    ("nothing", Value::Nil),
                    ("nested", Value::map([("a", "x".into()), ("b", 2.0.into())])),
                    ("tags", Value::list(["prod".into(), "db".into()])),
                ]),
            ),
            ("CustomFields", Value::texts([("routing_key", "abc"), ("priority", "")])),
            ("EmptyMap", Value::map::<&str>([])),
            (
                "Alerts",
                Value::list([
                    alert("a1", "web", 50.5, 40.0),
                    alert("a2", "db", 91.0, 80.0),
                    alert("a3", "mail", 75.25, 70.0),
                ]),
            ),
            ("Names", Value::list(["x".into(), "y".into(), "z".into()])),
            ("NoNames", Value::list([])),
        ],
    )
}

#[test]
fn templates_render_as_in_go() {
    let goldens: Vec<Golden> = serde_json::from_str(include_str!("../golden/golden.json")).unwrap();
    let cases = include_str!("../golden/cases.txt").trim_end_matches('\n').split("\n====\n");
    assert!(cases.eq(goldens.iter().map(|golden| &*golden.template)), "run tests/golden/generate again");
    let data = data();
    let mut wrong = vec![];
    for golden in &goldens {
        let made = match Template::parse(&golden.template) {
            Ok(template) => template.render(&data, Limits::default()).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match made {
            Ok(output) if !golden.fails && output == golden.output => {}
            Err(_) if golden.fails => {}
            other => wrong.push(format!(
                "{}\n   Go:   {}\n   ours: {other:?}",
                golden.template,
                if golden.fails { "fails".to_owned() } else { format!("{:?}", golden.output) }
            )),
        }
    }
    assert!(goldens.len() > 150 && wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
