#!/usr/bin/env bash
# tools/dist_make_seeds.sh CONFIG CHECKPOINT NUM_PROCESSES [options of tools/make_seeds.py]
set -euo pipefail

CONFIG=$1
CHECKPOINT=$2
NUM_PROCESSES=$3

python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$NUM_PROCESSES" \
    "$(dirname "$0")/make_seeds.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
