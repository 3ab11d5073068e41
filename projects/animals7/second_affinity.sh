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
first=work_dirs/better_seeds second=work_dirs/better_seeds-resnet50
out=${OUT:-work_dirs/second_affinity} backbones=${BACKBONES:-resnet50 mobilenetv2}
labels=${LABELS:-$out/labels}
photographs="train_dataloader.dataset.ann_file=$PWD/$first/photographs.txt"

vote() { # folder, folder of the seeds of MobileNetV2, of ResNet-50
    python tools/aggregate_seeds.py --out "$out/$1" \
        --names mobilenetv2-1.00 mobilenetv2-1.20 resnet50-1.00 resnet50-1.20 \
        --seeds "$2"/0.05-1.00 "$2"/0.05-1.20 "$3"/0.05-1.00 "$3"/0.05-1.20 \
        --classes background,cat,cow,dog,horse,person,sheep
    evaluate "$1"
}

evaluate() { # folder
    python tools/evaluate_seeds.py "$out/$1" --out "$out/$1-evaluation" \
        --gt data/voc_animals/SegmentationClassAug --gt-classes voc12
}

learn() { # backbone, classifier, folder of the configs, end of their names
    local network=$out/network-$1/iter_300.pth
    [ -f "$network" ] || python tools/train.py "$3/affinity-net_$4.py" \
        --work-dir "$out/network-$1" --cfg-options "$photographs" randomness.seed=0 \
        train_dataloader.dataset.seed_root="$labels" train_dataloader.num_workers=1 \
        train_cfg.max_iters=300 param_scheduler.0.end=300
    python tools/make_seeds.py "$3/affinity-seeds_$4.py" "$2" \
        --out "$out/$1" --cfg-options "$photographs" seed_generation.report=False \
        seed_generation.background.labels="$labels" \
        seed_generation.refine.0.checkpoint="$network"
    evaluate "$1"
}

[ -n "${LABELS:-}" ] || vote labels "$first/affinity" "$second/affinity"
for backbone in $backbones; do
    case $backbone in
        mobilenetv2)
            learn mobilenetv2 "$first/classifier/epoch_6.pth" \
                configs/affinity mobilenetv2_voc_animals
            ;;
        resnet50)
            learn resnet50 "$second/classifier/epoch_4.pth" \
                projects/animals7/configs resnet50-frozen_voc_animals
            ;;
        *)
            echo "BACKBONES are mobilenetv2 and resnet50, not $backbone" >&2
            exit 2
            ;;
    esac
done
[ "$backbones" != 'resnet50 mobilenetv2' ] || vote vote "$out/mobilenetv2" "$out/resnet50"
