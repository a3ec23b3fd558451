#!/usr/bin/env bash
# tests/model/prove.sh quick|full [model] - Spin over the protocols and their mutants; leaves build/proofs/model.json.
set -euo pipefail
cd "$(dirname "$0")/../.."
mkdir -p build/proofs
exec python3 -B tests/model/run.py "${1:-quick}" --json build/proofs/model.json
