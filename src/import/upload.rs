//! The files of an import as they are sent: CSV files, a ZIP of them, or an XLSX workbook with a sheet for each.
//!
//! What comes in is not trusted: its size is bounded, unpacked as well, and nothing is written to disk.

use super::table::Noun;
use calamine::{DataRef, Reader, Xlsx, XlsxCellReader};
use encoding_rs::GB18030;
use std::io::{Cursor, Read};
use zip::ZipArchive;

/// Bytes that are taken in.
pub const UPLOAD_MAX: usize = 16 * 1024 * 1024;
/// Bytes of all files when they are unpacked.
const UNPACKED_MAX: u64 = 128 * 1024 * 1024;
/// Rows of a sheet, as Excel has it.
const ROWS_MAX: u32 = 1_048_576;
/// Columns of a sheet that are looked at, far more than any file has.
const COLUMNS_MAX: usize = 64;
/// What makes a ZIP a workbook.
const WORKBOOK: &str = "xl/workbook.xml";
/// How a ZIP begins.
const ZIP: &[u8] = b"PK";
/// How a workbook of an older Excel begins, and one with a password.
const OLE: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];
/// Stands for a cell that Excel takes for a date: what was typed is lost.
pub(super) const DATE_MARK: char = '\u{1}';
/// Stands for a cell whose formula failed.
pub(super) const FORMULA_MARK: char = '\u{2}';

/// A file of an import.
pub type ImportFile = (Noun, Vec<u8>);
/// A file as it was sent: its name, which may be empty, and what is in it.
pub type SentFile = (String, Vec<u8>);

/// Why what was sent is no import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UploadError {
    /// A ZIP or workbook that is damaged.
    #[error("a ZIP or workbook is damaged")]
    Damaged,
    /// The workbook of an older Excel, or one with a password.
    #[error("the workbook is of an older Excel or has a password")]
    OldWorkbook,
    /// It is larger than is taken in.
    #[error("more than {UNPACKED_MAX} bytes when unpacked")]
    TooLarge,
    /// A file or all sheets have names that we do not know.
    #[error("none of the files or sheets is one of an import")]
    NoFiles,
    /// Two files or sheets are the same table.
    #[error("two files or sheets are {}", .0.file())]
    Twice(Noun),
}

/// What was found so far, and how much more may come.
struct Found {
    files: Vec<ImportFile>,
    left: u64,
}

/// Unpacks what was sent.
///
/// # Errors
/// When it cannot be read, is too large, or has no file of an import.
pub fn unpack(sent: &[SentFile]) -> Result<Vec<ImportFile>, UploadError> {
    let mut found = Found { files: Vec::new(), left: UNPACKED_MAX };
    for (name, bytes) in sent {
        if bytes.starts_with(OLE) {
            return Err(UploadError::OldWorkbook);
        } else if bytes.starts_with(ZIP) {
            found.take_archive(bytes)?;
        } else {
            let noun = noun_of(name).ok_or(UploadError::NoFiles)?;
            found.spend(bytes.len())?;
            found.put(noun, bytes.clone())?;
        }
    }
    if found.files.is_empty() { Err(UploadError::NoFiles) } else { Ok(found.files) }
}

impl Found {
    fn spend(&mut self, bytes: usize) -> Result<(), UploadError> {
        let left = self.left.checked_sub(bytes.try_into().unwrap_or(u64::MAX));
        self.left = left.ok_or(UploadError::TooLarge)?;
        Ok(())
    }

    fn put(&mut self, noun: Noun, text: Vec<u8>) -> Result<(), UploadError> {
        if self.files.iter().any(|(known, _)| *known == noun) {
            return Err(UploadError::Twice(noun));
        }
        self.files.push((noun, text));
        Ok(())
    }

    fn take_archive(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| UploadError::Damaged)?;
        if archive.index_for_name(WORKBOOK).is_some() {
            check_unpacked(&mut archive)?;
            // The reader panics where a sheet names a row or a column beyond all numbers.
            let taking = std::panic::AssertUnwindSafe(|| self.take_sheets(bytes));
            std::panic::catch_unwind(taking).unwrap_or(Err(UploadError::Damaged))
        } else {
            self.take_csv_files(&mut archive)
        }
    }

    fn take_csv_files(
        &mut self,
        archive: &mut ZipArchive<Cursor<&[u8]>>,
    ) -> Result<(), UploadError> {
        for index in 0..archive.len() {
            let part = archive.by_index(index).map_err(|_| UploadError::Damaged)?;
            // Windows in China writes names in GBK and does not say so.
            let gbk = GB18030.decode_without_bom_handling(part.name_raw()).0.into_owned();
            let name = part.name().map_err(|_| UploadError::Damaged)?.into_owned();
            let Some(noun) = noun_of(&name).or_else(|| noun_of(&gbk)) else { continue };
            let mut text = Vec::new();
            let read = part.take(self.left + 1).read_to_end(&mut text);
            read.map_err(|_| UploadError::Damaged)?;
            self.spend(text.len())?;
            self.put(noun, text)?;
        }
        Ok(())
    }

    fn take_sheets(&mut self, bytes: &[u8]) -> Result<(), UploadError> {
        let book: Result<Xlsx<_>, _> = Xlsx::new(Cursor::new(bytes));
        let mut book = book.map_err(|_| UploadError::Damaged)?;
        for name in book.sheet_names() {
            let Some(noun) = noun_of(&name) else { continue };
            let cells = book.worksheet_cells_reader(&name).map_err(|_| UploadError::Damaged)?;
            let text = read_sheet(cells, self.left)?;
            self.spend(text.len())?;
            self.put(noun, text)?;
        }
        Ok(())
    }
}

