//! Files that come in: shown, applied as a whole or not at all, and taken back as one.

use super::{Api, Client, Reply};
use axum::body::Body;
use axum::http::Method;
use lianfang::store::accounts::Role;
use lianfang::store::reach::Reach;
use lianfang::store::tokens::Scope;
use lianfang_domain::id::{CommunityId, GridId};
use serde_json::{Value, json};
use std::io::{Cursor, Read, Write};
use std::time::Duration;
use zip::write::SimpleFileOptions;

const WAIT: Duration = Duration::from_secs(60);
const PATH: &str = "筼筜街道,文园社区,1,3-1";

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        archive.start_file(*name, SimpleFileOptions::default()).expect("starts");
        archive.write_all(bytes).expect("writes");
    }
    archive.finish().expect("ends").into_inner()
}

fn unzip(bytes: &[u8]) -> Vec<(String, String)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a ZIP");
    let count = archive.len();
    let file = |index| {
        let mut file = archive.by_index(index).expect("a file");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("text");
        (file.name().expect("a name").into_owned(), text)
    };
    (0..count).map(file).collect()
}

/// A cell of a sheet.
enum Cell<'a> {
    Text(&'a str),
    Number(&'a str),
    /// Days since 1900, shown as a date.
    Date(&'a str),
    Failed,
}

fn sheet(rows: &[(u32, Vec<Cell<'_>>)]) -> String {
    let cell = |row: &u32, (column, cell): (u8, &Cell<'_>)| {
        let at = format!("{}{row}", char::from(b'A' + column));
        match cell {
            Cell::Text(text) => format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>"),
            Cell::Number(number) => format!("<c r=\"{at}\"><v>{number}</v></c>"),
            Cell::Date(days) => format!("<c r=\"{at}\" s=\"1\"><v>{days}</v></c>"),
            Cell::Failed => format!("<c r=\"{at}\" t=\"e\"><v>#REF!</v></c>"),
        }
    };
    let row = |(row, cells): &(u32, Vec<Cell<'_>>)| {
        let cells: String = (0..).zip(cells).map(|one| cell(row, one)).collect();
        format!("<row r=\"{row}\">{cells}</row>")
    };
    let rows: String = rows.iter().map(row).collect();
    format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
    )
}

/// A workbook as Excel writes it, with these sheets.
fn workbook(sheets: &[(&str, String)]) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let of = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006";
    let mut named = String::new();
    let mut related =
        format!("<Relationship Id=\"s\" Type=\"{of}/styles\" Target=\"styles.xml\"/>");
    for (at, (name, _)) in sheets.iter().enumerate() {
        named += &format!("<sheet name=\"{name}\" sheetId=\"{}\" r:id=\"r{at}\"/>", at + 1);
        related += &format!(
            "<Relationship Id=\"r{at}\" Type=\"{of}/worksheet\" Target=\"worksheets/sheet{at}.xml\"/>"
        );
    }
    let mut parts = vec![
        (
            "[Content_Types].xml".to_owned(),
            format!(
                "<Types xmlns=\"{package}/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"
            ),
        ),
        (
            "_rels/.rels".to_owned(),
            format!(
                "<Relationships xmlns=\"{package}/relationships\"><Relationship Id=\"r\" Type=\"{of}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml".to_owned(),
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{of}\"><sheets>{named}</sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels".to_owned(),
            format!("<Relationships xmlns=\"{package}/relationships\">{related}</Relationships>"),
        ),
        (
            "xl/styles.xml".to_owned(),
            format!(
                "<styleSheet xmlns=\"{main}\"><cellXfs count=\"2\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\" applyNumberFormat=\"1\"/></cellXfs></styleSheet>"
            ),
        ),
    ];
    for (at, (_, xml)) in sheets.iter().enumerate() {
        parts.push((format!("xl/worksheets/sheet{at}.xml"), xml.clone()));
    }
    let parts: Vec<(&str, &[u8])> =
        parts.iter().map(|(name, xml)| (name.as_str(), xml.as_bytes())).collect();
    zip(&parts)
}

async fn send(client: &Client<'_>, query: &str, bytes: Vec<u8>) -> Reply {
    let call = client.call(Method::POST, &format!("/imports{query}"));
    call.header("content-type", "application/octet-stream").body(Body::from(bytes)).send().await
}

/// Waits until an import is neither read nor written.
async fn settled(client: &Client<'_>, id: &str, lang: &str) -> Reply {
    let wait = async {
        loop {
            let call = client.call(Method::GET, &format!("/imports/{id}"));
            let reply = call.header("accept-language", lang).send().await.expect(200);
            let state = reply.json()["state"].as_str().expect("a state").to_owned();
            if !matches!(state.as_str(), "comparing" | "applying") {
                return reply;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(WAIT, wait).await.expect("in time")
}

/// Sends files and waits until they are read.
async fn shown(client: &Client<'_>, query: &str, bytes: Vec<u8>) -> Reply {
    let begun = send(client, query, bytes).await.expect(201).json();
    settled(client, begun["id"].as_str().expect("an id"), "en").await
}

/// Applies what was shown and waits until it is written.
async fn apply(client: &Client<'_>, shown: &Reply) -> Value {
    let id = shown.json()["id"].as_str().expect("an id").to_owned();
    let call = client.call(Method::POST, &format!("/imports/{id}/apply"));
    let why = "%E5%B9%B4%E5%BA%A6%E6%A0%B8%E5%AF%B9";
    call.header("if-match", shown.header("etag")).header("x-reason", why).send().await.expect(200);
    settled(client, &id, "en").await.json()
}

fn counts(import: &Value, file: &str) -> [u64; 4] {
    let files = import["files"].as_array().expect("files");
    let found = files.iter().find(|known| known["file"] == file).expect("the file");
    ["added", "changed", "removed", "unchanged"].map(|name| found[name].as_u64().expect("a count"))
}

/// Row, column and words of every mistake.
fn mistakes(reply: &Reply) -> Vec<String> {
    let import = reply.json();
    let problems = import["problems"].as_array().expect("problems").clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |problem: &Value| {
        format!(
            "{} {} {}: {}",
            text(&problem["label"]),
            problem["row"],
            text(&problem["column_label"]),
            text(&problem["detail"])
        )
    };
    problems.iter().map(one).collect()
}

async fn admin(api: &Api) -> Client<'_> {
    let secret = api.token("root", Scope::Admin).await;
    api.admin(&secret)
}

fn households(rows: &[&str]) -> Vec<u8> {
    let rows: String = rows.iter().map(|row| format!("{PATH},{row}\n")).collect();
    zip(&[(
        "households.csv",
        format!("street,community,grid,group,name,building,door\n{rows}").as_bytes(),
    )])
}

#[tokio::test]
async fn an_import_is_shown_then_applied_and_taken_back_as_one() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    let town = admin.town().await;
    let contacts = format!(
        "street,community,grid,group,household,name,numbers\n{PATH},老周,周明,13800003333;5550000/voice\n"
    );
    let rows = format!(
        "street,community,grid,group,name,building,door\n{PATH},陈阿姨,3,503\n{PATH},老周,3,301\n"
    );
    let files =
        zip(&[("households.csv", rows.as_bytes()), ("x/contacts.csv", contacts.as_bytes())]);
    let found = shown(&admin, "", files).await;
    let import = found.json();
    assert_eq!(import["state"], "ready", "{import}");
    assert_eq!(counts(&import, "households.csv"), [1, 1, 0, 0]);
    assert_eq!(counts(&import, "contacts.csv"), [1, 0, 0, 1]);
    let rows = import["rows"].as_array().expect("rows");
    let told = |at: usize| (rows[at]["action"].clone(), rows[at]["name"].clone());
    assert_eq!(told(1), (json!("changed"), json!("陈阿姨")));
    let door = json!({"column": "door", "label": "door", "before": "502", "after": "503"});
    assert_eq!((&rows[1]["changes"], &rows[1]["above"]), (&json!([door]), &json!("3-1")));
    assert_eq!((told(2), &rows[2]["above"]), ((json!("added"), json!("周明")), &json!("老周")));
    assert!(!found.text.contains("13800003333") && found.text.contains("/voice"), "{}", found.text);

    let path = format!("/households/{}", town.household);
    assert_eq!(admin.get(&path).await.expect(200).json()["door"], "502", "nothing is changed yet");
    let id = import["id"].as_str().expect("an id").to_owned();
    let wrong = admin.call(Method::POST, &format!("/imports/{id}/apply"));
    assert_eq!(
        wrong.header("if-match", "\"0\"").send().await.expect(412).problem(),
        "import-changed"
    );
    let missing = admin.call(Method::POST, &format!("/imports/{id}/apply")).send().await;
    missing.expect(428);
    let done = apply(&admin, &found).await;
    assert_eq!(
        (&done["state"], counts(&done, "households.csv")),
        (&json!("applied"), [1, 1, 0, 0])
    );
    assert_eq!(admin.get(&path).await.expect(200).json()["door"], "503");
    let snapshot = api.directory.current();
    assert!(format!("{snapshot:?}").contains("老周"), "calls know it at once");

    let history = admin.get(&format!("/history?noun=households&id={}", town.household)).await;
    let history = history.expect(200).json();
    let change = done["change_id"].as_i64().expect("a change");
    assert_eq!(history["items"][0]["change_id"], change);
    assert_eq!(history["items"][0]["why"], "年度核对");
    assert_eq!(history["items"][1]["change_id"], Value::Null);
    let changes = admin.get("/history/changes").await.expect(200).json();
    let one = &changes["items"][0];
    assert_eq!(
        [&one["kind"], &one["added"], &one["changed"], &one["removed"], &one["undone_by"]],
        [&json!("import"), &json!(2), &json!(1), &json!(0), &Value::Null]
    );
    let undo = |id: i64| format!("/history/changes/{id}/undo");
    admin.post(&undo(change), json!({})).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200).json()["door"], "502");
    assert!(!format!("{:?}", api.directory.current()).contains("老周"));
    assert_eq!(admin.post(&undo(change), json!({})).await.expect(409).problem(), "edited-since");
    admin.post(&undo(99), json!({})).await.expect(404);

    // Taking back is a change, which can be taken back.
    let changes = admin.get("/history/changes?limit=1").await.expect(200).json();
    assert_eq!(changes["items"][0]["kind"], "undo");
    let back = changes["items"][0]["id"].as_i64().expect("an id");
    admin.post(&undo(back), json!({})).await.expect(204);
    assert!(format!("{:?}", api.directory.current()).contains("老周"));
}

#[tokio::test]
async fn what_was_edited_meanwhile_is_shown_anew() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    let town = admin.town().await;
    let found = shown(&admin, "", households(&["陈阿姨,3,503"])).await;
    let edited = json!({"group_id": town.group, "name": "陈阿姨", "building": "3", "door": "504"});
    admin.put(&format!("/households/{}", town.household), 1, edited).await.expect(200);
    let id = found.json()["id"].as_str().expect("an id").to_owned();
    let call = admin.call(Method::POST, &format!("/imports/{id}/apply"));
    let reply = call.header("if-match", found.header("etag")).send().await;
    assert!(matches!(reply.status.as_u16(), 200 | 412), "{}", reply.text);
    let anew = settled(&admin, &id, "en").await;
    let import = anew.json();
    assert_eq!((&import["state"], &import["is_anew"]), (&json!("ready"), &json!(true)));
    assert_eq!(import["rows"][0]["changes"][0]["before"], "504");
    assert_ne!(anew.header("etag"), found.header("etag"));
    assert_eq!(apply(&admin, &anew).await["state"], "applied");
    // An edit since keeps it from being taken back as a whole.
    let changes = admin.get("/history/changes").await.expect(200).json();
    let change = &changes["items"][0]["id"];
    let edited = json!({"group_id": town.group, "name": "陈阿姨", "building": "3", "door": "505"});
    admin.put(&format!("/households/{}", town.household), 3, edited).await.expect(200);
    let undone = admin.post(&format!("/history/changes/{change}/undo"), json!({})).await;
    assert_eq!(undone.expect(409).problem(), "edited-since");
}

#[tokio::test]
async fn every_mistake_of_every_row_is_said_in_the_language_of_the_reader() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    admin.town().await;
    let contacts = format!(
        "street,community,grid,group,household,name,rank,numbers\n{PATH},陈阿姨,,first,110\n{PATH},无此户,小陈,0,13800003333\n{PATH},陈阿姨,小陈,0,abc\n"
    );
    let begun = send(&admin, "", zip(&[("contacts.csv", contacts.as_bytes())])).await;
    let id = begun.expect(201).json()["id"].as_str().expect("an id").to_owned();
    let chinese = mistakes(&settled(&admin, &id, "zh-CN").await);
    assert_eq!(
        chinese,
        [
            "联系人 2 姓名: 须为 1 到 60 个字符",
            "联系人 2 次序: 须为 0 到 255 的整数",
            "联系人 2 号码: 紧急或服务号码，本系统从不呼叫",
            "联系人 3 联防户: 目录和文件里都没有",
            "联系人 4 号码: 不是电话号码：只能有数字、空格、括号和短横",
        ]
    );
    let english = settled(&admin, &id, "en").await;
    assert_eq!(mistakes(&english)[0], "contacts 2 name: need 1 to 60 characters");
    let import = english.json();
    assert_eq!((&import["state"], &import["problems_total"]), (&json!("faulty"), &json!(5)));
    let page = admin.get(&format!("/imports/{id}?after=3&limit=1")).await.expect(200);
    assert_eq!((mistakes(&page).len(), &page.json()["next"]), (1, &json!(4)));
    let call = admin.call(Method::POST, &format!("/imports/{id}/apply"));
    call.header("if-match", "\"0\"").send().await.expect(412);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "the sheets of a workbook, cell by cell")]
