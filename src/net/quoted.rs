//! Prepares texts of others (the program, a peer, a file) to be quoted in a message. They are cut to a sensible length, and characters that
//! act on a terminal or a log are escaped. This file does not add quotation marks.

/// The most characters of an argument that a message shows. No address has that many.
const SHOWN: usize = 64;
/// The longest part, in characters, of another component's error text (a Blob, rustls, a file system) that a message quotes.
const SENTENCE: usize = 200;

/// The beginning of an argument. An error keeps only this part, and shows it by `{:?}`, which escapes characters that cannot be printed.
pub fn beginning(text: &str) -> String {
    cut(text, SHOWN)
}

/// The beginning of an argument, for a sentence in which it has no quotation marks around it.
pub fn plain(text: &str) -> String {
    escape(&beginning(text))
}

/// The beginning of a sentence from elsewhere.
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

/// Escapes characters that cannot be printed. Quotation marks and backslashes stay, since the text has no quotation marks around it.
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
