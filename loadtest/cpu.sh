#!/usr/bin/env bash
# cpu.sh: what 50 classrooms cost a server for 60 s, and how fast they join. Starts its own server with its own data.
# BIN is the folder of the programs, CLASSROOMS and SECONDS_EACH the size, PORT a free port (media gets the next ones).
set -euo pipefail
cd "$(dirname "$0")/.."
BIN=${BIN:-target/release}
CLASSROOMS=${CLASSROOMS:-50}
SECONDS_EACH=${SECONDS_EACH:-60}
PORT=${PORT:-25080}
data=$(mktemp -d)
server=http://127.0.0.1:$PORT
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait
  rm -rf "$data"
}
trap cleanup EXIT

echo "making the footage (a minute or two, once) ..." >&2
"$BIN/tongke-loadtest" footage --out "${FOOTAGE:-data/footage}" >/dev/null
"$BIN/tongke" serve --demo --data "$data" --listen "127.0.0.1:$PORT" --media-port $((PORT + 1)) \
  --announce 127.0.0.1 >"$data.log" 2>&1 &
serving=$!
pids+=("$serving")
until curl -fsS -o /dev/null "$server/readyz" 2>/dev/null; do
  kill -0 "$serving" || { tail "$data.log"; exit 1; }
  sleep 0.2
done
token() { "$BIN/tongke" token --data "$data" --lesson demo --role "$1"; }
LOADTEST_TOKEN=$(token teacher) "$BIN/tongke-loadtest" teach --server "$server" --lesson demo --loop --layers 1 \
  --file "${FOOTAGE:-data/footage}/lesson.mp4" --screen "${FOOTAGE:-data/footage}/screen.mp4" >/dev/null &
pids+=("$!")
sleep 5
LOADTEST_TOKEN=$(token observer) "$BIN/tongke-loadtest" attend --server "$server" --lesson demo --lines 5 \
  --classrooms "$CLASSROOMS" --seconds "$SECONDS_EACH" --server-pid "$serving" "$@"
