#!/bin/sh
# Make, in the folder given, the random secrets that compose.yaml names besides the registry's own; what is there is kept.
# Usage: docker/make-secrets.sh docker/secrets
#
# A secret shared with a carrier's system (smsc-*, login.key, platform.secret, wechat.*) is replaced by the one agreed on.
set -eu
folder=$1
umask 077
mkdir -p "$folder"

# keep NAME DIGITS: so many random hexadecimal digits.
keep() {
    [ -e "$folder/$1" ] || head -c "$(($2 / 2))" /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$folder/$1"
}

for carrier in mobile telecom unicom; do
    keep "journal-$carrier.key" 64
    keep "smsc-$carrier.secret" 12
done
keep session.key 64
keep login.key 32
keep platform.secret 64
keep wechat.token 32
keep wechat.secret 32
# WeChat's EncodingAESKey: 43 letters and digits.
[ -e "$folder/wechat.aes" ] || LC_ALL=C tr -dc A-Za-z0-9 </dev/urandom | head -c 43 >"$folder/wechat.aes"
