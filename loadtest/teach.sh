#!/usr/bin/env bash
# teach.sh: puts a robot teacher with generated footage into the demo lesson of a running `make run`.
# DATA is the server's data folder, SERVER its address, BIN the folder of the programs.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-./data}
SERVER=${SERVER:-http://localhost:8080}
BIN=${BIN:-target/release}

if ! curl -fsS -o /dev/null "$SERVER/healthz"; then
  echo "no server answers at $SERVER; start one with: make run" >&2
  exit 1
fi
echo "making the footage (a minute or two, once) ..."
"$BIN/tongke-loadtest" footage --out "$DATA/footage"
LOADTEST_TOKEN=$("$BIN/tongke" token --data "$DATA" --lesson demo --role teacher)
export LOADTEST_TOKEN
echo "teaching the demo lesson; Ctrl-C ends it"
exec "$BIN/tongke-loadtest" teach --server "$SERVER" --lesson demo \
  --file "$DATA/footage/lesson.mp4" --screen "$DATA/footage/screen.mp4" --loop
