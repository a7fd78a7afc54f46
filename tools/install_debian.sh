#!/bin/sh
# Install the Debian packages named that are missing. Needs root or sudo only if there is something to install.
set -eu
missing=""
for package in "$@"; do
	dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep -q "ok installed" || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if ! command -v apt-get >/dev/null; then
	echo "install these with your system's package manager:$missing" >&2
	exit 1
fi
run=""
[ "$(id -u)" -eq 0 ] || run="sudo"
echo "installing$missing"
$run env DEBIAN_FRONTEND=noninteractive apt-get -qq update
# shellcheck disable=SC2086 # a list of package names
$run env DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends $missing >/dev/null
