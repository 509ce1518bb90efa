# Takes one upload from standard input, proves that all of it arrived, and only then lets the build start.
#
# Input: frames, each a line with a size and that many bytes of archive; then the end marker, two lines
#   end
#   NONCE ENTRIES SHA256
# with the count of archive entries and the hash of all frame bytes. A connection that breaks looks like a clean end of
# input here, so neither the end of input nor tar's exit code counts: without the whole marker, or with another nonce,
# count or hash, nothing is released.
#
# Output: "ready NONCE" when input may come, "whole NONCE" when it is proven.
# Exit: 0 released, 65 arrived but is not what was sent, 74 cannot be unpacked here, 75 cut off.
# Usage: sh -c receive.sh sh VOLUME NONCE TAR_FLAGS
#
# The shell keeps its own standard output and error open to the end: containerd cuts standard input as soon as a
# process closes them. No GNU options: busybox runs this.
volume=$1 nonce=$2 flags=$3
part=$volume/.part-$nonce pipe=$volume/.pipe-$nonce sum=$volume/.sum-$nonce

fail() {
	code=$1
	shift
	echo "$*" >&2
	rm -rf "$part" "$pipe" "$sum"
	exit "$code"
}

frames() {
	while read -r size && [ "$size" != end ]; do
		# What is no size makes the rest worthless: read away, so that no end marker is found in it.
		case $size in '' | *[!0-9]*) exec cat >/dev/null ;; esac
		dd bs="$size" count=1 iflag=fullblock 2>/dev/null || return 1
	done
}

rm -rf "$part" "$pipe" "$sum"
mkdir "$part" && mkfifo "$pipe" || fail 74 "cannot write to $volume"
sha256sum <"$pipe" >"$sum" &
hasher=$!
echo "ready $nonce"

frames | tee "$pipe" | tar "$flags" - -C "$part"
unpacked=$?
wait "$hasher"

# frames has read the marker's first line, this is the second. If tar gave up early this reads archive bytes: so its
# exit code is looked at before what was read.
read -r end_nonce entries hash || fail 75 "upload was cut off"
[ "$unpacked" = 0 ] || fail 74 "tar ended with $unpacked"
[ "$end_nonce" = "$nonce" ] || fail 65 "end marker is of another upload"
read -r received rest <"$sum"
[ "$received" = "$hash" ] || fail 65 "hash differs: sent $hash, received $received"
# One more than the entries: find counts the directory itself. NUL-ended, for names with newlines.
found=$(find "$part" -print0 | tr -dc '\000' | wc -c)
[ "$((found))" = $((entries + 1)) ] || fail 65 "sent $entries entries, unpacked $((found - 1))"

mv "$part"/* "$volume"/ && rm -rf "$part" "$pipe" "$sum" || fail 74 "cannot move the context into place"
echo "whole $nonce"
: >"$volume/.whole-$nonce"