async fn a_workbook_in_chinese_is_read_as_people_see_it() {
    use Cell::{Date, Failed, Number, Text};
    let api = Api::new().await;
    let admin = admin(&api).await;
    admin.town().await;
    let path = || vec![Text("筼筜街道"), Text("文园社区"), Number("1"), Text("3-1")];
    let row = |cells: Vec<Cell<'static>>| -> Vec<Cell<'static>> {
        path().into_iter().chain(cells).collect()
    };
    let headings = |own: &[&'static str]| -> Vec<Cell<'static>> {
        let path = ["街道", "社区", "网格", "联防组"];
        path.iter().chain(own).map(|heading| Text(heading)).collect()
    };
    let doors = |door: Cell<'static>| {
        sheet(&[
            (3, headings(&["名称", "楼栋", "门牌"])),
            (4, row(vec![Text("陈阿姨"), Number("3"), Number("503")])),
            (7, row(vec![Text("老周&amp;老李"), Number("3"), door])),
        ])
    };
    let contacts = |number: Cell<'static>| {
        sheet(&[
            (1, headings(&["联防户", "姓名", "号码"])),
            (2, row(vec![Text("老周&amp;老李"), Text("周明"), number])),
        ])
    };
    let wrong = workbook(&[
        ("联防户", doors(Date("46084"))),
        ("联系人", contacts(Failed)),
        ("说明", sheet(&[(1, vec![Text("不是表")])])),
    ]);
    let begun = send(&admin, "", wrong).await.expect(201).json();
    let wrong = settled(&admin, begun["id"].as_str().expect("an id"), "zh-CN").await;
    assert_eq!(
        mistakes(&wrong),
        [
            "联防户 7 门牌: 被 Excel 当成了日期：请把这一列设为文本格式，再重新填写",
            "联系人 2 号码: 单元格的公式出错",
        ]
    );
    let posts = sheet(&[
        (1, ["街道", "社区", "名称", "代号", "值守人"].map(Text).into()),
        (2, ["筼筜街道", "文园社区", "A 岗", "A", "李强"].map(Text).into()),
    ]);
    let responders = sheet(&[
        (
            1,
            ["街道", "社区", "名称", "类别", "帮扶网格", "帮扶组", "帮扶户", "号码"]
                .map(Text)
                .into(),
        ),
        (
            2,
            vec![
                Text("筼筜街道"),
                Text("文园社区"),
                Text("小蔡"),
                Text("帮扶人"),
                Number("1"),
                Text("3-1"),
                Text("老周&amp;老李"),
                Number("13700000001"),
            ],
        ),
    ]);
    let right = workbook(&[
        ("联防户", doors(Text("3-2"))),
        ("联系人", contacts(Number("13800003333"))),
        ("岗位", posts),
        ("responders", responders),
    ]);
    let found = shown(&admin, "", right).await;
    let import = found.json();
    assert_eq!(import["state"], "ready", "{import}");
    assert_eq!(
        (counts(&import, "households.csv"), &import["posts_held"]),
        ([1, 1, 0, 0], &json!(1))
    );
    let helper = import["rows"].as_array().expect("rows").last().expect("the helper").clone();
    let household = json!({"column": "helps_household", "label": "helps_household", "before": null, "after": "老周&老李"});
    assert!(helper["changes"].as_array().expect("cells").contains(&household), "{helper}");
    assert_eq!(apply(&admin, &found).await["state"], "applied");
    let found = admin.get("/search?q=13800003333").await.expect(200).json();
    assert_eq!(found["items"][0]["noun"], "contacts");
    let changes = admin.get("/history/changes").await.expect(200).json();
    let undo = format!("/history/changes/{}/undo", changes["items"][0]["id"]);
    admin.post(&undo, json!({})).await.expect(204);
    let posts = admin.get("/posts").await.expect(200).json();
    assert_eq!(posts["items"], json!([]), "the post went with its shift");
}

