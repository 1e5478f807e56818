/** For bash alone: the library's script needs the package bash-completion, and evaluates what was typed. */
export const BASH_COMPLETION = `# bash completion for stella; needs nothing but bash
__stella_complete() {
    local IFS=$' \\t\\n' glue='' part last word line out directive i
    local words=()
    # Bash takes words apart at = and : where the command does not.
    for ((i = 1; i <= COMP_CWORD; i++)); do
        word=\${COMP_WORDS[i]}
        if [[ $i -gt 1 && ( -n $glue || $word == [=:]* ) ]]; then
            words[last]+=$word
        else
            last=\${#words[@]}
            words[last]=$word
        fi
        glue=''
        [[ $word == *[=:] ]] && glue=1
    done
    COMPREPLY=()
    out=$("\${1/#\\~\\//$HOME/}" complete -- "\${words[@]}" 2> /dev/null) || return 0
    directive=\${out##*:}
    part=\${words[last]}
    [[ $part == --*=* ]] && part=\${part#*=}
    while IFS= read -r line; do
        line=\${line%%$'\\t'*}
        [[ -n $line && $line == "$part"* ]] && COMPREPLY+=("$line")
    done <<< "\${out%:*}"
    # Bash itself completes file names where there is nothing else, unless it is told not to.
    if ((directive & 4)); then compopt +o default 2> /dev/null; fi
    return 0
}
complete -o default -F __stella_complete stella
`;
