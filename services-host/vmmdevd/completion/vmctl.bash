# SPDX-License-Identifier: MIT
# bash completion for vmctl: commands, options, and names that the running daemon knows.

# Names of properties or services, asked from the daemon; nothing when it does not answer.
_vmctl_names() {
  local json
  json=$(vmctl ${_vmctl_control:+--control "$_vmctl_control"} --json "$@" 2>/dev/null) || return
  sed -nE 's/^ *"name": "([A-Za-z0-9_./-]+)",?$/\1/p' <<<"$json"
}

_vmctl() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local _vmctl_control='' words=() i replies
  COMPREPLY=()

  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      --control | --socket) _vmctl_control=${COMP_WORDS[++i]-} ;;
      --flags | --timeout | --timestamp | --event | --count | --patterns | --interval | --level | \
        --wheel | --horizontal-wheel | --buttons | --domain | --package | --offset | --output | \
        --symlinks | --auto-mount-point) ((i++)) ;;
      -*) ;;
      *) words+=("${COMP_WORDS[i]}") ;;
    esac
  done

  case $prev in
    --control | --socket)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    --event)
      mapfile -t COMPREPLY < <(compgen -W 'GUEST_CONNECTED GUEST_READY GUEST_DISCONNECTED
        GUEST_PROPERTY_CHANGED GUEST_FACILITY GUEST_CAPABILITIES GUEST_USER_STATE GUEST_STATISTICS
        GUEST_BUG_CHECK MOUSE_FEATURES POINTER_SHAPE VISIBLE_REGION MONITOR_POSITIONS
        CREDENTIALS_JUDGED BALLOON_CHANGED POWER_REQUEST CORE_DUMP_REQUEST QEMU_ANSWERED RESTORED
        RESET SHUTDOWN EVENTS_LOST' -- "$cur")
      return
      ;;
    --flags)
      mapfile -t COMPREPLY < <(compgen -W 'TRANSIENT RDONLYGUEST RDONLYHOST READONLY TRANSRESET' \
        -- "$cur")
      return
      ;;
    --symlinks)
      mapfile -t COMPREPLY < <(compgen -W 'none subtree relative any' -- "$cur")
      return
      ;;
    --output)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    --timeout | --timestamp | --count | --interval | --level | --wheel | --horizontal-wheel | \
      --buttons | --domain | --package | --offset | --auto-mount-point) return ;;
  esac

  local options='--control --json --help'
  case "${words[*]}" in
    '')
      replies='balloon cpu credentials display events execute guest guestproperty info loadstate
        mouse quit remote-display savestate seamless service services sharedfolder stats time'
      options+=' --version'
      ;;
    guestproperty) replies='get set delete unset enumerate wait' ;;
    guest) replies='info status statistics' ;;
    'guest statistics') options+=' --interval' ;;
    balloon) replies='get set' ;;
    cpu) replies='plug unplug' ;;
    'cpu plug' | 'cpu unplug') options+=' --package' ;;
    credentials) replies='clear set status' ;;
    'credentials set'*) options+=' --domain --judge --no-local-logon' ;;
    display) replies='hint limit list' ;;
    'display hint'*) options+=' --force' ;;
    mouse) replies='absolute move shape status' ;;
    'mouse move'*) options+=' --wheel --horizontal-wheel --buttons' ;;
    'mouse shape') options+=' --output' ;;
    'mouse absolute' | seamless) replies='on off' ;;
    remote-display)
      replies='on off'
      options+=' --level'
      ;;
    time) options+=' --offset' ;;
    savestate | loadstate)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    sharedfolder) replies='add remove list' ;;
    'sharedfolder remove') replies=$(_vmctl_names sharedfolder list) ;;
    'sharedfolder add') ;;
    'sharedfolder add '*)
      options+=' --readonly --automount --auto-mount-point --symlinks'
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      [[ $cur == -* ]] || return
      ;;
    service) replies='load unload' ;;
    'service unload') replies=$(_vmctl_names services) ;;
    'service load '*)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    execute) replies=$(_vmctl_names execute query-commands) ;;
    events) options+=' --event --count' ;;
    'guestproperty get' | 'guestproperty wait'*)
      replies=$(_vmctl_names guestproperty enumerate)
      options+=' --verbose'
      [[ ${words[1]} == wait ]] && options+=' --timeout --timestamp'
      ;;
    'guestproperty set' | 'guestproperty delete' | 'guestproperty unset' | \
      'guestproperty enumerate'*)
      replies=$(_vmctl_names guestproperty enumerate)
      ;;
    'guestproperty set '*) options+=' --flags' ;;
  esac
  [[ $cur == -* ]] && replies=$options
  mapfile -t COMPREPLY < <(compgen -W "${replies-}" -- "$cur")
}

complete -F _vmctl vmctl
