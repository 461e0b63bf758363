//! Partial changes of the settings, whole settings, `.env`.

use pulse_config::{DotEnv, MockConfig, Settings, SystemSettings, schema::system::environment::Overrides};
use serde_json::{Map, Value};

/// Whatever the bytes are: a refused change changes nothing, and what was taken is read back.
pub fn run(bytes: &[u8]) {
    if let Ok(Value::Object(patch)) = serde_json::from_slice::<Value>(bytes) {
        let before = SystemSettings::default();
        let mut after = before.clone();
        match after.apply(&patch) {
            Err(_) => assert_eq!(after, before, "a refused change changed something"),
            Ok(()) => read_back(&after),
        }
        let mut mock = MockConfig::default();
        if mock.apply(&patch).is_err() {
            assert_eq!(mock, MockConfig::default());
        }
    }
    let text = String::from_utf8_lossy(bytes);
    let (variables, broken) = DotEnv::parse(&text);
    assert!(broken.iter().all(|line| *line >= 1));
    let _ = Settings::load(&variables);
    let _ = Overrides::load(&variables);
    let _ = MockConfig::load(&variables);
}

/// What was taken is the same after it was written and read.
fn read_back(settings: &SystemSettings) {
    let text = serde_json::to_string(settings).expect("settings are JSON");
    let kept: Map<String, Value> = serde_json::from_str(&text).expect("an object");
    let mut again = SystemSettings::default();
    again.apply(&kept).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(&again, settings, "{text}");
}
