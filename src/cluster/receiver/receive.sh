# Takes one upload from standard input, proves that all of it arrived, and only then lets the build start.
#
# Input: frames, each a line "SIZE SHA256" and that many bytes of archive; then the end marker, two lines:
#   end
#   NONCE ENTRIES SHA256
# with the count of archive entries and the hash of all frame lines, which so stands for every byte, their order and
# number. A connection that breaks looks like a clean end of input here, so neither the end of input nor tar's exit code
# counts: without the whole marker, or with another nonce, count or hash, nothing is released.
#
# Output: "ready NONCE" when input may come, "whole NONCE" when it is proven, "failed NONCE CODE" if it ends otherwise.
# Exit: 0 released, 65 arrived but is not what was sent, 74 cannot be unpacked here, 75 cut off.
# Usage: sh -c receive.sh sh VOLUME NONCE TAR_FLAGS
#
# The shell keeps its own standard output and error open to the end: containerd cuts standard input as soon as a
# process closes them. No GNU options: busybox runs this. No tee: busybox's copies a kilobyte at a time and would halve
# the speed of the whole upload.
volume=$1 nonce=$2 flags=$3
part=$volume/.part-$nonce work=$volume/.work-$nonce

# First the traces, then the word: without the directory the waiter knows that no upload is under way, and the word may
# have nobody left to hear it.
fail() {
	code=$1
	shift
	rm -rf "$part" "$work"
	echo "$*" >&2
	# While input is waiting to be read the exit code may not get through; this does.
	echo "failed $nonce $code"
	exit "$code"
}

frames() {
	while read -r size hash && [ "$size" != end ]; do
		case $size in '' | *[!0-9]*) break ;; esac
		said=$(dd bs="$size" count=1 iflag=fullblock of="$work/frame" 2>&1) || {
			echo "$said" >&2
			return
		}
		[ "$(sha256sum <"$work/frame")" = "$hash  -" ] || break
		echo "$size $hash" >>"$work/lines"
		cat "$work/frame" || return
	done
	[ "$size" = end ] || : >"$work/damaged"
}

rm -rf "$part" "$work"
mkdir "$part" "$work" && : >"$work/lines" || fail 74 "cannot write to $volume"
echo "ready $nonce"

frames | tar "$flags" - -C "$part"
unpacked=$?

# frames has read the marker's first line, this is the second; or, if it gave up before, whatever comes next.
read -r end_nonce entries hash || fail 75 "upload was cut off"
[ ! -e "$work/damaged" ] || fail 65 "a frame arrived damaged"
[ "$unpacked" = 0 ] || fail 74 "tar ended with $unpacked"
[ "$end_nonce" = "$nonce" ] || fail 65 "end marker is of another upload"
[ "$(sha256sum <"$work/lines")" = "$hash  -" ] || fail 65 "frames are missing"
# One more than the entries: find counts the directory itself. NUL-ended, for names with newlines.
found=$(find "$part" -print0 | tr -dc '\000' | wc -c)
[ "$((found))" = $((entries + 1)) ] || fail 65 "sent $entries entries, unpacked $((found - 1))"

for entry in "$part"/*; do
	rm -rf "$volume/${entry##*/}" && mv "$entry" "$volume/" || fail 74 "cannot move the context into place"
done
rm -rf "$part" "$work"
: >"$volume/.whole-$nonce" || fail 74 "cannot write to $volume"
echo "whole $nonce"
