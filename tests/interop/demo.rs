//! What `make demo` shows to a newcomer happens.

use std::path::Path;
use std::sync::atomic::AtomicBool;

#[test]
fn the_demonstration_shows_an_alarm_from_the_press_to_the_close() {
    let binary = Path::new(env!("CARGO_BIN_EXE_lianfang"));
    let has_happened = lianfang_loadtest::demo::run(binary, true, &AtomicBool::new(false));
    assert!(has_happened.expect("the service and the phones start"));
}
