#!/usr/bin/env bash
# Learned affinity once more: the affinity network of ResNet-50 learns the pixels on which seeds of
# two classifiers agree. Run from the root of the repository, after
#   bash projects/animals7/better_seeds.sh
#   BACKBONE=resnet50 bash projects/animals7/better_seeds.sh
# Stopped, it goes on. Figures: work_dirs/second_affinity/*-evaluation/evaluation.md
set -euo pipefail
first=work_dirs/better_seeds second=work_dirs/better_seeds-resnet50 out=work_dirs/second_affinity
configs=projects/animals7/configs name=resnet50-frozen_voc_animals
network=$out/network/iter_300.pth
photographs="train_dataloader.dataset.ann_file=$PWD/$second/photographs.txt"

evaluate() { # folder
    python tools/evaluate_seeds.py "$out/$1" --out "$out/$1-evaluation" \
        --gt data/voc_animals/SegmentationClassAug --gt-classes voc12
}

python tools/aggregate_seeds.py --out "$out/labels" \
    --names mobilenetv2-1.00 mobilenetv2-1.20 resnet50-1.00 resnet50-1.20 \
    --seeds "$first"/affinity/0.05-1.00 "$first"/affinity/0.05-1.20 \
    "$second"/affinity/0.05-1.00 "$second"/affinity/0.05-1.20 \
    --classes background,cat,cow,dog,horse,person,sheep
evaluate labels
[ -f "$network" ] || python tools/train.py "$configs/affinity-net_$name.py" \
    --work-dir "$out/network" --cfg-options "$photographs" randomness.seed=0 \
    train_dataloader.dataset.seed_root="$out/labels" train_dataloader.num_workers=1 \
    train_cfg.max_iters=300 param_scheduler.0.end=300
python tools/make_seeds.py "$configs/affinity-seeds_$name.py" "$second/classifier/epoch_4.pth" \
    --out "$out/affinity" --cfg-options "$photographs" seed_generation.report=False \
    seed_generation.background.labels="$out/labels" \
    seed_generation.refine.0.checkpoint="$network"
evaluate affinity
