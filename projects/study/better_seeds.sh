#!/usr/bin/env bash
# Seeds of some hundred training photographs: class activation, learned affinity, saliency.
#   bash projects/study/better_seeds.sh PROJECT        animals7 or voc20
# Run from the root of the repository, with the data and weights of the project's README.md in place;
# Animals-7 with MobileNetV2 takes two idle cores 25 minutes. Stopped, it goes on.
# Files: work_dirs/seeds-PROJECT[-RANDOM_SEED]/BACKBONE, where the plans look; figures: evaluation.md
#   BACKBONE      mobilenetv2 (default) or resnet50, whose last stage alone learns
#   RANDOM_SEED   of trainings and seeds, 0 by default
#   SALIENCY_NET  a salient-object network in ONNX (u2netp.onnx), optional
set -euo pipefail
source "$(dirname "$0")/affinity.sh"
backbone=${BACKBONE:-mobilenetv2}
use "$backbone"
out=$root/$backbone
network=$out/network/iter_$iterations.pth
mkdir -p "$out"

choose_photographs "$number" "$list"

# The classifier learns from all photographs.
[ -f "$classifier" ] || python tools/train.py "$train" --work-dir "$out/classifier" \
    --cfg-options randomness.seed="$random_seed" $hooks
seeds "$out/plain" "$plain"
evaluate "$out/plain"
seeds "$out/labels" "$configs/affinity-labels_$name.py"
learn "$out/labels" "$network"
spread "$out/affinity" "$out/labels" "$network"
# A vote of unlike sources.
vote "$out/unlike" 'plain-1.20 affinity-1.00 affinity-1.20' \
    "$out/plain/0.05-1.20 $out/affinity/0.05-1.00 $out/affinity/0.05-1.20"
if [ -n "${SALIENCY_NET:-}" ]; then
    with_saliency "$out/affinity_saliency" "$out/labels" "$network"
fi
