#!/usr/bin/env bash
# Feeds every parser with anything, for SECONDS each: run.sh [SECONDS [TARGET…]]. Seeds are what the project has.
# Needs a nightly compiler and cargo-fuzz. Exit status 1 if one of them panics, hangs or takes too much memory.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
shift || true
root=$PWD/../..
targets=("$@")
((${#targets[@]})) || mapfile -t targets < <(cargo +nightly fuzz list)

# Copies files into a target's corpus, under the checksums of their contents.
seed() {
  local target=$1 file
  shift
  mkdir -p "corpus/$target"
  for file in "$@"; do
    cp "$file" "corpus/$target/$(sha256sum <"$file" | cut -c1-16)"
  done
}

seed scenario "$root"/scenarios/*/*.toml
mapfile -t manifests < <(find "$root/fixtures" -name submission.toml)
seed manifest "${manifests[@]}"
seed rubric "$root"/scenarios/*/task.toml
mapfile -t names < <(find "$root/fixtures/submissions" -maxdepth 3 -printf '%f\n' | sort -u | head -200)
mkdir -p corpus/{names,smtp,imap,pop3,ftp,mysql,xmlrpc,http,traces,archive,judging}
for name in "${names[@]}"; do printf %s "$name" >"corpus/names/$name"; done
seed traces "$root"/harness/src/crash/trace/tests.rs
seed judging "$root"/fixtures/files/letter-20k.txt
printf '\x05EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n' >corpus/smtp/usual
printf '\x05a LOGIN u p\r\nb SELECT INBOX\r\nc FETCH 1:* (FLAGS BODY[])\r\nd SEARCH ALL\r\ne LOGOUT\r\n' >corpus/imap/usual
printf '\x05USER u\r\nPASS p\r\nSTAT\r\nLIST\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nQUIT\r\n' >corpus/pop3/usual
printf '\x05USER u\r\nPASS p\r\nTYPE I\r\nEPSV\r\nPASV\r\nPORT 127,0,0,1,4,5\r\nSTOR a\r\nQUIT\r\n' >corpus/ftp/usual
printf 'CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(9)); INSERT INTO t VALUES (1, "a"); SELECT * FROM t WHERE id = 1' \
  >corpus/mysql/usual
printf '<?xml version="1.0"?><methodResponse><params><param><value><array><data><value><int>7</int></value></data></array></value></param></params></methodResponse>' \
  >corpus/xmlrpc/usual
printf '\x20\x00HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n' >corpus/http/usual
tar -C "$root/fixtures" -czf corpus/archive/tar-gz student-bin
tar -C "$root/fixtures" -cf corpus/archive/tar files/page.html
if command -v zip >/dev/null; then
  (cd "$root/fixtures/files" && zip -q - page.html style.css) >corpus/archive/zip
fi

failed=()
for target in "${targets[@]}"; do
  echo "== $target"
  cargo +nightly fuzz run "$target" -- -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    2>&1 | tail -n 12 || failed+=("$target")
done
((${#failed[@]} == 0)) || { echo "to be looked at: ${failed[*]}"; exit 1; }