#[tokio::test]
async fn several_files_come_as_a_form_in_the_encoding_of_excel() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    admin.town().await;
    let gbk = |text: &str| encoding_rs::GB18030.encode(text).0.into_owned();
    let streets = gbk("名称\n筼筜街道\n鼓浪屿街道\n");
    let workers = gbk("街道,社区,姓名,值班\n筼筜街道,文园社区,李强,否\n");
    let mut body = Vec::new();
    for (name, bytes) in [("街道.csv", &streets), ("workers.CSV", &workers)] {
        let head = format!(
            "--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--edge--\r\n");
    let call = admin.call(Method::POST, "/imports").body(Body::from(body));
    let begun = call.header("content-type", "multipart/form-data; boundary=edge").send().await;
    let begun = begun.expect(201).json();
    let import = settled(&admin, begun["id"].as_str().expect("an id"), "zh-CN").await.json();
    assert_eq!(counts(&import, "streets.csv"), [1, 0, 0, 1], "{import}");
    let rows = import["rows"].as_array().expect("rows");
    let duty = json!({"column": "on_duty", "label": "值班", "before": "yes", "after": "no"});
    assert_eq!(rows[1]["changes"][0], duty);

    // In a ZIP made by Windows in China, the names are in GBK and nothing says so.
    let mut archive = zip(&[("aaaa.csv", b"name\nx\n")]);
    let name = gbk("街道.csv");
    let at: Vec<usize> =
        (0..archive.len()).filter(|at| archive[*at..].starts_with(b"aaaa.csv")).collect();
    for at in at {
        archive[at..at + name.len()].copy_from_slice(&name);
    }
    let import = shown(&admin, "", archive).await.json();
    assert_eq!(counts(&import, "streets.csv"), [1, 0, 0, 1], "{import}");
}

