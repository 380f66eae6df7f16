#compdef fibonacci
_fibonacci() {
  local -a lines words_here shown
  local line
  lines=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
  lines=("${(@f)$(command fibonacci __complete words "${(@)lines}" 2>/dev/null </dev/null)}")
  case $lines[1] in
    files) compset -P '--*='; _files; return ;;
    folders) compset -P '--*='; _files -/; return ;;
  esac
  for line in "${(@)lines[2,-1]}"; do
    words_here+=("${line%%$'\t'*}")
    shown+=("${line%%$'\t'*}${${line#*$'\t'}:+  -- ${line#*$'\t'}}")
  done
  compadd -l -d shown -a words_here
}
if [[ $funcstack[1] == _fibonacci ]]; then _fibonacci "$@"; else compdef _fibonacci fibonacci; fi
