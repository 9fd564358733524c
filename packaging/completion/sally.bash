# SPDX-License-Identifier: BSD-2-Clause
# bash-completion for sally(1). What its options are it is asked itself.
_sally() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    case $before in
    --password-file | --output | -o)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    --encoding)
        mapfile -t COMPREPLY < <(compgen -W "$(iconv -l 2>/dev/null | tr -d /)" -- "$word")
        return
        ;;
    esac
    if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(sally --help | grep -oE -- '--[a-z-]+')" -- "$word")
    elif ((COMP_CWORD == 1)); then
        mapfile -t COMPREPLY < <(compgen -W "$(sally --help | sed -n 's/^\(usage:\)* *sally \([a-z]*\) .*/\2/p')
            $(cut -d ' ' -f 1 "${XDG_CONFIG_HOME:-$HOME/.config}/sally/bookmarks" 2>/dev/null)" -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    fi
}
complete -o filenames -F _sally sally
