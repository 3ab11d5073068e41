#!/usr/bin/env bash
# tools/dist_train.sh CONFIG NUM_PROCESSES [options of tools/train.py]
set -euo pipefail

CONFIG=$1
NUM_PROCESSES=$2

python -m torch.distributed.run \
    --nnodes="${NNODES:-1}" \
    --node_rank="${NODE_RANK:-0}" \
    --master_addr="${MASTER_ADDR:-127.0.0.1}" \
    --master_port="${PORT:-29500}" \
    --nproc_per_node="$NUM_PROCESSES" \
    "$(dirname "$0")/train.py" "$CONFIG" --launcher pytorch "${@:3}"
