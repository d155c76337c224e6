//! Why a recording was refused, in Chinese and English, with what to do.

use super::problem::ApiError;
use super::words::in_language;
use crate::prompts::{Foreign, RAW_SECONDS_MAX, RecordingError, Refusal};
use axum::http::StatusCode;
use lianfang_domain::directory::Language;

/// Why a recording was not taken or cannot be given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum SoundFault {
    /// The body is no sound by its type.
    MediaType,
    /// The sound makes no prompt.
    Refused(Refusal),
    /// No such clip can be recorded.
    UnknownClip,
    /// The memory for recordings is full.
    NoRoom,
    /// The file cannot be written or read.
    Disk,
    /// The file is not what was written.
    Damaged,
}

impl SoundFault {
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UnknownClip => StatusCode::NOT_FOUND,
            Self::NoRoom | Self::Disk => StatusCode::INSUFFICIENT_STORAGE,
            Self::Damaged => StatusCode::CONFLICT,
        }
    }

    /// The last part of the type of the problem, and its title in Chinese and English.
    pub(super) fn title(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::MediaType => ("sound-media-type", "不是录音文件", "Not a sound"),
            Self::Refused(_) => ("sound-refused", "录音不可用", "Recording not usable"),
            Self::UnknownClip => ("unknown-clip", "没有这条提示音", "Unknown clip"),
            Self::NoRoom => ("sound-no-room", "录音过多", "Too many recordings"),
            Self::Disk => ("sound-disk", "磁盘不可用", "Disk not usable"),
            Self::Damaged => ("sound-damaged", "录音文件已损坏", "Recording damaged"),
        }
    }

    /// What is wrong here, and what to do.
    pub(super) fn detail(self, language: Language) -> String {
        match self {
            Self::MediaType => in_language!(
                language,
                "请发送录音文件，Content-Type 用 audio/wav、audio/mpeg、audio/mp4 等，或 application/octet-stream。",
                "Send a sound with a Content-Type such as audio/wav, audio/mpeg or audio/mp4, or application/octet-stream."
            ),
            Self::Refused(refusal) => refused(refusal, language),
            Self::UnknownClip => in_language!(
                language,
                "可录的提示音见 GET …/recordings。",
                "GET …/recordings lists the clips that can be recorded."
            ),
            Self::NoRoom => in_language!(
                language,
                "录音所用内存已满，请先撤回不用的录音。",
                "The memory for recordings is full; withdraw what is not needed."
            ),
            Self::Disk => in_language!(
                language,
                "录音目录无法读写，可能磁盘已满；详情已记入日志，原有录音照常播放。",
                "The folder of recordings cannot be used, perhaps the disk is full; the log says why. What was played \
                 before is still played."
            ),
            Self::Damaged => in_language!(
                language,
                "文件内容与录制时不符，请重新录制或恢复备份。",
                "The file is not what was recorded; record it again or restore a backup."
            ),
        }
    }
}

