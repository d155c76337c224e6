#!/bin/sh
# Makes the shipped prompts from prompts/scripts.tsv: espeak-ng speaks, sox brings them to what a telephone carries
# (8 kHz, mono, 16 bit, 200 Hz high-pass, about -20 dBFS while somebody speaks, peaks at most -3 dBFS).
#
#   prompts/make.sh            makes what is missing
#   prompts/make.sh --all      makes everything anew; recordings of people under the same names are lost
#
# Needs espeak-ng (1.51) and sox (14.4.2): apt-get install espeak-ng sox
set -eu
cd "$(dirname "$0")"
all=${1:-}
# Words a minute; the same as SCRIPT_WORDS_PER_MINUTE in src/domain/words/clip.rs. Digits and letters, which nobody can
# guess from the rest, are said more slowly.
speed=200
speed_alone=160
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tab=$(printf '\t')

# Two tones in turn, never together: no pair of frequencies that a detector could take for a key. Peaks of -14 dBFS
# are -10.9 dBm0 (full scale of G.711 is +3.14 dBm0).
tone() {
    for hertz in 600 1060; do
        sox -D -n -r 8000 -b 16 -c 1 "$work/$hertz.wav" synth 0.2 sine "$hertz" fade t 0.01 0.2 0.01 gain -n -14
    done
    sox -D "$work/600.wav" "$work/1060.wav" "$work/600.wav" "$work/1060.wav" "$1"
}

# Root mean square of what is louder than -40 dBFS, in dBFS: the level while somebody speaks.
active_level() {
    sox -D "$1" -n silence 1 0.01 -40d -1 0.01 -40d stat 2>&1 |
        awk '/^RMS *amplitude/ { rms = $3 } END { print (0 < rms) ? 20 * log(rms) / log(10) : -99 }'
}

# speak <voice> <words a minute> <script> <file>
speak() {
    printf '%s' "$3" | espeak-ng -v "$1" -s "$2" -z -b 1 --stdin -w "$work/raw.wav"
    sox -D "$work/raw.wav" -r 8000 -b 16 -c 1 "$work/cut.wav" \
        gain -6 rate 8000 highpass 200 highpass 200 gain -n -6 \
        silence 1 0.005 -50d reverse silence 1 0.005 -50d reverse
    # The limiter takes level away again, so what is left is added in a second round.
    cp "$work/cut.wav" "$work/loud.wav"
    for round in 1 2; do
        gain=$(active_level "$work/loud.wav" | awk '{ print -20 - $1 + 3 }')
        sox -D "$work/loud.wav" "$work/next.wav" gain -l "$gain" gain -3.1
        mv "$work/next.wav" "$work/loud.wav"
    done
    sox -D "$work/loud.wav" "$4" fade t 0.003 -0 0.005 pad 0.01 0.02
}

while IFS="$tab" read -r language stem text script; do
    file=$language/$stem.wav
    if [ -e "$file" ] && [ "$all" != --all ]; then continue; fi
    mkdir -p "$language"
    case $language in
    # espeak-ng reads Chinese characters wrongly with the voice cmn; the scripts are pinyin with tone numbers.
    zh-CN) voice=cmn-latn-pinyin ;;
    *) voice=$language ;;
    esac
    case $stem in
    tone) tone "$file" ;;
    sign-*) speak "$voice" "$speed_alone" "$script" "$file" ;;
    *) speak "$voice" "$speed" "$script" "$file" ;;
    esac
    echo "$file"
done <scripts.tsv
