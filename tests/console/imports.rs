//! The directory from files: what would change is looked at, applied and taken back; mistakes are told all at once.

use crate::browser::{Browser, CHINESE, Look};
use crate::hand::ENGLISH_PLAIN;
use crate::people::arrives;
use crate::stage::{Stage, story};
use serde_json::Value;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const HEAD: &str = "street,community,grid,group";
const PATH: &str = "湖滨街道,文园社区,第一网格,3号楼一组";

/// A workbook with one sheet, as Excel writes it.
fn workbook(sheet: &str, rows: &[&[&str]]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let of = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let relations = |id: &str, kind: &str, to: &str| {
        format!(
            "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"{id}\" Type=\"{of}/{kind}\" Target=\"{to}\"/></Relationships>"
        )
    };
    let cell = |text: &&str| format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let row = |row: &&[&str]| format!("<row>{}</row>", row.iter().map(cell).collect::<String>());
    let parts = [
        ("[Content_Types].xml", format!("<Types xmlns=\"{package}/content-types\"/>")),
        ("_rels/.rels", relations("r", "officeDocument", "xl/workbook.xml")),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{of}\"><sheets><sheet name=\"{sheet}\" sheetId=\"1\" r:id=\"r0\"/></sheets></workbook>"
            ),
        ),
        ("xl/_rels/workbook.xml.rels", relations("r0", "worksheet", "worksheets/sheet0.xml")),
        (
            "xl/worksheets/sheet0.xml",
            format!(
                "<worksheet xmlns=\"{main}\"><sheetData>{}</sheetData></worksheet>",
                rows.iter().map(row).collect::<String>()
            ),
        ),
    ];
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in parts {
        zip.start_file(name, SimpleFileOptions::default()).expect("begins");
        zip.write_all(text.as_bytes()).expect("is written");
    }
    zip.finish().expect("ends").into_inner()
}

async fn sends(browser: &Browser, stage: &Stage, files: &[(&str, Vec<u8>)]) {
    browser.goto(&stage.page("/directory/import")).await;
    let files: Vec<_> = files.iter().map(|(name, bytes)| stage.file(name, bytes)).collect();
    browser.attach("file", &files).await;
    browser.press("main button.main").await;
}

fn names(stage: &Stage, list: &str) -> Vec<String> {
    let rows = stage.get(&format!("/{list}&limit=200"))["items"].as_array().expect("rows").clone();
    rows.iter().map(|row| row["name"].as_str().unwrap_or_default().to_owned()).collect()
}

async fn tells_every_mistake(browser: &Browser, stage: &Stage, look: Look) {
    browser.goto(&stage.page("/directory/import")).await;
    browser.press("main button.main").await;
    browser.find("#file-error").await;
    let contacts = format!(
        "{HEAD},household,name,numbers\n{PATH},陈阿姨,女儿,110\n{PATH},没有这户,某人,13800001111\n{PATH},郑家,,5551234\n"
    );
    sends(browser, stage, &[("contacts.csv", contacts.into_bytes())]).await;
    browser.awaits(look.t("文件有误", "The file has mistakes"), look).await;
    let rows = browser.client.find_all(fantoccini::Locator::Css("main tbody tr")).await;
    assert_eq!(rows.expect("rows").len(), 3, "{}", browser.words_of("main").await);
    let nothing = look.t("没有改", "nothing was changed");
    browser.says(&[nothing], &[look.t("导入这些改动", "Import this")]).await;
    browser.is_looked_at("import-mistakes", look).await;
}

/// Two files at once: what would change stands row by row, and nothing does until it is confirmed.
async fn applies_and_undoes(browser: &Browser, stage: &Stage, look: Look) {
    let households = format!(
        "{HEAD},name,place,building,unit,floor,door,position\n{PATH},新住户,文园小区,3,1,6,601,10\n{PATH},郑家,文园小区,3,1,1,102,11\n"
    );
    let contacts = format!("{HEAD},household,name,numbers\n{PATH},新住户,小新,138 0000 2222\n");
    let files =
        [("households.csv", households.into_bytes()), ("contacts.csv", contacts.into_bytes())];
    sends(browser, stage, &files).await;
    browser.awaits(look.t("将要改动", "What would change"), look).await;
    browser.says(&["新住户", "郑家", "小新"], &[]).await;
    browser.find("main del").await;
    assert!(!names(stage, "households?group_id=1").contains(&"新住户".to_owned()));
    browser.is_looked_at("import-difference", look).await;
    browser.fill("reason", "六楼搬来一家").await;
    browser.press("form[action$='/apply'] button.main").await;
    browser.awaits(look.t("整体撤销", "undo all of it"), look).await;
    assert!(names(stage, "households?group_id=1").contains(&"新住户".to_owned()));
    browser.goto(&stage.page("/directory/import")).await;
    browser.says(&["六楼搬来一家", "王敏"], &[]).await;
    browser.press("form[action^='/directory/changes/'] button").await;
    browser.waits_for(look.t("已恢复", "Undone")).await;
    assert!(!names(stage, "households?group_id=1").contains(&"新住户".to_owned()));
    let door = |row: &Value| row["name"] == "郑家" && row["position"] == 8;
    let rows = stage.get("/households?group_id=1&limit=200")["items"].clone();
    assert!(rows.as_array().expect("rows").iter().any(door), "{rows}");
}

async fn takes_a_workbook(browser: &Browser, stage: &Stage, look: Look) {
    let head: Vec<&str> = HEAD.split(',').chain(["household", "name", "numbers"]).collect();
    let row: Vec<&str> = PATH.split(',').chain(["何家", "何小妹", "13800003333"]).collect();
    let book = workbook("联系人", &[&head, &row]);
    sends(browser, stage, &[("名单.xlsx", book.clone())]).await;
    browser.awaits(look.t("将要改动", "What would change"), look).await;
    browser.says(&["何小妹"], &[]).await;
    // Thrown away, it changes nothing.
    browser.press("form[action$='/discard'] button").await;
    browser.waits_for(look.t("没有导入", "Thrown away")).await;
    assert!(!names(stage, "contacts?household_id=10").contains(&"何小妹".to_owned()));
    sends(browser, stage, &[("名单.xlsx", book)]).await;
    browser.awaits(look.t("将要改动", "What would change"), look).await;
    browser.press("form[action$='/apply'] button.main").await;
    browser.awaits(look.t("整体撤销", "undo all of it"), look).await;
    assert!(names(stage, "contacts?household_id=10").contains(&"何小妹".to_owned()));
    let (status, kind, size) = browser.answer("/directory/export").await;
    assert_eq!((status, kind.as_str()), (200, "application/zip"));
    assert!(0 < size);
}

async fn imports(browser: &Browser, stage: &Stage, look: Look) {
    arrives(browser, stage, "admin").await;
    tells_every_mistake(browser, stage, look).await;
    applies_and_undoes(browser, stage, look).await;
    takes_a_workbook(browser, stage, look).await;
}

#[test]
fn an_admin_imports_files_and_takes_it_back() {
    story(CHINESE, async |browser, stage| imports(browser, stage, CHINESE).await);
}

#[test]
fn an_admin_imports_files_in_english_without_script() {
    story(ENGLISH_PLAIN, async |browser, stage| imports(browser, stage, ENGLISH_PLAIN).await);
}
