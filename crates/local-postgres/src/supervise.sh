# Runs Postgres for as long as standard input stays open, however the process at its other end comes to an end.
# $1 is the signal that stops Postgres; the rest is its command line.
signal=$1
shift
# The shell makes what it runs in the background deaf to INT and QUIT, until Postgres has set up its own handlers.
# TERM ends it before that; afterwards it is a polite request that the other signal overrules.
stop() {
    kill -s TERM "$server"
    kill -s "$signal" "$server"
}
# A terminal that closes is no reason to stop: whoever started us decides.
trap '' HUP
exec 3<&0
"$@" 3<&- </dev/null &
server=$!
trap stop INT TERM
(
    while read -r _; do :; done <&3
    stop
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
wait "$server"
status=$?
# A trap ends the wait early.
while kill -0 "$server" 2>/dev/null; do
    wait "$server"
    status=$?
done
kill "$watcher" 2>/dev/null
exit "$status"
