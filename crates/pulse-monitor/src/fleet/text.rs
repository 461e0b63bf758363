//! Text from outside, made fit to be shown and logged.

/// The text without what no name has: characters that control a terminal or turn the direction of what follows. Cut to
/// `most` characters.
pub fn clean(text: &str, most: usize) -> String {
    let is_wanted = |c: &char| {
        !c.is_control()
            && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let text: String = text.trim().chars().filter(is_wanted).take(most).collect();
    text.trim().to_owned()
}

/// The same for a field of a report; copies nothing where there is nothing to mend.
pub(crate) fn tidy(text: &mut String, most: usize) {
    let is_plain = text.len() <= most && text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !is_plain || text.trim().len() != text.len() {
        *text = clean(text, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_what_could_fool_a_reader() {
        assert_eq!(clean(" nas\u{1b}[31m\n\u{202e}gnp.exe ", 100), "nas[31mgnp.exe");
        assert_eq!(clean("Büro-Gerät 3", 6), "Büro-G");
        let mut name = "  nas ".to_owned();
        tidy(&mut name, 253);
        assert_eq!(name, "nas");
    }
}
