#!/usr/bin/env bash
# Seeds of 300 training photographs of Animals-7: class activation, learned affinity, saliency.
# Run from the root of the repository, with the data and weights of README.md in place; on two idle
# cores it takes 25 minutes. Stopped, it goes on. SALIENCY_NET (u2netp.onnx, optional) is a
# salient-object network in ONNX. Figures: work_dirs/better_seeds/*-evaluation/evaluation.md
set -euo pipefail
out=work_dirs/better_seeds
classifier=$out/classifier/epoch_6.pth
network=$out/network/iter_300.pth
configs=configs/affinity
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

seeds() { # name, config, further options
    local name=$1 config=$2
    shift 2
    python tools/make_seeds.py "$config" "$classifier" --out "$out/$name" \
        --cfg-options "$photographs" seed_generation.report=False "$@"
}

evaluate() { # name
    python tools/evaluate_seeds.py "$out/$1" --out "$out/$1-evaluation" \
        --gt data/voc_animals/SegmentationClassAug --gt-classes voc12
}

# The classifier learns from all 2,000 photographs.
[ -f "$classifier" ] || python tools/train.py configs/cls/mobilenetv2_voc_animals.py \
    --work-dir "$out/classifier" --cfg-options randomness.seed=0 'custom_hooks=[]'
seeds plain configs/cls/mobilenetv2_voc_animals.py
seeds labels $configs/affinity-labels_mobilenetv2_voc_animals.py
[ -f "$network" ] || python tools/train.py $configs/affinity-net_mobilenetv2_voc_animals.py \
    --work-dir "$out/network" --cfg-options "$photographs" randomness.seed=0 \
    train_dataloader.dataset.seed_root="$out/labels" train_dataloader.num_workers=1 \
    train_cfg.max_iters=300 param_scheduler.0.end=300
seeds affinity $configs/affinity-seeds_mobilenetv2_voc_animals.py \
    seed_generation.background.labels="$out/labels" \
    seed_generation.refine.0.checkpoint="$network"
# A vote of unlike sources.
python tools/aggregate_seeds.py --out "$out/unlike" --names plain-1.20 affinity-1.00 affinity-1.20 \
    --seeds "$out"/plain/0.05-1.20 "$out"/affinity/0.05-1.00 "$out"/affinity/0.05-1.20 \
    --classes background,cat,cow,dog,horse,person,sheep
for name in plain affinity unlike; do evaluate $name; done

if [ -n "${SALIENCY_NET:-}" ]; then
    mkdir -p "$out/photographs"
    while read -r name; do
        ln -sf "$PWD/data/voc_animals/JPEGImages/$name.jpg" "$out/photographs/"
    done < "$out/photographs.txt"
    python tools/make_saliency.py "$out/photographs" --model "$SALIENCY_NET" --out "$out/saliency"
    # A list cannot be given on the command line.
    cat > "$out/saliency.py" <<CONFIG
_base_ = '$PWD/$configs/affinity-seeds_mobilenetv2_voc_animals.py'
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
