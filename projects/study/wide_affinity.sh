#!/usr/bin/env bash
# Seeds of the same photographs, by an affinity network that learns from more of them.
#   bash projects/study/wide_affinity.sh PROJECT       animals7 or voc20
# Run from the root of the repository, after better_seeds.sh with the same backbone. Stopped, it goes on.
# Files: work_dirs/seeds-PROJECT[-RANDOM_SEED]/BACKBONE/wide-PHOTOGRAPHS; figures: evaluation.md
#   PHOTOGRAPHS   how many the network learns from, 1,600 by default
#   ITERATIONS    of eight photographs, 800 by default
#   AFFINITY      affinity (default), boundary or affinity-boundary: by features (PSA), by class
#                 boundaries (IRN), or the mean of both
#   ROUNDS        2: a second network learns the maps that the first has spread, where they are sure;
#                 its seeds are in AFFINITY-second
#   BACKBONE, RANDOM_SEED, SALIENCY_NET   as in better_seeds.sh
set -euo pipefail
source "$(dirname "$0")/affinity.sh"
backbone=${BACKBONE:-mobilenetv2}
use "$backbone"
iterations=${ITERATIONS:-800}
number=${PHOTOGRAPHS:-1600}
out=$root/$backbone/wide-$number
network=$out/$affinity-network/iter_$iterations.pth
mkdir -p "$out"

seeds_list=$list
list=$out/photographs.txt
choose_photographs "$number" "$list"
seeds "$out/labels" "$configs/affinity-labels_$name.py"
learn "$out/labels" "$network"
labels=$out/labels
spread_to=$out/$affinity
if [ "${ROUNDS:-1}" = 2 ]; then
    spread_to=$spread_to-second
    labels=$spread_to-labels
    spread_labels "$labels" "$network"
    network=$spread_to-network/iter_$iterations.pth
    learn "$labels" "$network"
fi
list=$seeds_list
spread "$spread_to" "$labels" "$network"
if [ -n "${SALIENCY_NET:-}" ]; then
    with_saliency "${spread_to}_saliency" "$labels" "$network"
fi
