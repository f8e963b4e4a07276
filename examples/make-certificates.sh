#!/usr/bin/env bash
# Makes a certificate authority, a server's certificate for localhost and a client's with a SPIFFE id, valid for thirty
# days, in the folder given (examples/certificates when none is). Run it again while a proxy runs: it takes the new ones.
set -euo pipefail
folder=${1:-"$(dirname "$0")/certificates"}
mkdir -p "$folder"
cd "$folder"

key() { openssl ecparam -name prime256v1 -genkey -noout -out "$1"; chmod 600 "$1"; }

if [ ! -e ca.pem ]; then
  key ca.key
  openssl req -x509 -new -key ca.key -subj '/O=Weft examples/CN=root' -days 30 -out ca.pem
fi

# issue NAME SUBJECT_ALT_NAME
issue() {
  key "$1.key.new"
  openssl req -new -key "$1.key.new" -subj "/O=Weft examples/CN=$1" |
    openssl x509 -req -CA ca.pem -CAkey ca.key -set_serial "0x$(openssl rand -hex 8)" -days 30 -out "$1.pem.new" \
      -extfile <(printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth,clientAuth\n' "$2") 2>/dev/null
  mv "$1.key.new" "$1.key"
  mv "$1.pem.new" "$1.pem"
}

issue server DNS:localhost,IP:127.0.0.1
issue client URI:spiffe://example.org/ns/demo/sa/client
echo "certificates are in $(pwd)"
