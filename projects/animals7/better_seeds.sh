#!/usr/bin/env bash
# Seeds of 300 training photographs of Animals-7: class activation, learned affinity, saliency.
# Run from the root of the repository, with the data and weights of README.md in place; on two idle
# cores it takes 25 minutes. Stopped, it goes on. Figures: OUT/*-evaluation/evaluation.md
#   BACKBONE      mobilenetv2 (default) or resnet50, whose last stage alone learns
#   RANDOM_SEED   of the two trainings, 0 by default
#   OUT           work_dirs/better_seeds by default, with resnet50 work_dirs/better_seeds-resnet50,
#                 where the plan of the study looks
#   SALIENCY_NET  a salient-object network in ONNX (u2netp.onnx), optional
set -euo pipefail
backbone=${BACKBONE:-mobilenetv2} random_seed=${RANDOM_SEED:-0}
case $backbone in
    mobilenetv2)
        configs=configs/affinity name=mobilenetv2_voc_animals epochs=6
        train=configs/cls/$name.py plain=$train hooks='custom_hooks=[]'  # no seeds after it
        out=${OUT:-work_dirs/better_seeds}
        ;;
    resnet50)
        configs=projects/animals7/configs name=resnet50-frozen_voc_animals epochs=4
        train=$configs/cls_$name.py plain=$configs/seeds_$name.py hooks=
        out=${OUT:-work_dirs/better_seeds-resnet50}
        ;;
    *)
        echo "BACKBONE is mobilenetv2 or resnet50, not $backbone" >&2
        exit 2
        ;;
esac
classifier=$out/classifier/epoch_$epochs.pth
network=$out/network/iter_300.pth
mkdir -p "$out"

python - "$out/photographs.txt" <<'PYTHON'
import random
import sys
from pathlib import Path

ids = Path('data/voc_animals/ImageSets/Segmentation/train.txt').read_text().split()
random.Random(0).shuffle(ids)
Path(sys.argv[1]).write_text('\n'.join(sorted(ids[:300])) + '\n')
PYTHON
photographs="train_dataloader.dataset.ann_file=$PWD/$out/photographs.txt"

seeds() { # folder, config, further options
    local folder=$1 config=$2
    shift 2
    python tools/make_seeds.py "$config" "$classifier" --out "$out/$folder" \
        --cfg-options "$photographs" seed_generation.report=False "$@"
}

evaluate() { # folder
    python tools/evaluate_seeds.py "$out/$1" --out "$out/$1-evaluation" \
        --gt data/voc_animals/SegmentationClassAug --gt-classes voc12
}

# The classifier learns from all 2,000 photographs.
[ -f "$classifier" ] || python tools/train.py "$train" \
    --work-dir "$out/classifier" --cfg-options randomness.seed="$random_seed" $hooks
seeds plain "$plain"
seeds labels "$configs/affinity-labels_$name.py"
[ -f "$network" ] || python tools/train.py "$configs/affinity-net_$name.py" \
    --work-dir "$out/network" --cfg-options "$photographs" randomness.seed="$random_seed" \
    train_dataloader.dataset.seed_root="$out/labels" train_dataloader.num_workers=1 \
    train_cfg.max_iters=300 param_scheduler.0.end=300
seeds affinity "$configs/affinity-seeds_$name.py" \
    seed_generation.background.labels="$out/labels" \
    seed_generation.refine.0.checkpoint="$network"
# A vote of unlike sources.
python tools/aggregate_seeds.py --out "$out/unlike" --names plain-1.20 affinity-1.00 affinity-1.20 \
    --seeds "$out"/plain/0.05-1.20 "$out"/affinity/0.05-1.00 "$out"/affinity/0.05-1.20 \
    --classes background,cat,cow,dog,horse,person,sheep
for folder in plain affinity unlike; do evaluate $folder; done

if [ -n "${SALIENCY_NET:-}" ]; then
    mkdir -p "$out/photographs"
    while read -r image; do
        ln -sf "$PWD/data/voc_animals/JPEGImages/$image.jpg" "$out/photographs/"
    done < "$out/photographs.txt"
    python tools/make_saliency.py "$out/photographs" --model "$SALIENCY_NET" --out "$out/saliency"
    # A list cannot be given on the command line.
    cat > "$out/saliency.py" <<CONFIG
_base_ = '$PWD/$configs/affinity-seeds_$name.py'
refine = _base_.seed_generation.refine
seed_generation = dict(
    refine=[refine[0], dict(type='SaliencyFusion', folder='$out/saliency'), refine[1]]
)
CONFIG
    seeds affinity_saliency "$out/saliency.py" \
        seed_generation.background.labels="$out/labels" \
        seed_generation.refine.0.checkpoint="$network"
    evaluate affinity_saliency
fi
