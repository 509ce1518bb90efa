# Command of the init container: ends with 0 as soon as a context is proven whole, which starts the executor.
# Only receive.sh makes the file it waits for. Ends with 75 if nothing of an upload arrives for IDLE_SECONDS, so that a
# client that vanished leaves no pod waiting.
#
# With RECEIVER, the text of receive.sh, what comes on its own standard input is the upload, and there is only one: it
# ends as that does.
# Usage: sh -c wait.sh sh VOLUME NONCE IDLE_SECONDS [RECEIVER ATTEMPT]
volume=$1 nonce=$2 idle=$3 receiver=
# As process 1 the shell ignores these without a trap; a sleep in the background lets the trap run at once.
trap 'exit 143' TERM INT
if [ $# -gt 3 ]; then
	# What runs in the background gets no standard input of its own accord. Its replies have nobody to read them.
	exec 3<&0
	sh -c "$4" sh "$volume" "$nonce" "$5" <&3 >/dev/null &
	receiver=$!
fi
# Not every sleep takes fractions.
pause=0.1 ticks=10
sleep 0.1 2>/dev/null || { pause=1 ticks=1; }
waited=0 seen= now=
while [ ! -f "$volume/.whole-$nonce" ]; do
	if [ -n "$receiver" ] && ! kill -0 "$receiver" 2>/dev/null; then
		wait "$receiver"
		exit
	fi
	{ read -r now <"$volume/.progress-$nonce"; } 2>/dev/null
	if [ "$now" != "$seen" ]; then seen=$now waited=0; fi
	waited=$((waited + 1))
	if [ "$waited" -gt $((idle * ticks)) ]; then
		echo "no upload for $idle seconds" >&2
		exit 75
	fi
	sleep "$pause" &
	wait $!
done
exit 0
