# bash completion of hft, feedd, braind, watchd and paperd.
_hft_suite() {
    local current=${COMP_WORDS[COMP_CWORD]} words="" place
    place="${COMP_WORDS[*]:0:COMP_CWORD}"
    case "${place##*/}" in
        hft) words="bench config decode demo doctor jitter journal memory model record strategy tune" ;;
        "hft bench") words="ring tick" ;;
        "hft config") words="check" ;;
        "hft journal") words="info verify orders cut" ;;
        "hft memory") words="prepare" ;;
        "hft model") words="train export info" ;;
        "hft strategy") words="new" ;;
        "hft tune") words="plan render" ;;
        "hft doctor"*) words="--config --strict --all --json --fix-script --preflight --report" ;;
        watchd) words="--config check ctl exporter halt init" ;;
        "watchd ctl")
            words="status kill clear arm disarm pause resume cancel-all flatten limits tail report" ;;
        "watchd ctl limits") words="show set" ;;
        "watchd ctl clear"*) words="--by --reason --config --json" ;;
        "watchd ctl kill"*) words="--symbol --instrument --strategy --by --reason --config --json" ;;
        "watchd ctl arm"* | "watchd ctl disarm"*) words="--by --reason --config --json" ;;
        "watchd ctl pause"* | "watchd ctl resume"* | "watchd ctl cancel-all"* | "watchd ctl flatten"*)
            words="--all --symbol --instrument --strategy --by --reason" ;;
        "watchd ctl"*) words="--config --json" ;;
        "watchd init"*) words="--by --config" ;;
        "watchd exporter"*) words="--config --listen --once" ;;
        feedd*) words="--config --check-config --version --help" ;;
        braind*) words="--config --replay --from --help" ;;
        paperd) words="replay venue generate ctl" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -o filenames -F _hft_suite hft feedd braind watchd paperd
