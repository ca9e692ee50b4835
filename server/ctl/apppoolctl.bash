# SPDX-License-Identifier: Apache-2.0
# bash completion for apppoolctl

_apppoolctl() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
    local commands="status requests top memory config restart backtrace detach
        drain undrain ping version"
    local options="--pid --pid-file --conf --socket --url --json --all
        --interval --count --help --version"

    case $before in
    --pid-file|--conf|--socket)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        compopt -o filenames
        return ;;
    restart)
        mapfile -t COMPREPLY < <(compgen -W "--all $(apppoolctl status \
            2>/dev/null | grep '^/')" -- "$word")
        return ;;
    backtrace|detach)
        mapfile -t COMPREPLY < <(compgen -W "$(apppoolctl status 2>/dev/null |
            awk '$1 ~ /^[0-9]+$/ && NF == 8 { print $1 }')" -- "$word")
        return ;;
    --pid)
        mapfile -t COMPREPLY < <(compgen -W "$(pgrep -x apppool-server)" \
            -- "$word")
        return ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$commands $options" -- "$word")
}
complete -F _apppoolctl apppoolctl
