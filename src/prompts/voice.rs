//! espeak-ng as a program of its own: it speaks a script into a file.
//!
//! A program, not a library: it may hang or crash and takes nothing with it, and its licence stays its own.

use super::{PromptError, level, wav};
use lianfang_domain::directory::{Language, Written};
use lianfang_domain::words::SCRIPT_WORDS_PER_MINUTE;
use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// Longest time for a name; one takes some 100 ms.
const SPEAK_DEADLINE: Duration = Duration::from_secs(10);
/// Rate at which espeak-ng speaks.
const VOICE_RATE_HZ: u32 = 22_050;
/// Background work gives way to everything else on the machine.
const NICENESS: &str = "15";

/// Why a name could not be spoken.
#[derive(Debug, thiserror::Error)]
pub enum VoiceError {
    /// The program does not start or cannot be talked to.
    #[error("cannot run the voice")]
    Run(#[source] io::Error),
    /// It takes too long.
    #[error("cannot wait for the voice any longer")]
    Late,
    /// It says that it failed.
    #[error("cannot speak: the voice ended with {0}")]
    Failed(ExitStatus),
    /// What it wrote is no speech.
    #[error("cannot use what the voice spoke")]
    Output(#[source] PromptError),
    /// The name cannot be made a WAV file.
    #[error("cannot encode a name")]
    Encode(#[source] hound::Error),
    /// The file cannot be written.
    #[error("cannot store a name")]
    Store(#[source] io::Error),
}

/// Speaks a script, with the help of the file `scratch`. The samples are a prompt: 8 kHz, level as all others.
pub(super) async fn say(
    program: &Path,
    language: Language,
    script: &str,
    scratch: &Path,
) -> Result<Vec<i16>, VoiceError> {
    let voice = match language.written() {
        // The voice `cmn` reads Chinese characters wrongly.
        Written::Chinese => "cmn-latn-pinyin",
        Written::English => "en",
    };
    let mut command = Command::new("nice");
    command.args(["-n", NICENESS]).arg(program).args(["-v", voice]);
    command.args(["-s", &SCRIPT_WORDS_PER_MINUTE.to_string(), "-z", "-b", "1"]);
    command.args(["--stdin", "-w"]).arg(scratch);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(VoiceError::Run)?;
    let speaking = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A program that fails closes its end early; its status says more than that.
            let _ = stdin.write_all(script.as_bytes()).await;
        }
        child.wait().await
    };
    let status = tokio::time::timeout(SPEAK_DEADLINE, speaking).await;
    let status = status.map_err(|_| VoiceError::Late)?.map_err(VoiceError::Run)?;
    if !status.success() {
        return Err(VoiceError::Failed(status));
    }
    let bytes = tokio::fs::read(scratch).await.map_err(VoiceError::Store)?;
    let scratch = scratch.to_owned();
    // Arithmetic of some milliseconds: aside, so that no other task of this thread waits for it.
    let prompt = tokio::task::spawn_blocking(move || {
        let voice = wav::read_at(bytes.as_slice(), &scratch, VOICE_RATE_HZ)?;
        Ok(level::telephone(&voice, VOICE_RATE_HZ))
    });
    prompt
        .await
        .map_err(|error| VoiceError::Run(io::Error::other(error)))?
        .map_err(VoiceError::Output)
}