/// Reads every part once, so that none is larger than it claims before a reader without bounds gets it.
fn check_unpacked(archive: &mut ZipArchive<Cursor<&[u8]>>) -> Result<(), UploadError> {
    let mut left = UNPACKED_MAX;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|_| UploadError::Damaged)?;
        let read = std::io::copy(&mut part.take(left + 1), &mut std::io::sink());
        let read = read.map_err(|_| UploadError::Damaged)?;
        left = left.checked_sub(read).ok_or(UploadError::TooLarge)?;
    }
    Ok(())
}

/// A sheet on its way to CSV, a row at a time: a sheet of one cell far out must not become a table as wide and long.
#[derive(Default)]
struct Sheet {
    text: Vec<u8>,
    cells: Vec<String>,
    /// Bytes of the cells of this row.
    held: usize,
    /// The row that is being read, from 0.
    row: u32,
    /// Columns of the header.
    width: Option<usize>,
}

fn read_sheet<R: Read + std::io::Seek>(
    mut cells: XlsxCellReader<'_, R>,
    left: u64,
) -> Result<Vec<u8>, UploadError> {
    let left = usize::try_from(left).unwrap_or(usize::MAX);
    let mut sheet = Sheet::default();
    while let Some(cell) = cells.next_cell().map_err(|_| UploadError::Damaged)? {
        let (row, column) = cell.get_position();
        if ROWS_MAX < row || left < sheet.text.len().saturating_add(sheet.held) {
            return Err(UploadError::TooLarge);
        }
        if row < sheet.row {
            return Err(UploadError::Damaged);
        }
        while sheet.row < row {
            sheet.end_row();
        }
        sheet.put(usize::try_from(column).unwrap_or(usize::MAX), text_of(cell.get_value()));
    }
    sheet.end_row();
    Ok(sheet.text)
}

impl Sheet {
    fn put(&mut self, column: usize, text: String) {
        if text.is_empty() {
            return;
        }
        // What stands far out is wrong wherever it stands.
        let column = column.min(COLUMNS_MAX);
        if self.cells.len() <= column {
            self.cells.resize(column + 1, String::new());
        }
        self.held += text.len();
        if let Some(cell) = self.cells.get_mut(column) {
            *cell = text;
        }
    }

    /// One row is one line, empty ones too, so that a problem names the row that Excel shows.
    fn end_row(&mut self) {
        self.row += 1;
        let mut cells = std::mem::take(&mut self.cells);
        self.held = 0;
        if !cells.is_empty() {
            let width = *self.width.get_or_insert(cells.len());
            if cells.len() < width {
                cells.resize(width, String::new());
            }
            let quoted = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
            self.text.extend_from_slice(quoted.collect::<Vec<_>>().join(",").as_bytes());
        } else if self.width.is_some() {
            // A line that is quite empty would not be counted.
            self.text.extend_from_slice(b"\"\"");
        }
        self.text.push(b'\n');
    }
}

/// A cell as people see it: a number without a fraction has none, so that a telephone number stays one.
fn text_of(cell: &DataRef<'_>) -> String {
    let text = match cell {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
            format!("{number:.0}")
        }
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(is) => is.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::DateTime(_) | DataRef::DateTimeIso(_) | DataRef::DurationIso(_) => {
            DATE_MARK.to_string()
        }
        DataRef::Error(_) => FORMULA_MARK.to_string(),
    };
    text.replace(['\r', '\n'], " ").trim().to_owned()
}

