#!/bin/bash
# Run a command that may do anything, in namespaces of its own: there it sees no process but those
# that it starts, and can write to no file but those of a run, and to a scratch folder in memory.
#
#     unshare --mount --pid --fork --mount-proc --kill-child bash tests/mutation/alone.sh COMMAND...
set -eu

mkdir -p mutants soak-output
room=/tmp
case "$PWD/" in /tmp/*) room=/var/tmp ;; esac  # the checkout must not be hidden
for folder in "$room" /dev/shm; do
    mount -t tmpfs -o mode=1777 scratch "$folder"
done
for folder in mutants soak-output; do
    mount --bind "$folder" "$folder"
done
while read -r _ _ _ _ point _; do
    case "$point" in
        "$room" | /dev/shm | "$PWD/mutants" | "$PWD/soak-output") ;;
        /) mount -o remount,bind,ro / ;;
        # What holds no files of anybody refuses, and does not matter.
        *) mount -o remount,bind,ro "$(printf '%b' "$point")" 2>/dev/null || true ;;
    esac
done </proc/self/mountinfo

export HOME="$room/home" TMPDIR="$room"
unset BMUX_FORENSICS_STATE_DIR "${!XDG_@}"
mkdir "$HOME"
cd "$PWD"  # through the mounts that were made since

# Not exec: whoever is the first process reaps what tests leave behind.
"$@"