#[tokio::test]
async fn what_is_damaged_or_a_bomb_is_refused_with_the_reason() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    admin.town().await;
    let good = households(&["陈阿姨,3,503"]);
    let zeros = vec![b'0'; 130 << 20];
    let bomb = zip(&[("streets.csv", &zeros)]);
    let in_book = zip(&[("xl/workbook.xml", b"<workbook/>"), ("xl/media/image.png", &zeros)]);
    let twice = zip(&[("streets.csv", b"name\n"), ("x/STREETS.csv", b"name\n")]);
    let cut = good[..good.len() / 2].to_vec();
    let table: [(Vec<u8>, u16, &str); 8] = [
        (Vec::new(), 422, "known name"),
        (b"name\nx\n".to_vec(), 422, "known name"),
        (zip(&[("other.csv", b"name\n")]), 422, "known name"),
        (cut, 422, "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1".to_vec(), 422, ".xls"),
        (bomb, 413, "unpacked"),
        (in_book, 413, "unpacked"),
        (twice, 422, "streets.csv is there twice"),
    ];
    for (bytes, status, words) in table {
        let call = admin.call(Method::POST, "/imports").header("accept-language", "en");
        let reply = call.body(Body::from(bytes)).send().await;
        let reply = if reply.status == 201 {
            // It took longer than anybody waits.
            let id = reply.json()["id"].as_str().expect("an id").to_owned();
            let reply = settled(&admin, &id, "en").await;
            assert_eq!(reply.json()["state"], "unreadable", "{words}");
            reply
        } else {
            reply.expect(status)
        };
        assert!(reply.text.contains(words), "{words}: {}", reply.text);
    }
    let too_large = admin.call(Method::POST, "/imports").body(Body::from(vec![b'P'; 17 << 20]));
    assert_eq!(too_large.send().await.expect(413).problem(), "no-import");
    let book = workbook(&[("联防户", "<worksheet><sheetData><row".to_owned())]);
    assert_eq!(send(&admin, "", book).await.expect(422).problem(), "no-import");
}