/// The noun of a file or a sheet: `streets.csv`, `streets` or `街道`.
fn noun_of(name: &str) -> Option<Noun> {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let end = name.len().saturating_sub(4);
    let stem = match (name.get(..end), name.get(end..)) {
        (Some(stem), Some(end)) if end.eq_ignore_ascii_case(".csv") => stem,
        (_, _) => name,
    };
    Noun::ALL.into_iter().find(|noun| {
        let file = noun.file();
        file.strip_suffix(".csv").is_some_and(|file| file.eq_ignore_ascii_case(stem))
            || noun.chinese() == stem
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    /// A workbook with one sheet of every kind of cell, part by part.
    fn parts() -> Vec<(&'static str, Vec<u8>)> {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let of = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006";
        let relation = |id, kind, to| {
            format!("<Relationship Id=\"{id}\" Type=\"{of}/{kind}\" Target=\"{to}\"/>")
        };
        let related = [
            relation("r0", "worksheet", "worksheets/sheet0.xml"),
            relation("s", "styles", "styles.xml"),
            relation("t", "sharedStrings", "sharedStrings.xml"),
        ];
        let cells = "<c r=\"A1\" t=\"inlineStr\"><is><t>name</t></is></c><c r=\"B1\" t=\"s\"><v>0</v></c></row>\
             <row r=\"2\"><c r=\"A2\"><v>5551502</v></c><c r=\"B2\" s=\"1\"><v>46000</v></c>\
             <c r=\"C2\" t=\"b\"><v>1</v></c><c r=\"D2\" t=\"e\"><v>#REF!</v></c></row>";
        let texts = [
            ("[Content_Types].xml", format!("<Types xmlns=\"{package}/content-types\"/>")),
            (
                "_rels/.rels",
                format!(
                    "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"r\" Type=\"{of}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
                ),
            ),
            (
                WORKBOOK,
                format!(
                    "<workbook xmlns=\"{main}\" xmlns:r=\"{of}\"><sheets><sheet name=\"streets\" sheetId=\"1\" r:id=\"r0\"/></sheets></workbook>"
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    "<Relationships xmlns=\"{package}/relationships\">{}</Relationships>",
                    related.concat()
                ),
            ),
            (
                "xl/styles.xml",
                format!(
                    "<styleSheet xmlns=\"{main}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/></cellXfs></styleSheet>"
                ),
            ),
            (
                "xl/sharedStrings.xml",
                format!("<sst xmlns=\"{main}\"><si><t>湖滨街道</t></si></sst>"),
            ),
            (
                "xl/worksheets/sheet0.xml",
                format!(
                    "<worksheet xmlns=\"{main}\"><sheetData><row r=\"1\">{cells}</sheetData></worksheet>"
                ),
            ),
        ];
        texts.map(|(name, text)| (name, text.into_bytes())).into()
    }

    fn zipped(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in parts {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(bytes).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    fn read(bytes: Vec<u8>) -> Result<Vec<ImportFile>, UploadError> {
        unpack(&[("sent".to_owned(), bytes)])
    }

    /// Writes something over a place, or takes out what stands there.
    fn spoil(bytes: &mut Vec<u8>, (place, len, new): (usize, usize, Vec<u8>)) {
        let from = place % (bytes.len() + 1);
        let to = from.saturating_add(len).min(bytes.len());
        bytes.splice(from..to, new);
    }

    fn damage() -> impl Strategy<Value = (usize, usize, Vec<u8>)> {
        let words =
            ["<", ">", "\"", "&#0;", "99999999999999999999", "-1", "ZZZ1", "A0", "<row>", "]]>"];
        let new = prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..6),
            proptest::sample::select(words.to_vec()).prop_map(|word| word.as_bytes().to_vec()),
        ];
        (any::<usize>(), 0..12_usize, new)
    }

    #[test]
    fn the_workbook_that_is_damaged_here_can_be_read() {
        let book = Xlsx::new(Cursor::new(zipped(&parts()))).map(|book: Xlsx<_>| book.sheet_names());
        assert_eq!(book.unwrap(), ["streets"]);
        let files = read(zipped(&parts())).unwrap();
        let [(noun, text)] = files.as_slice() else { panic!("{files:?}") };
        assert_eq!(noun.file(), "streets.csv");
        let text = String::from_utf8(text.clone()).unwrap();
        assert_eq!(text, "\"name\",\"湖滨街道\"\n\"5551502\",\"\u{1}\",\"true\",\"\u{2}\"\n");
    }

    #[test]
    fn a_workbook_with_a_cell_beyond_all_numbers_is_refused() {
        for cell in ["A99999999999999999999", "ZZZZZZZZZZZZ1"] {
            let mut parts = parts();
            let sheet = parts.len() - 1;
            let text = String::from_utf8(parts[sheet].1.clone()).unwrap();
            parts[sheet].1 = text.replace("\"A2\"", &format!("\"{cell}\"")).into_bytes();
            assert!(matches!(read(zipped(&parts)), Err(UploadError::Damaged)), "{cell}");
        }
    }

    #[test]
    fn a_workbook_that_unpacks_to_too_much_is_refused() {
        let mut parts = parts();
        let sheet = parts.len() - 1;
        // Blanks are packed to a thousandth.
        let blanks = usize::try_from(UNPACKED_MAX).unwrap() + 1;
        parts[sheet].1.resize(blanks, b' ');
        let bytes = zipped(&parts);
        assert!(bytes.len() < 1024 * 1024, "{}", bytes.len());
        assert!(matches!(read(bytes), Err(UploadError::TooLarge)));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

        #[test]
        fn whatever_stands_in_a_workbook_is_read_or_refused(
            part in 0..7_usize,
            damages in proptest::collection::vec(damage(), 1..4),
        ) {
            let mut parts = parts();
            for damage in damages {
                spoil(&mut parts[part].1, damage);
            }
            drop(read(zipped(&parts)));
        }

        #[test]
        fn a_damaged_archive_is_read_or_refused(
            damages in proptest::collection::vec(damage(), 1..6),
        ) {
            let mut bytes = zipped(&parts());
            for damage in damages {
                spoil(&mut bytes, damage);
            }
            drop(read(bytes));
        }
    }
}
