# fish completion of fibonacci
function __fibonacci_complete
    set -l current (commandline -ct | string unescape)
    set -l words (commandline -opc)
    set -l lines (command fibonacci __complete words $words[2..-1] "$current" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current"
        case '*'
            test (count $lines) -gt 1; and printf '%s\n' $lines[2..-1]
    end
end
complete -c fibonacci -f -a '(__fibonacci_complete)'
