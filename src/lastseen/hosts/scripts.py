"""The shell scripts that run on hosts: fixed texts, POSIX sh, all that varies comes in as quoted arguments.

Each long-lived one reads standard input and lives exactly as long as it is open: when lastseen ends, whoever ended
it, or ssh is cut, its end is closed by the kernel and the script puts everything back.
"""

from typing import Final

__all__ = ["CAPTURE", "ENTER", "HOLD", "KILL", "PROBE", "SET_SYSCTL"]

ENTER: Final = """
file=$1 inode=$2; shift 2
same() { [ "$(stat -L -c %i "$1" 2>/dev/null)" = "$inode" ]; }
same /proc/self/ns/net && exec "$@"
for ns in "$file" /run/netns/* /proc/[0-9]*/ns/net; do
  same "$ns" && exec nsenter --net="$ns" "$@"
done
echo 'the network namespace is gone' >&2
exit 97
"""
"""FILE INODE COMMAND...: runs the command in the namespace of that inode, whatever it is called by now; 97: gone."""

SET_SYSCTL: Final = """
[ "$(cat "$1" 2>/dev/null | tr '\\t' ' ')" = "$2" ] || exit 96
printf '%s\\n' "$3" >"$1"
"""
"""FILE EXPECTED NEW: writes a sysctl if it still has the expected value; 96: it has another."""

HOLD: Final = """
trap '' HUP INT TERM PIPE
set_all() {
  while [ $# -gt 0 ]; do
    nsenter --net="$1" sh -c 'printf "%s\\n" "$2" >"$1"' sh "$2" "$4" 2>/dev/null && echo "made $2" || echo "failed $2"
    shift 4
  done
  echo ready
}
put_back() {
  while [ $# -gt 0 ]; do
    nsenter --net="$1" sh -c 'now=$(cat "$1" | tr "\\t" " "); [ "$now" != "$3" ] || printf "%s\\n" "$2" >"$1"' \\
      sh "$2" "$3" "$4" 2>/dev/null
    shift 4
  done
}
set_all "$@"
cat >/dev/null
put_back "$@"
"""
"""(NETNS FILE OLD NEW)...: sets sysctls, waits for the end of standard input, sets them back where still NEW.

Only the end of its input ends it: a signal that came while it sets would leave half of them."""

CAPTURE: Final = """
exec 3<&0
"$@" 3<&- </dev/null &
child=$!
trap 'kill -TERM $child 2>/dev/null' HUP INT TERM
end_it() {
  cat <&3 >/dev/null
  kill -TERM $child 2>/dev/null
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
    kill -0 $child 2>/dev/null || exit
    sleep 0.2
  done
  kill -KILL $child 2>/dev/null
}
end_it >/dev/null 2>&1 &
watch=$!
exec 3<&-
wait $child
status=$?
kill -0 $child 2>/dev/null && wait $child
kill $watch 2>/dev/null
exit $status
"""
"""COMMAND...: runs it until standard input ends, then ends it (tcpdump then writes what it holds)."""

KILL: Final = """
found=0
for signal in INT TERM KILL; do
  left=
  for d in /proc/[0-9]*; do
    pid=${d#/proc/}
    [ "$pid" = $$ ] && continue
    tr '\\0' '\\n' <"$d/environ" 2>/dev/null | grep -qx "LASTSEEN_SESSION=$1" && left="$left $pid"
  done
  [ -z "$left" ] && break
  found=1
  kill -$signal $left 2>/dev/null
  for i in 1 2 3 4 5 6 7 8 9 10; do
    alive=
    for pid in $left; do
      case $(cut -d ')' -f 2 /proc/$pid/stat 2>/dev/null) in ''|' Z'*) ;; *) alive=1 ;; esac
    done
    [ -z "$alive" ] && break
    sleep 0.1
  done
done
echo $found
"""
"""SESSION: ends every program that carries the session's name in its environment, gently first."""

PROBE: Final = """
echo "boot $(cat /proc/sys/kernel/random/boot_id 2>/dev/null)"
echo "inode $(stat -L -c %i /proc/self/ns/net 2>/dev/null)"
echo "init $(stat -L -c %i /proc/1/ns/net 2>/dev/null)"
echo "uid $(id -u)"
echo "name $(uname -n)"
echo "caps $(sed -n 's/^CapEff:[^0-9a-f]*//p' /proc/self/status)"
for ns in /run/netns/*; do
  [ -e "$ns" ] && echo "netns $(stat -L -c %i "$ns" 2>/dev/null) $ns"
done
for tool in tcpdump dumpcap strace sysctl nsenter ip ss nstat ethtool tc nft iptables-save conntrack dmesg ovs-vsctl \\
  ovs-ofctl ovs-appctl ovs-dpctl virsh bridge timeout crictl docker podman lsns; do
  command -v $tool >/dev/null 2>&1 && echo "tool $tool"
done
[ -r /proc/sys/net/netfilter/nf_conntrack_log_invalid ] && echo conntrack
echo "clock $(date +%s.%N)"
"""
"""What the host is, and has."""
