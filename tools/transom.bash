# tools/transom.bash - completion for bash: commands, options, the values they take, schemes and files.
# shellcheck shell=bash

_transom() {
  local commands="tour send recv pipe version"
  local common="--help --framing --type --count --text --quiet --json"
  local schemes="unix:/// unix+stream:/// unix+dgram:/// fifo:/// posix-mq:/// sysv-mq:/// shm:// posix-shm:/// sysv-shm:/// tcp:// udp:// fd: env:"
  local mechanisms="inproc pipe fd fifo unix unix+stream unix+dgram posix-mq sysv-mq shm posix-shm sysv-shm memfd tcp udp"
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]:-} prefix="" choices=""
  # Bash takes a URL apart at its colons; put together what belongs to the word under the cursor.
  if declare -F _get_comp_words_by_ref >/dev/null; then
    local words cword
    _get_comp_words_by_ref -n : -c current -p previous -w words -i cword
    command=${words[1]:-}
  else
    local cword=$COMP_CWORD
  fi

  if [ "$cword" -eq 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W "$commands --help --version" -- "$current")
    return
  fi
  case $previous in
    --framing) choices="native length line raw" ;;
    --size) choices="64 1k 4k 64k 1M" ;;
    --count | --type | --priority) return ;;
    --via)
      # The last of several, separated by commas.
      case $current in *,*) prefix=${current%,*}, ;; esac
      mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$mechanisms" -- "${current##*,}")
      return
      ;;
  esac
  if [ -z "$choices" ]; then
    case $current in
      -*)
        case $command in
          tour) choices="--help --via --json" ;;
          send) choices="$common --size --priority" ;;
          recv) choices="$common --keep-open --delimit" ;;
          pipe) choices="--help --text --quiet --json" ;;
          version) choices="--help --json" ;;
        esac
        ;;
      unix:///* | unix+stream:///* | unix+dgram:///* | fifo:///* | sysv-mq:///*)
        prefix=${current%%:///*}://
        mapfile -t COMPREPLY < <(compgen -P "$prefix" -f -- "${current#"$prefix"}")
        compopt -o nospace 2>/dev/null
        ;;
      *)
        case $command in
          tour) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
          send)
            choices=$schemes
            [ "$cword" -gt 2 ] && mapfile -t COMPREPLY < <(compgen -f -- "$current") && choices=""
            ;;
          recv | pipe) choices=$schemes ;;
        esac
        [ "$choices" = "$schemes" ] && compopt -o nospace 2>/dev/null
        ;;
    esac
  fi
  [ -z "$choices" ] || mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$current")
  if declare -F __ltrim_colon_completions >/dev/null; then __ltrim_colon_completions "$current"; fi
}
complete -o filenames -F _transom transom
