//! Texts of others (the program, a peer, a file) as a message may quote them: cut to a sensible length, and without characters that
//! act on a terminal or a log. Does not put quotation marks around them.

/// The most characters of an argument that a message shows: more than any address has.
const SHOWN: usize = 64;
/// The most characters that a message shows of a sentence that is not ours: of a Blob's error, of rustls, of a file system.
const SENTENCE: usize = 200;

/// The beginning of an argument. An error keeps no more of it, and shows it by `{:?}`, which escapes what cannot be printed.
pub fn beginning(text: &str) -> String {
    cut(text, SHOWN)
}

/// The beginning of an argument, for a sentence that has no quotation marks around it.
pub fn plain(text: &str) -> String {
    escape(&beginning(text))
}

/// The beginning of a sentence that is not ours.
pub fn sentence(text: &str) -> String {
    escape(&cut(text, SENTENCE))
}

/// At most `most` characters; a longer text ends in an ellipsis.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Escapes what cannot be printed. Quotation marks and backslashes stay, since nothing stands around the text.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' => escaped.push(character),
            _ => escaped.extend(character.escape_debug()),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(beginning("127.0.0.1"), "127.0.0.1");
        assert_eq!(beginning(&"ü".repeat(64)), "ü".repeat(64));
        assert_eq!(beginning(&"ü".repeat(65)), format!("{}…", "ü".repeat(64)));
        assert_eq!(sentence(&"x".repeat(10_000_000)).chars().count(), SENTENCE + 1);
    }

    #[test]
    fn what_cannot_be_printed_is_escaped() {
        assert_eq!(plain("a\r\n\u{1b}[31m\u{202e}\u{85}"), "a\\r\\n\\u{1b}[31m\\u{202e}\\u{85}");
        assert_eq!(sentence("it's \"so\" in C:\\"), "it's \"so\" in C:\\");
        assert_eq!(format!("{:?}", beginning("\0\u{1b}")), "\"\\0\\u{1b}\"");
    }
}
