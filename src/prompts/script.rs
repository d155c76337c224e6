//! The list of everything that has to be recorded: for `prompts/make.sh` and for people who read it out.

use lianfang_domain::directory::Language;
use lianfang_domain::words::Clip;
use std::fmt::Write;

/// One recording of a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The language.
    pub language: Language,
    /// The file is `<tag of the language>/<stem>.wav`.
    pub stem: String,
    /// The words, as a person reads them; empty for the tone.
    pub text: String,
    /// The words, as espeak-ng reads them; empty for the tone.
    pub script: String,
}

/// Every recording that a language must have, for all languages.
pub fn scripts() -> impl Iterator<Item = Script> {
    Language::ALL.into_iter().flat_map(|language| {
        Clip::all_fixed().into_iter().map(move |clip| Script {
            language,
            stem: clip.file_stem(),
            text: clip.text(language),
            script: clip.script(language),
        })
    })
}

/// The same as lines of four fields with tabs between: language, stem, text, script. It is `prompts/scripts.tsv`.
#[must_use]
pub fn scripts_tsv() -> String {
    let mut lines = String::new();
    for Script { language, stem, text, script } in scripts() {
        // Writing to a String does not fail.
        let _ = writeln!(lines, "{}\t{stem}\t{text}\t{script}", language.tag());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_list_in_the_repository_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("prompts/scripts.tsv");
        let wanted = scripts_tsv();
        if std::env::var_os("LIANFANG_WRITE_SCRIPTS").is_some() {
            std::fs::write(&path, &wanted).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap();
        assert!(
            found == wanted,
            "prompts/scripts.tsv is not current: run this test with LIANFANG_WRITE_SCRIPTS=1, remove the files \
             whose words changed, run prompts/make.sh"
        );
    }

    #[test]
    fn no_field_breaks_its_line() {
        for script in scripts() {
            for field in [&script.stem, &script.text, &script.script] {
                assert!(!field.contains(['\t', '\n']), "{script:?}");
            }
        }
    }
}
