#!/usr/bin/env bash
# Learned affinity once more: the affinity networks learn the pixels on which seeds of two classifiers
# agree. Run from the root of the repository, after
#   bash projects/animals7/better_seeds.sh
#   BACKBONE=resnet50 bash projects/animals7/better_seeds.sh
# Stopped, it goes on. Figures: OUT/*-evaluation/evaluation.md
#   BACKBONES     resnet50 and mobilenetv2 by default, or one of them
#   LABELS        a seed root whose unanimous pixels are learned, by default the vote of both
#   OUT           work_dirs/second_affinity by default, where the plan of the study looks
set -euo pipefail
source "$(dirname "$0")/affinity.sh"
first=work_dirs/better_seeds second=work_dirs/better_seeds-resnet50
out=${OUT:-work_dirs/second_affinity} backbones=${BACKBONES:-resnet50 mobilenetv2}
labels=${LABELS:-$out/labels} random_seed=0
photographs="train_dataloader.dataset.ann_file=$PWD/$first/photographs.txt"

vote() { # folder, folder of the seeds of MobileNetV2, of ResNet-50
    python tools/aggregate_seeds.py --out "$out/$1" \
        --names mobilenetv2-1.00 mobilenetv2-1.20 resnet50-1.00 resnet50-1.20 \
        --seeds "$2"/0.05-1.00 "$2"/0.05-1.20 "$3"/0.05-1.00 "$3"/0.05-1.20 \
        --classes background,cat,cow,dog,horse,person,sheep
    evaluate "$1"
}

[ -n "${LABELS:-}" ] || vote labels "$first/affinity" "$second/affinity"
for backbone in $backbones; do
    choose "$backbone"
    classifier=$root/classifier/epoch_$epochs.pth
    network=$out/network-$backbone/iter_300.pth
    learn "$labels" "$network"
    spread "$backbone" "$labels" "$network"
    evaluate "$backbone"
done
[ "$backbones" != 'resnet50 mobilenetv2' ] || vote vote "$out/mobilenetv2" "$out/resnet50"
