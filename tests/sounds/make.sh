#!/bin/sh
# Makes the sounds of this folder anew, with ffmpeg: a second of 600 Hz as mobile phones and PBXs write it, two hours of
# silence, and files that are not read. They are in the repository, so that tests need no ffmpeg.
set -eu
cd "$(dirname "$0")"
tone() {
    rate=$1
    shift
    ffmpeg -hide_banner -loglevel error -y -f lavfi -i "aevalsrc=0.3*sin(2*PI*600*t):s=$rate:d=1" \
        -map_metadata -1 -fflags +bitexact -flags:a +bitexact "$@"
}
tone 44100 -c:a aac -b:a 48k tone.m4a
tone 44100 -c:a aac -b:a 48k -movflags frag_keyframe+empty_moov pieces.m4a
tone 44100 -c:a aac -b:a 48k tone.aac
tone 44100 -ac 2 -c:a libmp3lame -b:a 64k -id3v2_version 3 tone.mp3
tone 44100 -c:a libvorbis -q:a 1 tone.ogg
tone 16000 -c:a flac -sample_fmt s16 -compression_level 12 tone.flac
tone 16000 -c:a alac -sample_fmt s16p lossless.m4a
tone 8000 -c:a pcm_alaw alaw.wav
tone 48000 -c:a libopus -b:a 16k tone.opus
tone 48000 -c:a libopus -b:a 16k -f mp4 opus.mp4
tone 48000 -c:a libopus -b:a 16k tone.webm
ffmpeg -hide_banner -loglevel error -y -f lavfi -i color=black:s=16x16:d=0.2:r=5 -c:v mpeg4 -fflags +bitexact film.mp4
ffmpeg -hide_banner -loglevel error -y -f lavfi -i anullsrc=r=8000:cl=mono -t 7200 -c:a flac -frame_size 65535 \
    -map_metadata -1 -fflags +bitexact hours.flac
