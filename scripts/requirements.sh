# shellcheck shell=bash
# Sourced by the other scripts and .ci/run: what they need on this machine, and how a bare Debian gets it.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/kaniko-local

say() { echo "==> $*" >&2; }

die() {
	echo "${0##*/}: $*" >&2
	exit 2
}

present() {
	case $1 in
	/*) [ -e "$1" ] ;;
	*) command -v "$1" >/dev/null ;;
	esac
}

# require_packages PROGRAM=PACKAGE...: installs the packages whose program, or file if it begins with /, is missing.
require_packages() {
	local missing=() pair
	for pair in "$@"; do
		present "${pair%%=*}" || missing+=("${pair#*=}")
	done
	[ ${#missing[@]} = 0 ] && return
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "missing here: ${missing[*]} (Debian's names); install them, or run this as root on Debian"
	fi
	say "installing ${missing[*]}"
	# A new machine may be busy with its unattended upgrades for a while.
	local apt=(timeout --foreground 600 apt-get -o DPkg::Lock::Timeout=120)
	local install=("${apt[@]}" install -y --no-install-recommends "${missing[@]}")
	export DEBIAN_FRONTEND=noninteractive
	"${install[@]}" >&2 || { "${apt[@]}" update >&2 && "${install[@]}" >&2; } ||
		die "cannot install ${missing[*]}: ${install[*]} failed, or took more than 600 s"
}

# What is fetched is fetched over TLS, and nothing below depends on the authorities' certificates. Elsewhere than on
# Debian they are in other places, and there from the start.
require_certificates() {
	! command -v apt-get >/dev/null || require_packages /etc/ssl/certs/ca-certificates.crt=ca-certificates
}

# at_least WANTED FOUND: compares versions.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]; }

# A Rust as new as Cargo.toml asks for. Debian's own is older; its rustup, where there is one, is not.
require_rust() {
	local wanted found
	wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$root/Cargo.toml")
	[ -f "$HOME/.cargo/env" ] && . "$HOME/.cargo/env"
	found=$(cargo --version 2>/dev/null | cut -d' ' -f2) || true
	if [ -z "$found" ]; then
		require_certificates
		say "installing Rust with rustup"
		if apt-cache show rustup >/dev/null 2>&1; then
			require_packages rustup=rustup
			rustup default stable >&2
		else
			require_packages curl=curl
			curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --no-modify-path >&2 ||
				die "no Rust $wanted or newer here, and rustup could not install it: see https://rustup.rs"
			. "$HOME/.cargo/env"
		fi
		found=$(cargo --version | cut -d' ' -f2)
	fi
	at_least "$wanted" "$found" || die "Rust $wanted or newer is needed, this is $found: run 'rustup update stable'"
}

# A Go as new as the test cluster's modules ask for. Debian's older one can fetch the Go project's own toolchain,
# which is published as a module and checked against Go's checksum database.
require_go() {
	local wanted=1.26.8 toolchain
	toolchain=$cache/go-$wanted
	[ -x "$toolchain/bin/go" ] && PATH=$toolchain/bin:$PATH
	if command -v go >/dev/null && at_least 1.24 "$(go env GOVERSION 2>/dev/null | sed 's/^go//')"; then
		return
	fi
	require_certificates
	require_packages go=golang-go
	say "fetching Go $wanted"
	local module name
	name=golang.org/toolchain@v0.0.1-go$wanted.linux-$(go env GOARCH)
	module=$(cd / && GOFLAGS=-mod=mod timeout --foreground 1200 go mod download -json "$name" |
		sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p') || true
	[ -d "$module" ] ||
		die "cannot fetch Go $wanted: 'go mod download $name' failed, or took more than 1200 s; install Go 1.24 or newer"
	# A module's files are read-only and not executable.
	mkdir -p "$cache" && rm -rf "$toolchain.new" && cp -r "$module" "$toolchain.new"
	chmod -R u+w "$toolchain.new" && chmod +x "$toolchain.new"/bin/* "$toolchain.new"/pkg/tool/*/*
	mv "$toolchain.new" "$toolchain"
	PATH=$toolchain/bin:$PATH
}

# The test cluster, or the user's own, and the variables that name it.
bring_cluster_up() {
	if [ -z "${KANIKO_LOCAL_TEST_KUBECONFIG:-}" ]; then
		require_go
	fi
	"$root/scripts/cluster" up || exit
	local exports
	exports=$("$root/scripts/cluster" env) || exit
	eval "$exports"
}

# The images of the Flink job's scenario, and the variables that name them.
provide_scenario() {
	[ -z "${KANIKO_LOCAL_TEST_SERVERS_IMAGE:-}" ] || return 0
	local exports
	exports=$("$root/scripts/scenario" flink images) || exit
	eval "$exports"
}

# BuildKit, which says what image Docker would have built, and the variable that names it.
provide_oracle() {
	[ -z "${KANIKO_LOCAL_TEST_ORACLE:-}" ] || return 0
	KANIKO_LOCAL_TEST_ORACLE=$("$root/scripts/oracle") || exit
	export KANIKO_LOCAL_TEST_ORACLE
}