#[tokio::test]
async fn a_cell_far_out_makes_no_table_as_wide_and_long() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    let far = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><dimension ref=\"A1:XFD1048576\"/><sheetData><row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>name</t></is></c></row><row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row></sheetData></worksheet>";
    let found = shown(&admin, "", workbook(&[("streets", far.to_owned())])).await;
    assert_eq!(
        mistakes(&found),
        ["streets 1048576 : the row is no CSV or has another number of cells than the header"]
    );
}

#[tokio::test]
async fn an_export_is_the_inverse_and_an_undo_brings_secrets_back() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    admin.town().await;
    let lines = format!(
        "street,community,grid,group,household,account,number,password\n{PATH},陈阿姨,1001,5551234,sesame\n"
    );
    let found = shown(&admin, "", zip(&[("lines.csv", lines.as_bytes())])).await;
    assert_eq!(found.json()["secrets"], 1);
    let secrets = apply(&admin, &found).await;
    let exported = admin.get("/export").await.expect(200);
    assert_eq!(exported.header("content-type"), "application/zip");
    let before = unzip(&exported.bytes);
    let found = shown(&admin, "?replace=true", exported.bytes.clone()).await.json();
    assert_eq!((&found["state"], &found["secrets"]), (&json!("ready"), &json!(0)));
    for file in found["files"].as_array().expect("files") {
        assert_eq!([&file["added"], &file["changed"], &file["removed"]], [&json!(0); 3], "{file}");
    }

    let only = "street,community,grid,group,household,account,number\n";
    let found = shown(&admin, "?replace=true", zip(&[("lines.csv", only.as_bytes())])).await;
    assert_eq!(counts(&found.json(), "lines.csv"), [0, 0, 1, 0]);
    let removed = &found.json()["rows"][0]["changes"];
    let number = json!({"column": "number", "label": "number", "before": "5*****4", "after": null});
    assert!(removed.as_array().expect("cells").contains(&number), "{removed}");
    let done = apply(&admin, &found).await;
    assert_ne!(unzip(&admin.get("/export").await.expect(200).bytes), before);
    let undo = |done: &Value| format!("/history/changes/{}/undo", done["change_id"]);
    admin.post(&undo(&done), json!({})).await.expect(204);
    assert_eq!(unzip(&admin.get("/export").await.expect(200).bytes), before, "with its secret");
    admin.post(&undo(&secrets), json!({})).await.expect(204);
    let lines = unzip(&admin.get("/export").await.expect(200).bytes);
    assert!(
        lines.iter().any(|(name, text)| name == "lines.csv" && text.ends_with(",,,,\n")),
        "{lines:?}"
    );
    let audit = api.token("auditor", Scope::Auditor).await;
    let trail = api.admin(&audit).get("/audit?chain=directory&limit=200").await.expect(200);
    assert!(trail.text.contains("\"import\"") && trail.text.contains("\"read\""));
}

