# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What a case sources first: `. "$VM_LIB"`. The case runs on the host; these reach the guest, the
# daemon and the machine. A case ends at the first command that fails (set -e), so most checks are
# plain commands; `fail` and the expect_ functions say what was wrong.
#
# Set by the harness: VM_LINE (6.1, 6.12), VM_RELEASE, VM_MODULES (ours, stock), VM_DIR (the case's
# own folder for files and logs), VM_BUILD (the build tree), VM_TOP, VM_CONSOLE (the kernel's log),
# VM_IMAGE (its initramfs), VM_SOCKETS (the machine's folder for sockets).
set -Eeuo pipefail
trap 'echo "FAILED: line $LINENO: $BASH_COMMAND" >&2' ERR

_vm_client="$VM_TOP/tests/vm/guest"

# guest COMMAND...: runs it in the guest as root, with no input; its output and exit code.
guest() { "$_vm_client" run "$@"; }

# guest_user COMMAND...: the same as an ordinary user.
guest_user() { "$_vm_client" run --user 1000 "$@"; }

# guest_sh TEXT: the same for a line of shell.
guest_sh() { "$_vm_client" run sh -c "$1"; }

# ... | guest_in COMMAND...: with this function's standard input as the command's.
guest_in() { "$_vm_client" run --stdin "$@"; }

# guest_bg COMMAND...: starts it and returns; $GUEST_BG is what to `wait` for. Its output goes to
# $VM_DIR/background.N, named by $GUEST_BG_OUTPUT.
_vm_background=0
guest_bg() {
  _vm_background=$((_vm_background + 1))
  GUEST_BG_OUTPUT="$VM_DIR/background.$_vm_background"
  "$_vm_client" run "$@" > "$GUEST_BG_OUTPUT" 2>&1 &
  # shellcheck disable=SC2034  # for the case
  GUEST_BG=$!
}

# guest_push LOCAL REMOTE, guest_pull REMOTE LOCAL
guest_push() {
  "$_vm_client" run --stdin sh -c 'cat > "$0"' "$2" < "$1"
  [ ! -x "$1" ] || guest chmod 755 "$2"
}
guest_pull() { guest cat "$1" > "$2"; }

# vmctl ARGUMENTS...: the daemon's command line; $VMCTL_CONTROL names this machine's daemon.
vmctl() { "$VM_BUILD/bin/vmctl" "$@"; }

# stat_of NAME: one of the device's counters. service_stat SERVICE KEY: a number of the service.
stat_of() {
  vmctl stats --json | python3 -c 'import json, sys
print(json.load(sys.stdin)["device"][sys.argv[1]])' "$1"
}
service_stat() {
  vmctl stats --json | python3 -c 'import json, sys
service = next(s for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1])
value = service[sys.argv[2]]
print(sum(value.values()) if isinstance(value, dict) else value)' "$1" "$2"
}

# machine reboot | kill-qemu | stop-qemu | start-qemu | kill-daemon | stop-daemon | start-daemon |
# freeze-daemon | expect-reboot | wait-reboot | wait-kexec | mark '{"text": ...}' | qmp '{"execute": ...}'
machine() { "$_vm_client" ask "$@"; }

# Takes the driver out, and the file system on top of it that another case may have left.
guest_unload() { guest_sh 'rmmod vboxsf 2> /dev/null; rmmod vboxguest'; }

# The guest kernel's messages since the case began.
kernel_log() {
  machine mark '{"text": "kernel_log"}' > /dev/null
  tail -c +"$((VM_CONSOLE_START + 1))" "$VM_CONSOLE" | tr -d '\r'
}

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# skip REASON: the case cannot run here.
skip() {
  echo "SKIPPED: $*"
  exit 77
}

expect_equal() { # WHAT WANTED FOUND
  [ "$2" = "$3" ] || fail "$1: wanted '$2', found '$3'"
}

expect_match() { # WHAT REGULAR-EXPRESSION FOUND
  [[ $3 =~ $2 ]] || fail "$1: wanted a match of '$2', found '$3'"
}

# expect_exit CODE COMMAND...: the command must end with this code. Its output is in $OUTPUT.
expect_exit() {
  local wanted=$1 found=0
  shift
  OUTPUT=$("$@" 2>&1) || found=$?
  [ "$found" -eq "$wanted" ] || fail "'$*' ended with $found, not $wanted: $OUTPUT"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    [ "$SECONDS" -lt "$deadline" ] || fail "'$*' did not come true in time"
    sleep 0.1
  done
}

# result PASS|FAIL|SKIP NAME [DETAIL]: a part of the case that counts by itself.
result() { echo "$*" >> "$VM_DIR/results"; }

# guest_gtest [--user] [NAME=VALUE...] PROGRAM [ARGUMENTS...]: runs /tests/PROGRAM with these
# variables in its environment; each of its tests counts by itself.
guest_gtest() {
  local run=guest as=root environment=()
  if [ "$1" = --user ]; then
    run=guest_user as=user
    shift
  fi
  while [[ $1 == *=* ]]; do
    environment+=("$1")
    shift
  done
  local program=$1 code=0 report
  shift
  report="/tmp/$program-$as.json"
  guest rm -f "$report"
  "$run" env "${environment[@]}" "/tests/$program" "--gtest_output=json:$report" "$@" \
    > "$VM_DIR/$program-$as.log" 2>&1 || code=$?
  guest_pull "$report" "$VM_DIR/$program-$as.json" || fail "$program left no report (exit code $code)"
  python3 "$VM_TOP/tests/vm/harness/gtest_report.py" "$VM_DIR/$program-$as.json" \
    "$VM_DIR/$program-$as.log" "$program-$as" "$code" >> "$VM_DIR/results"
}
