#!/bin/sh
# Hands a renewed certificate to the service, which looks at both files every five seconds and takes them up without a
# restart. For certbot: /etc/letsencrypt/renewal-hooks/deploy/lianfang, which sets RENEWED_LINEAGE.
set -eu
: "${RENEWED_LINEAGE:?the folder of the certificate, such as /etc/letsencrypt/live/alarm.example}"
target="${1:-/etc/lianfang/tls}"
install -d -o root -g lianfang -m 750 "$target"
for name in fullchain.pem privkey.pem; do
    # Beside it first, then over it at once: nobody reads half a file.
    install -o root -g lianfang -m 640 "$RENEWED_LINEAGE/$name" "$target/.$name.new"
    mv -f "$target/.$name.new" "$target/$name"
done
