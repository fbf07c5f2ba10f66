//! What the system's errors mean for the package, and their texts. Their names are in `sys/errno.rs`.

use std::io;

pub use super::sys::{Errno, no_buffers, no_interface, of_bind};

/// The system's text for an error, without the number that std appends, beginning with a small letter.
pub fn text(error: &io::Error) -> String {
    let mut text = clause(&error.to_string()).to_owned();
    lower_first(&mut text);
    text
}

/// The system's text as part of a sentence: without std's number, and without the full stop that Windows puts at its end.
fn clause(text: &str) -> &str {
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].trim_end_matches(|character: char| character == '.' || character.is_whitespace())
}

/// Makes the first letter a small one, since the text follows a colon. An abbreviation at the start stays as it is.
pub fn lower_first(text: &mut String) {
    if text.chars().nth(1).is_some_and(char::is_uppercase) {
        return;
    }
    if let Some(first) = text.get(..1) {
        let lower = first.to_lowercase();
        text.replace_range(..1, &lower);
    }
}

/// Whether the process or the system is out of descriptors or memory. If so, the arguments of the call are not at fault.
pub fn is_resource_shortage(error: &io::Error) -> bool {
    matches!(Errno::of(error), Errno::EMFILE | Errno::ENFILE | Errno::ENOBUFS | Errno::ENOMEM)
}

/// Whether the system does not support what it was asked for.
pub fn is_lacking(error: &io::Error) -> bool {
    matches!(Errno::of(error), Errno::ENOPROTOOPT | Errno::EOPNOTSUPP | Errno::ENOTSUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_text_has_no_number_and_begins_small() {
        assert_eq!(text(&io::Error::from_raw_os_error(libc::ECONNREFUSED)), "connection refused");
    }

    #[test]
    fn shortages_and_missing_options_are_told_apart_from_faults_of_arguments() {
        for kind in [io::ErrorKind::OutOfMemory, io::ErrorKind::Unsupported, io::ErrorKind::InvalidInput] {
            let error = io::Error::from(kind);
            assert_eq!(is_resource_shortage(&error), kind == io::ErrorKind::OutOfMemory, "{kind}");
            assert_eq!(is_lacking(&error), kind == io::ErrorKind::Unsupported, "{kind}");
        }
        assert!(is_resource_shortage(&no_buffers()));
    }

    #[test]
    fn a_system_s_sentence_has_no_full_stop() {
        for (said, shown) in [
            ("Connection refused (os error 111)", "Connection refused"),
            (
                "An attempt was made to access a socket in a way forbidden by its access permissions. (os error 10013)",
                "An attempt was made to access a socket in a way forbidden by its access permissions",
            ),
            ("The parameter is incorrect.\r\n (os error 87)", "The parameter is incorrect"),
            ("no number", "no number"),
            (
                "OS Error 4000 (FormatMessageW() returned error 317) (os error 4000)",
                "OS Error 4000 (FormatMessageW() returned error 317)",
            ),
            ("", ""),
        ] {
            assert_eq!(clause(said), shown);
        }
        for (said, shown) in
            [("Address in use", "address in use"), ("OS Error 4000", "OS Error 4000"), ("É", "É"), ("", "")]
        {
            let mut text = said.to_owned();
            lower_first(&mut text);
            assert_eq!(text, shown);
        }
    }
}