#[tokio::test]
async fn nobody_imports_beyond_their_reach() {
    let api = Api::new().await;
    let root = admin(&api).await;
    let town = root.town().await;
    let other = json!({"street_id": town.street, "name": "美仁社区", "area_code": "0592"});
    let other = root.create("/communities", other).await;
    root.create("/grids", json!({"community_id": other, "name": "9"})).await;
    let community = CommunityId(u32::try_from(town.community).expect("small"));
    let local = api.person("local", Role::Admin, Reach::Community(community)).await;
    let grids =
        |rows: &str| zip(&[("grids.csv", format!("street,community,name\n{rows}").as_bytes())]);
    let foreign = shown(&local, "", grids("筼筜街道,美仁社区,8\n筼筜街道,无此社区,8\n")).await;
    let unknown = "there is no such entry in the directory or the files";
    assert_eq!(
        mistakes(&foreign),
        [format!("grids 2 community: {unknown}"), format!("grids 3 community: {unknown}")],
        "what is out of reach is as if it were not there"
    );
    let streets = shown(&local, "", zip(&[("streets.csv", "name\n新街道\n".as_bytes())])).await;
    assert_eq!(
        mistakes(&streets),
        ["streets 2 name: this is not within what your account reaches"]
    );
    // What others have is neither counted nor removed.
    let found = shown(&local, "?replace=true", grids("筼筜街道,文园社区,2\n")).await;
    assert_eq!(counts(&found.json(), "grids.csv"), [1, 0, 1, 0]);
    assert_eq!(counts(&found.json(), "communities.csv"), [0, 0, 0, 1]);
    let id = found.json()["id"].as_str().expect("an id").to_owned();
    for method in [Method::GET, Method::DELETE] {
        root.call(method, &format!("/imports/{id}")).send().await.expect(404);
    }
    local.call(Method::DELETE, &format!("/imports/{id}")).send().await.expect(204);
    local.get(&format!("/imports/{id}")).await.expect(404);

    let grid = GridId(u32::try_from(town.grid).expect("small"));
    let narrow = api.person("narrow", Role::Admin, Reach::Grid(grid)).await;
    let workers = "street,community,name,on_duty\n筼筜街道,文园社区,李强,no\n";
    let found = shown(&narrow, "", zip(&[("workers.csv", workers.as_bytes())])).await;
    assert_eq!(mistakes(&found), ["workers 2 name: this is not within what your account reaches"]);
    let found = shown(&narrow, "", households(&["陈阿姨,3,503"])).await;
    let done = apply(&narrow, &found).await;
    assert_eq!(done["state"], "applied");
    let stranger = api
        .person(
            "stranger",
            Role::Admin,
            Reach::Community(CommunityId(u32::try_from(other).expect("small"))),
        )
        .await;
    let undo = format!("/history/changes/{}/undo", done["change_id"]);
    stranger.post(&undo, json!({})).await.expect(404);
    let listed = stranger.get("/history/changes").await.expect(200).json();
    assert_eq!(listed["items"], json!([]));
    local.post(&undo, json!({})).await.expect(204);

    let exported = unzip(&narrow.get("/export").await.expect(200).bytes);
    let all = format!("{exported:?}");
    assert!(all.contains("陈阿姨") && !all.contains("美仁社区"), "{all}");
    let again =
        shown(&narrow, "?replace=true", narrow.get("/export").await.expect(200).bytes).await;
    for file in again.json()["files"].as_array().expect("files") {
        assert_eq!([&file["added"], &file["changed"], &file["removed"]], [&json!(0); 3], "{file}");
    }
}

