#!/bin/sh
# Runs a platform's own client library against our fake of that platform: run.sh telegram|slack|discord|cron
# The library goes into a virtual environment under target/. Prints PASS lines; ends with 0 when all passed.
set -eu
cd "$(dirname "$0")/../../.."
target=${CARGO_TARGET_DIR:-target}
case "${1:-}" in
    cron) library="cronsim croniter tzdata" program=examples/next_runs build="-p schedule --example next_runs" ;;
    telegram) library=python-telegram-bot program=fake-telegram ;;
    slack) library=slack_sdk program=slack-server ;;
    discord) library=discord.py program=discord-server ;;
    *) echo "usage: run.sh telegram|slack|discord|cron" >&2; exit 2 ;;
esac
# shellcheck disable=SC2086
cargo build --quiet ${build:--p servers --bin "$program"}
environment=$target/conformance-$1
if ! [ -x "$environment/bin/python" ]; then
    python3 -m venv "$environment"
fi
"$environment/bin/pip" install --quiet --disable-pip-version-check $library
exec "$environment/bin/python" "tests/servers/conformance/$1.py" "$target/debug/$program"
