# Command of the init container: waits until a context is proven whole, then ends with 0, which starts the executor.
# Only receive.sh makes the file it waits for. Ends with 75 if no upload is under way for IDLE_SECONDS, so that a
# client that vanished leaves no pod waiting.
# Usage: sh -c wait.sh sh VOLUME NONCE IDLE_SECONDS
volume=$1 nonce=$2 idle=$3
# As process 1 the shell ignores these without a trap; a sleep in the background lets the trap run at once.
trap 'exit 143' TERM INT
# Not every sleep takes fractions.
pause=0.1 ticks=10
sleep 0.1 2>/dev/null || { pause=1 ticks=1; }
waited=0
while [ ! -f "$volume/.whole-$nonce" ]; do
	if [ -d "$volume/.part-$nonce" ]; then waited=0; fi
	waited=$((waited + 1))
	if [ "$waited" -gt $((idle * ticks)) ]; then
		echo "no upload for $idle seconds" >&2
		exit 75
	fi
	sleep "$pause" &
	wait $!
done
exit 0
