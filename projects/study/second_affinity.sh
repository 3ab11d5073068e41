#!/usr/bin/env bash
# Learned affinity once more: the affinity networks learn the pixels on which seeds of two classifiers
# agree.
#   bash projects/study/second_affinity.sh PROJECT     animals7 or voc20
# Run from the root of the repository, after better_seeds.sh with both backbones. Stopped, it goes on.
# Files: work_dirs/seeds-PROJECT[-RANDOM_SEED]/second, where the plans look; figures: evaluation.md
#   BACKBONES     resnet50 and mobilenetv2 by default, or one of them
#   LABELS        a seed root whose unanimous pixels are learned, by default the vote of both
#   OUT           another folder
#   RANDOM_SEED, SALIENCY_NET   as in better_seeds.sh
set -euo pipefail
source "$(dirname "$0")/affinity.sh"
backbones=${BACKBONES:-resnet50 mobilenetv2}
out=${OUT:-$root/second}
labels=${LABELS:-$out/labels}

vote_of_both() { # seed root, those of MobileNetV2 and of ResNet-50
    vote "$1" 'mobilenetv2-1.00 mobilenetv2-1.20 resnet50-1.00 resnet50-1.20' \
        "$2/0.05-1.00 $2/0.05-1.20 $3/0.05-1.00 $3/0.05-1.20"
}

[ -n "${LABELS:-}" ] || vote_of_both "$labels" "$root/mobilenetv2/affinity" "$root/resnet50/affinity"
for backbone in $backbones; do
    use "$backbone"
    network=$out/network-$backbone/iter_$iterations.pth
    learn "$labels" "$network"
    spread "$out/$backbone" "$labels" "$network"
    if [ -n "${SALIENCY_NET:-}" ]; then
        with_saliency "$out/$backbone-saliency" "$labels" "$network"
    fi
done
if [ "$backbones" = 'resnet50 mobilenetv2' ]; then
    vote_of_both "$out/vote" "$out/mobilenetv2" "$out/resnet50"
fi
