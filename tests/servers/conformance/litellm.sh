#!/usr/bin/env bash
# All three wire formats against a LiteLLM proxy on loopback, which answers with mock responses, or passes calls on to the
# scripted model server in chat completions and translates what comes back.
#
# usage: tests/servers/conformance/litellm.sh [VENV [PACKAGES]]
#   VENV      a Python environment with `litellm[proxy]`; made when it is absent
#   PACKAGES  for cargo, such as `--workspace --all-features`; without it only what is needed is built
set -euo pipefail
cd "$(dirname "$0")/../../.."
venv="${1:-${CARGO_TARGET_DIR:-target}/conformance-litellm}"
[ -x "$venv/bin/litellm" ] || { python3 -m venv "$venv" && "$venv/bin/pip" install --quiet 'litellm[proxy]'; }
work="$(mktemp -d)"
pids=()
finish() { for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$work"; }
trap finish EXIT

cargo build --quiet -p servers --bin model-server
# The binary is built alone, as it is shipped; the tests of `it` drive it.
cargo build --quiet -p factotum
"${CARGO_TARGET_DIR:-target}/debug/model-server" --port 0 > "$work/server" &
pids+=($!)
for _ in $(seq 50); do [ -s "$work/server" ] && break; sleep 0.1; done

port="${LITELLM_PORT:-$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')}"
cat > "$work/config.yaml" <<YAML
model_list:
  - model_name: mock
    litellm_params: {model: openai/mock, api_key: none, mock_response: "2 + 2 = 4."}
  - model_name: quick
    # A vendor without the other two formats, so that the proxy translates them.
    litellm_params: {model: cerebras/quick, api_key: none, api_base: "$(head -1 "$work/server")"}
router_settings: {disable_cooldowns: true}
general_settings: {master_key: sk-conformance}
YAML
LITELLM_LOCAL_MODEL_COST_MAP=True LITELLM_TELEMETRY=False NO_DOCS=True \
    "$venv/bin/litellm" --config "$work/config.yaml" --host 127.0.0.1 --port "$port" > "$work/log" 2>&1 &
pids+=($!)
for _ in $(seq 600); do
    curl --silent --fail --output /dev/null "http://127.0.0.1:$port/health/liveliness" && break
    sleep 0.2
done
packages=("${@:2}")
[ "${#packages[@]}" -gt 0 ] || packages=(-p providers -p it)
LITELLM_URL="http://127.0.0.1:$port" timeout 300 \
    cargo test --quiet "${packages[@]}" --no-fail-fast --test formats --test litellm -- --ignored litellm \
    || { tail -50 "$work/log"; exit 1; }
