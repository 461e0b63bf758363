//! Whatever a template is, it neither panics nor goes on for ever.

use proptest::prelude::*;
use pulse_gotmpl::{Limits, RenderError, Template, Value};

const LIMITS: Limits = Limits { output_bytes: 10_000, depth: 10, steps: 2_000 };

fn data() -> Value {
    Value::structure(
        "data",
        [
            ("A", "text".into()),
            ("B", 91.5.into()),
            ("C", Value::list([1.into(), "x".into(), Value::Nil])),
            ("D", Value::map([("k", Value::list([true.into()]))])),
        ],
    )
}

fn try_it(source: &str) {
    if let Ok(template) = Template::parse(source)
        && let Ok(output) = template.render(&data(), LIMITS)
    {
        assert!(output.len() <= LIMITS.output_bytes);
    }
}

/// Pieces that make sense next to each other more often than random text.
fn piece() -> impl Strategy<Value = String> {
    let pieces = [
        "{{",
        "}}",
        "{{-",
        " -}}",
        "if ",
        "else",
        "end",
        "range ",
        "with ",
        "define ",
        "template ",
        "block ",
        "break",
        "continue",
        ".A",
        ".B",
        ".C",
        ".D.k",
        ".",
        "$",
        "$x",
        " := ",
        " = ",
        ", ",
        " | ",
        "(",
        ")",
        "\"t\"",
        "`r`",
        "'c'",
        "printf ",
        "\"%5.2f%*d%q\"",
        "index ",
        "slice ",
        "len ",
        "print ",
        "html ",
        "js ",
        "and ",
        "or ",
        "not ",
        "eq ",
        "lt ",
        "1",
        "-1",
        "2.5",
        "99999999",
        "nil",
        "true",
        " ",
        "text",
        "/*",
        "*/",
        "{{end}}",
        "{{range 9}}",
        "{{if .A}}",
        "{{define \"t\"}}",
        "{{template \"t\" .}}",
        "é",
        "\n",
    ];
    prop_oneof![9 => proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned), 1 => ".{0,4}"]
}

proptest! {
    #[test]
    fn pieces_never_panic(pieces in proptest::collection::vec(piece(), 0..40)) {
        try_it(&pieces.concat());
    }

    #[test]
    fn text_never_panics(text in ".{0,200}") {
        try_it(&text);
        try_it(&format!("{{{{{text}}}}}"));
    }
}

fn ends_with(source: &str) -> RenderError {
    Template::parse(source).unwrap().render(&data(), LIMITS).unwrap_err()
}

#[test]
fn what_runs_away_is_stopped() {
    assert_eq!(
        ends_with(r#"{{define "t"}}{{template "t"}}{{template "t"}}{{end}}{{template "t"}}"#),
        RenderError::TooDeep(10)
    );
    assert_eq!(ends_with("{{range 9999999999}}{{end}}"), RenderError::TooSlow(2000));
    assert_eq!(
        ends_with("{{range 99}}{{range 99}}{{range 99}}{{end}}{{end}}{{end}}"),
        RenderError::TooSlow(2000)
    );
    assert_eq!(ends_with(r#"{{range 900}}{{$x := print "aaaa"}}{{end}}"#), RenderError::TooSlow(2000));
    assert_eq!(
        ends_with("{{range 400}}0123456789012345678901234567890{{end}}"),
        RenderError::TooLong(10_000)
    );
    // Doubling a text: 2^40 bytes if nobody counted.
    let doubling = r#"{{$x := "0123456789012345678901234567890123456789012345678901234567890123"}}{{range 40}}{{$x = print $x $x}}{{end}}"#;
    assert_eq!(ends_with(doubling), RenderError::TooSlow(2000));
    let deep = format!("{}1{}", "{{if ".to_owned() + &"(".repeat(5000), ")".repeat(5000) + "}}{{end}}");
    assert!(Template::parse(&deep).unwrap_err().message.contains("in each other"));
    assert!(Template::parse(&"{{if .A}}".repeat(5000)).unwrap_err().message.contains("in each other"));
    assert!(Template::parse(&"x".repeat(300_000)).unwrap_err().message.contains("longer than"));
    assert!(matches!(ends_with(r#"{{printf "%999999999d" 1}}"#), RenderError::Failed { .. }));
}

#[test]
fn errors_say_where() {
    let error = Template::parse("a\nb {{.A}}\n{{nosuch}}").unwrap_err();
    assert_eq!(error.to_string(), "template line 3: there is no function \"nosuch\"");
    let error = ends_with("a\n{{.Nope}}");
    assert_eq!(error.to_string(), "template line 2: data has no field Nope");
}