#[tokio::test]
async fn a_reach_that_is_gone_takes_nothing_in_or_out() {
    let api = Api::new().await;
    let root = admin(&api).await;
    let town = root.town().await;
    let grid = root.create("/grids", json!({"community_id": town.community, "name": "9"})).await;
    let reach = Reach::Grid(GridId(u32::try_from(grid).expect("small")));
    let narrow = api.person("narrow", Role::Admin, reach).await;
    let found =
        shown(&narrow, "", zip(&[("grids.csv", "street,community,name\n".as_bytes())])).await;
    assert!(
        !format!("{:?}", unzip(&narrow.get("/export").await.expect(200).bytes)).contains("陈阿姨")
    );
    narrow.delete(&format!("/grids/{grid}"), 1).await.expect(204);
    narrow.get("/export").await.expect(404);
    send(&narrow, "", households(&["陈阿姨,3,503"])).await.expect(404);
    let id = found.json()["id"].as_str().expect("an id").to_owned();
    let call = narrow.call(Method::POST, &format!("/imports/{id}/apply"));
    call.header("if-match", found.header("etag")).send().await.expect(404);
}

#[tokio::test]
async fn an_import_that_cannot_begin_is_not_being_written_for_ever() {
    let api = Api::new().await;
    let town = admin(&api).await.town().await;
    let grid = GridId(u32::try_from(town.grid).expect("small"));
    let narrow = api.person("narrow", Role::Admin, Reach::Grid(grid)).await;
    let found = shown(&narrow, "", households(&["陈阿姨,3,503"])).await;
    let id = found.json()["id"].as_str().expect("an id").to_owned();
    let rename = async |sql: &'static str| {
        let mut change = api.store.directory().write().await.expect("begins");
        sqlx::raw_sql(sql).execute(&mut *change).await.expect("is good SQL");
        change.commit().await.expect("commits");
    };
    rename("ALTER TABLE grid RENAME TO gone").await;
    let call = narrow.call(Method::POST, &format!("/imports/{id}/apply"));
    let failed = call.header("if-match", found.header("etag")).send().await;
    assert!(failed.status.is_server_error(), "{}", failed.text);
    rename("ALTER TABLE gone RENAME TO grid").await;
    let import = narrow.get(&format!("/imports/{id}")).await.expect(200).json();
    assert_eq!(import["state"], "ready");
    assert_eq!(apply(&narrow, &found).await["state"], "applied");
}

#[tokio::test]
async fn a_few_imports_are_kept_for_a_while() {
    let api = Api::new().await;
    let admin = admin(&api).await;
    admin.town().await;
    let mut ids = Vec::new();
    for door in 1..=5 {
        let found = shown(&admin, "", households(&[&format!("陈阿姨,3,{door}")])).await;
        ids.push(found.json()["id"].as_str().expect("an id").to_owned());
    }
    admin.get(&format!("/imports/{}", ids[0])).await.expect(404);
    admin.get(&format!("/imports/{}", ids[1])).await.expect(200);
    api.clock.advance(Duration::from_secs(31 * 60));
    for id in &ids {
        admin.get(&format!("/imports/{id}")).await.expect(404);
    }
    send(&admin, "?replace=perhaps", Vec::new()).await.expect(400);
}
