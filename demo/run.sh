#!/usr/bin/env bash
# The main job once, on a copy of a real snapshot: look, plan, kill, prove.
# `make demo` runs this with its own virtual environment first on PATH.
# Everything it writes lies in ./demo-output, which is made anew each time.
set -Eeuo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly OUT=demo-output
readonly SAMPLE=../sample_snapshots/alpha4-day/bmux-snapshot-v1.20261122T115637Z.json
readonly COPY=day.json

fail() {
    printf '\ndemo FAILED: %s\n' "$*" >&2
    exit 1
}
trap 'fail "line $LINENO: $BASH_COMMAND"' ERR

heading() { printf '\n== %s\n' "$*"; }
show() {
    printf '\n$ %s\n' "$*"
    "$@" || fail "exit code $? of: $*"
}
proven() { printf 'proven  %s\n' "$*"; }

sha256() {
    if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d' ' -f1
}
# The value of one member of a JSON object in a file.
member() { python -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"; }
# How many lines of a file hold a text; none is an answer here, not an error.
lines_with() { grep -c -F -e "$1" "$2" || true; }

command -v bmux-forensics >/dev/null || fail "no bmux-forensics on PATH; run this as: make demo"

rm -rf "$OUT"
mkdir -p "$OUT/home"
cd "$OUT"
# Nothing of this machine's bmux or of the user's own state is looked at or changed.
unset BMUX_RUNTIME_NAME
export HOME=$PWD/home
export XDG_DATA_HOME=$HOME/data XDG_STATE_HOME=$HOME/state XDG_CACHE_HOME=$HOME/cache
export XDG_CONFIG_HOME=$HOME/config XDG_RUNTIME_DIR=$HOME/run
export BMUX_DATA_DIR=$HOME/bmux BMUX_RUNTIME_DIR=$HOME/run/bmux
export BMUX_FORENSICS_STATE_DIR=$HOME/forensics-state

sample_before=$(sha256 "$SAMPLE")

printf '\n$ cd %s\n' "$OUT"
heading "A copy of what a real bmux server saved while five sessions were open"
show cp -p "$SAMPLE" "$COPY"
cp -p "$COPY" first.json

heading "What is in it?"
show bmux-forensics info "$COPY"
show bmux-forensics tables "$COPY"
show bmux-forensics tables "$COPY" --table sessions
show bmux-forensics tables "$COPY" --table bindings
# A pane has many columns; in a pipe they are lines with tabs, and these are the telling ones.
printf '\n$ %s\n' "bmux-forensics tables $COPY --table panes | cut -f 5,7,12,14,16"
bmux-forensics tables "$COPY" --table panes | cut -f 5,7,12,14,16

heading "Is anything wrong with it, and what would a server bring back?"
show bmux-forensics audit "$COPY"

heading "What happened on that day? Each copy that was kept, compared with the one before"
show bmux-forensics timeline "$(dirname "$SAMPLE")"

heading "What would killing the session \"ops\" do? Nothing is written yet."
show bmux-forensics kill ops --dry-run --snapshot "$COPY"
# The same plan for a program: it says beforehand which bytes will stand there afterwards.
bmux-forensics kill ops --dry-run --json --snapshot "$COPY" 2>/dev/null >plan.json
bmux-forensics tables "$COPY" --json >tables-before.json
said_before=$(member plan.json sha256_before)
said_after=$(member plan.json sha256_after)
session=$(member plan.json removed_session_ids | tr -d "[]'")
[[ $(sha256 "$COPY") == "$sample_before" ]] || fail "the dry run changed the file"

heading "Kill it, bound to exactly the bytes that the plan was made from"
show bmux-forensics kill ops --yes --snapshot "$COPY" --expect-sha256 "$said_before" 2>&1 |
    tee kill.txt

heading "The proof"
[[ $said_before == "$sample_before" ]] || fail "the plan was made from other bytes"
proven "sha256 before is what the plan said: $said_before"

now=$(sha256 "$COPY")
[[ $now == "$said_after" && $now != "$said_before" ]] || fail "the file is $now, not $said_after"
proven "sha256 after  is what the plan said: $said_after"

bmux-forensics info "$COPY" >info-after.txt || fail "the new file does not read"
bmux-forensics tables "$COPY" --json >tables-after.json
mentions=$(lines_with "$session" tables-before.json)
[[ $mentions -gt 0 ]] || fail "the session was in no table to begin with"
left=$(lines_with "$session" tables-after.json)
[[ $left -eq 0 ]] || fail "$left mentions of the session are left"
proven "all tables together named session $session $mentions times, and now not once"

backup=$(sed -n 's/^the old bytes are kept in //p' kill.txt)
[[ -n $backup ]] || fail "the kill named no backup"
[[ $(sha256 "$backup") == "$said_before" ]] || fail "the backup has another sha256"
cmp "$backup" "$SAMPLE" || fail "the backup is not the sample, byte for byte"
proven "the backup is the sample, byte for byte"

[[ ! -e $COPY.lock ]] || fail "a lock is left"
[[ $(sha256 "$SAMPLE") == "$sample_before" ]] || fail "the sample was changed"
proven "no lock is left, and the sample itself is untouched"

heading "The evidence as one page for a browser, that asks no network for anything"
show bmux-forensics report "$COPY" -o report.html

heading "Take it back, and have it again: an undo is a change like any other"
show bmux-forensics undo --yes --snapshot "$COPY" 2>&1 | tee undo.txt
again=$(sed -n 's/^to have it again: bmux-forensics undo //p' undo.txt)
[[ -n $again ]] || fail "the undo named no id"
cmp "$COPY" "$SAMPLE" || fail "after the undo the file is not the sample"
[[ ! $COPY -nt first.json && ! $COPY -ot first.json ]] || fail "the undo did not bring back the time"
proven "after the undo the file is the sample again, byte for byte, with the time it had"
show bmux-forensics undo "$again" --yes --snapshot "$COPY"
[[ $(sha256 "$COPY") == "$said_after" ]] || fail "after undoing the undo the file is another one"
proven "after undoing the undo it is the killed one again"
show bmux-forensics verify
proven "the journal and every backup are whole"

printf '\ndemo OK: session ops is gone from %s, as planned and proven\n' "$OUT/$COPY"
