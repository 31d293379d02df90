#!/bin/sh
# Try the image as compose.yaml runs it, on data of its own: the migrations, the keys, the first row, a clean stop.
set -eu
cd "$(dirname "$0")/.."

KEY="key-of-try-image-$$"
export POSTGRES_PASSWORD='p@ss/word:%?' SERVICE_API_KEYS="{\"try-image\": \"$KEY\"}" PORT="${PORT:-8099}"

compose() { docker compose --project-name flux-dao-try "$@"; }

clean_up() {
    status=$?
    [ $status -eq 0 ] || compose logs --no-color || true
    compose down --volumes --timeout 5 >/dev/null 2>&1 || true
    exit $status
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# The status that POST /users answers to these headers.
post() {
    curl --silent --output /dev/null --write-out '%{http_code}' --max-time 10 "$@" \
        -H 'Content-Type: application/json' -d '{"email": "ada@example.com"}' "http://127.0.0.1:$PORT/api/v1/users"
}

expect() { [ "$2" = "$3" ] || { echo "$1: expected $2, got $3" >&2; exit 1; }; }

# Waits until /ready answers 200, so until the migrations are applied.
compose up --detach --wait --wait-timeout 120
expect "Who serves" 10001 "$(compose exec -T api-1 id -u)"
expect "A request without a key" 401 "$(post)"
expect "A request with the key" 201 "$(post -H "X-Flux-Service-Key: $KEY")"

api="$(compose ps --quiet api-1)"
compose stop api-1
expect "The exit status after a TERM" 0 "$(docker inspect --format '{{.State.ExitCode}}' "$api")"
expect "A request while one of two instances is stopped" 401 "$(post)"
echo "The image works."