fn refused(refusal: Refusal, language: Language) -> String {
    match refusal {
        Refusal::Unreadable => in_language!(
            language,
            "无法读取：文件不完整、已损坏，或不是能读的格式。能读的有 WAV、MP3、M4A（AAC-LC、ALAC）、AAC、OGG（Vorbis）、FLAC。",
            "It cannot be read: it is damaged, not whole, or of another format than WAV, MP3, M4A (AAC-LC, ALAC), AAC, OGG \
             (Vorbis) or FLAC."
        ),
        Refusal::Foreign(kind) => {
            let (chinese, english) = foreign(kind);
            in_language!(
                language,
                "{chinese}，无法读取。请改用手机自带的录音机录成 M4A、MP3、WAV、AAC、OGG（Vorbis）或 FLAC。",
                "{english} and cannot be read. Record it as M4A, MP3, WAV, AAC, OGG (Vorbis) or FLAC, as the recorder of a \
                 mobile phone does."
            )
        }
        Refusal::Format => in_language!(
            language,
            "须为单声道或立体声、8 至 32 位、8 至 192 kHz。",
            "It has to be mono or stereo, 8 to 32 bit, 8 to 192 kHz."
        ),
        Refusal::Endless => in_language!(
            language,
            "连首尾空白不得超过 {RAW_SECONDS_MAX} 秒，请剪短。",
            "Cut it to {RAW_SECONDS_MAX} s, silence at its ends included."
        ),
        Refusal::Silent => in_language!(
            language,
            "听不到声音，请检查话筒后重录。",
            "Nothing is heard in it; check the microphone and record again."
        ),
        Refusal::Quiet { level_db } => in_language!(
            language,
            "声音太小（{level_db} dBFS），请靠近话筒、大声些重录。",
            "It is too quiet ({level_db} dBFS); go closer to the microphone, speak up, and record again."
        ),
        Refusal::Loud { level_db } => in_language!(
            language,
            "声音太大（{level_db} dBFS），请离话筒远些重录。",
            "It is too loud ({level_db} dBFS); keep away from the microphone and record again."
        ),
        Refusal::Clipped => in_language!(
            language,
            "声音过载失真，请调低录音音量或离话筒远些重录。",
            "Its peaks are cut off; lower the level of the microphone and record again."
        ),
        Refusal::Short { length_ms } => in_language!(
            language,
            "去掉首尾空白后只有 {length_ms} 毫秒，请把整句念完。",
            "Only {length_ms} ms are left without the silence at its ends; say all of the words."
        ),
        Refusal::Long { length_ms, max_ms } => in_language!(
            language,
            "长 {length_ms} 毫秒，最多 {max_ms} 毫秒，请念快些或只念这一条。",
            "It takes {length_ms} ms, at most {max_ms} ms are said; speak faster, and these words only."
        ),
        Refusal::KeyTone => in_language!(
            language,
            "其中有按键音，电话会误认为按键，请重录。",
            "It holds the tones of a key, which telephones would take for one; record again."
        ),
    }
}

/// What it is instead of a file that can be read.
fn foreign(kind: Foreign) -> (&'static str, &'static str) {
    match kind {
        Foreign::Amr => ("这是 AMR 录音", "It is an AMR recording"),
        Foreign::Opus => ("这是 Opus 录音", "It is an Opus recording"),
        Foreign::Silk => ("这是微信语音", "It is a voice message of WeChat"),
        Foreign::OtherAac => (
            "这是 HE-AAC 等特殊的 AAC 录音",
            "It is AAC of another profile than LC, such as HE-AAC,",
        ),
        Foreign::Protected => ("文件有版权保护（DRM）", "It is protected against copying (DRM)"),
        Foreign::NoSound => ("文件里只有画面、没有声音", "It is a film without sound"),
    }
}

impl From<RecordingError> for ApiError {
    fn from(error: RecordingError) -> Self {
        let fault = match error {
            RecordingError::Refused(refusal) => SoundFault::Refused(refusal),
            RecordingError::UnknownClip => SoundFault::UnknownClip,
            RecordingError::NoRoom => SoundFault::NoRoom,
            RecordingError::File { path, source } => {
                tracing::error!(path = %path.display(), error = %source, "A recording cannot be written or read");
                SoundFault::Disk
            }
            RecordingError::Damaged { path } => {
                tracing::error!(path = %path.display(), "A recording is damaged");
                SoundFault::Damaged
            }
            RecordingError::Busy => return Self::Busy,
            RecordingError::UnknownCommunity | RecordingError::UnknownVersion => {
                return Self::NotFound;
            }
            RecordingError::Store(error) => return error.into(),
            RecordingError::Prompt(error) => return Self::Internal(error.into()),
            RecordingError::Encode(error) => return Self::Internal(error.into()),
            RecordingError::Aside(error) => return Self::Internal(error.into()),
        };
        Self::Sound(fault)
    }
}
