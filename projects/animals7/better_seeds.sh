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
source "$(dirname "$0")/affinity.sh"
backbone=${BACKBONE:-mobilenetv2} random_seed=${RANDOM_SEED:-0}
choose "$backbone"
out=${OUT:-$root}
if [ "$backbone" = mobilenetv2 ]; then
    train=configs/cls/$name.py plain=$train hooks='custom_hooks=[]'  # no seeds after it
else
    train=$configs/cls_$name.py plain=$configs/seeds_$name.py hooks=
fi
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

# The classifier learns from all 2,000 photographs.
[ -f "$classifier" ] || python tools/train.py "$train" \
    --work-dir "$out/classifier" --cfg-options randomness.seed="$random_seed" $hooks
seeds plain "$plain"
seeds labels "$configs/affinity-labels_$name.py"
learn "$out/labels" "$network"
spread affinity "$out/labels" "$network"
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
    spread affinity_saliency "$out/labels" "$network" "$out/saliency.py"
    evaluate affinity_saliency
fi
