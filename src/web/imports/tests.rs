use super::*;
use std::sync::mpsc;

/// However slow a machine is.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn what_is_done_aside_holds_up_nobody_and_a_fault_in_it_ends_itself_alone() {
    let imports = Imports::default();
    let (tell, told) = mpsc::channel();
    let work = imports.aside(async move { told.recv_timeout(LONG) });
    let (heard, sent) = tokio::join!(work, async { tell.send("others have their turn") });
    sent.expect("somebody listens");
    assert_eq!(heard.expect("is done"), Ok("others have their turn"));
    let (first, second) = (imports.aside(async { panic!("a fault") }), imports.aside(async { 7 }));
    let (first, second): (Result<(), _>, _) = tokio::join!(first, second);
    assert!(matches!(first, Err(ApiError::Internal(_))), "{first:?}");
    assert_eq!(second.expect("goes on"), 7);
}

#[tokio::test]
async fn what_is_done_aside_is_done_one_after_the_other() {
    let imports = Imports::default();
    let (tell, told) = mpsc::channel();
    let place = Arc::clone(&imports.place).try_acquire_owned().expect("is free");
    let begin = tell.clone();
    let work = imports.aside(async move { begin.send("done aside") });
    let before = async {
        tell.send("before").expect("somebody listens");
        drop(place);
    };
    let (done, ()) = tokio::join!(work, before);
    done.expect("is done").expect("somebody listens");
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["before", "done aside"]);
}

fn job(state: JobState, at: Timestamp) -> Arc<Job> {
    Arc::new(Job {
        id: at.as_second().to_string(),
        who: "token:root".to_owned(),
        within: Within::EVERYTHING,
        replace: false,
        fingerprint: String::new(),
        files: Vec::new(),
        at,
        progress: Progress::default(),
        state: Mutex::new(state),
    })
}

fn applying() -> JobState {
    let report = ImportReport::default();
    JobState::Applying(Arc::new(Difference { report, digest: String::new(), rows: Vec::new() }))
}

#[test]
fn an_import_that_is_being_written_is_kept_until_it_ends() {
    let imports = Imports::default();
    let second = |second| Timestamp::from_second(second).expect("is in range");
    let (written, shown) = (job(applying(), second(0)), job(JobState::Comparing, second(1)));
    for job in [&written, &shown] {
        imports.put(Arc::clone(job)).expect("has room");
    }
    for at in 2..=4 {
        imports.put(job(applying(), second(at))).expect("the one that is read makes way");
    }
    assert!(shown.progress.is_cancelled() && !written.progress.is_cancelled());
    assert!(matches!(imports.put(job(JobState::Comparing, second(9))), Err(ApiError::Busy)));
    let late = second(0) + KEEP + KEEP;
    assert!(imports.get("0", "token:root", late).is_ok(), "whoever waits hears how it ends");
    assert!(imports.get("1", "token:root", late).is_err());
    *written.state() = JobState::Failed;
    assert!(imports.get("0", "token:root", late).is_err());
    imports.put(job(JobState::Comparing, second(9))).expect("has room again");
}
