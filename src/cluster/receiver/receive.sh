# Takes one upload from standard input, proves that all of it arrived, and only then lets the build start.
#
# Input: frames, each a line "SIZE CODING SHA256" and that many bytes, plain or gzip; decoded they make a tar archive.
# Then the end marker, two lines:
#   end
#   ATTEMPT ENTRIES SHA256
# with the count of archive entries and the hash of all frame lines, which so stands for every byte, their order and
# number. A connection that breaks looks like a clean end of input here, so neither the end of input nor tar's exit code
# counts: without the whole marker, or with another attempt, count or hash, nothing is released.
#
# Output: "ready ATTEMPT" when input may come, "whole ATTEMPT" when it is proven, "failed ATTEMPT CODE" if it ends
# otherwise. Exit: 0 released, 65 arrived but is not what was sent, 74 cannot be unpacked here, 75 cut off.
# Usage: sh -c receive.sh sh VOLUME NONCE ATTEMPT
#
# Several attempts may run here at once: the server need not notice that a connection is dead. Each has directories of
# its own, and what one unpacked is never seen by another. The first to be whole takes the claim, and nobody else moves
# anything into place.
#
# The shell keeps its own standard output and error open to the end: containerd cuts standard input as soon as a
# process closes them. No GNU options: busybox runs this. No tee: busybox's copies a kilobyte at a time and would halve
# the speed of the whole upload.
volume=$1 nonce=$2 attempt=$3
part=$volume/.part-$attempt work=$volume/.work-$attempt claim=$volume/.claim-$nonce whole=$volume/.whole-$nonce
claimed=

# First the traces, then the word: without the directory the waiter knows that no upload is under way, and the word may
# have nobody left to hear it.
fail() {
	code=$1
	shift
	rm -rf "$part" "$work"
	[ -z "$claimed" ] || rmdir "$claim"
	echo "$*" >&2
	# While input is waiting to be read the exit code may not get through; this does.
	echo "failed $attempt $code"
	exit "$code"
}

# Another attempt was quicker: its context is as whole as this one's.
released() {
	rm -rf "$part" "$work"
	echo "whole $attempt"
	exit 0
}

# What is hashed is the frame as it lies on the disk, before any of it is unpacked.
unpack() {
	[ "$(sha256sum <"$1")" = "$3  -" ] || {
		: >"$work/damaged"
		return 1
	}
	case $2 in
	gzip) gunzip <"$1" ;;
	*) cat "$1" ;;
	esac
}

# The next frame is read while the one before is unpacked. Pieces of 64 KiB, what a pipe holds, written over those of
# an earlier frame: neither memory nor disk has to be found for them, which is half of the work otherwise.
frames() {
	busy= turn=0
	while read -r size coding hash && [ "$size" != end ]; do
		case $size in '' | *[!0-9]*) break ;; esac
		frame=$work/frame$turn piece=$size pieces=1 over=
		if [ $((size % 65536)) = 0 ]; then
			frame=$frame-$size piece=65536 pieces=$((size / 65536)) over=conv=notrunc
		fi
		said=$(dd bs="$piece" count="$pieces" iflag=fullblock $over of="$frame" 2>&1) || {
			echo "$said" >&2
			return
		}
		[ -z "$busy" ] || wait "$busy" || return
		unpack "$frame" "$coding" "$hash" &
		busy=$! turn=$((1 - turn))
		echo "$size $coding $hash" >>"$work/lines"
		# The waiter sees that it goes on.
		echo "$attempt $hash" >"$volume/.progress-$nonce"
	done
	[ -z "$busy" ] || wait "$busy" || return
	[ "$size" = end ] || : >"$work/damaged"
}

[ ! -f "$whole" ] || released
rm -rf "$part" "$work"
mkdir "$part" "$work" && : >"$work/lines" || fail 74 "cannot write to $volume"
echo "$attempt" >"$volume/.progress-$nonce"
echo "ready $attempt"

frames | tar -xf - -C "$part"
unpacked=$?

# frames has read the marker's first line, this is the second; or, if it gave up before, whatever comes next.
read -r end_attempt entries hash || fail 75 "upload was cut off"
[ ! -e "$work/damaged" ] || fail 65 "a frame arrived damaged"
[ "$unpacked" = 0 ] || fail 74 "tar ended with $unpacked"
[ "$end_attempt" = "$attempt" ] || fail 65 "end marker is of another upload"
[ "$(sha256sum <"$work/lines")" = "$hash  -" ] || fail 65 "frames are missing"
# One more than the entries: find counts the directory itself. NUL-ended, for names with newlines.
found=$(find "$part" -print0 | tr -dc '\000' | wc -c)
[ "$((found))" = $((entries + 1)) ] || fail 65 "sent $entries entries, unpacked $((found - 1))"

if ! mkdir "$claim" 2>/dev/null; then
	for second in 1 2 3 4 5 6 7 8 9 10; do
		[ ! -f "$whole" ] || released
		sleep 1
	done
	fail 74 "another attempt holds $claim and does not end"
fi
claimed=yes
for entry in "$part"/*; do
	rm -rf "$volume/${entry##*/}" && mv "$entry" "$volume/" || fail 74 "cannot move the context into place"
done
rm -rf "$part" "$work"
: >"$whole" || fail 74 "cannot write to $volume"
echo "whole $attempt"
