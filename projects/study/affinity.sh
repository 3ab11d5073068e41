# What better_seeds.sh, wide_affinity.sh and second_affinity.sh share; they source it with their first
# argument.
project=${1:?give a project that has a seeds.sh, animals7 or voc20}
source "projects/$project/seeds.sh"
random_seed=${RANDOM_SEED:-0}
root=work_dirs/seeds-$project
[ "$random_seed" = 0 ] || root=$root-$random_seed
list=$root/photographs.txt # of the seeds and of what the affinity networks learn from
iterations=300 # of the affinity networks
affinity=${AFFINITY:-affinity}

choose_photographs() { # how many of the training photographs, file
    python - "$(dirname "$0")" "$data" "$1" "$2" "$pick" <<'PYTHON'
import random  # of `pick`, as is spread
import sys
from pathlib import Path

sys.path.insert(0, sys.argv.pop(1))
from steps import spread

data, number, path, pick = sys.argv[1:]
number = int(number)
ids = Path(data, 'ImageSets/Segmentation/train.txt').read_text().split()
exec(pick)
Path(path).write_text('\n'.join(sorted(ids)) + '\n')
PYTHON
}

use() { # backbone: its configs and its classifier
    name=
    choose "$1"
    if [ -z "$name" ]; then
        echo "there are backbones mobilenetv2 and resnet50, not $1" >&2
        exit 2
    fi
    classifier=$root/$1/classifier/epoch_$epochs.pth
}

evaluate() { # seed root
    python tools/evaluate_seeds.py "$1" --out "$1-evaluation" \
        --gt "$data/SegmentationClassAug" --gt-classes voc12
}

vote() { # seed root, names, folders of seeds
    python tools/aggregate_seeds.py --out "$1" --names $2 --seeds $3 --classes "$classes"
    evaluate "$1"
}

seeds() { # seed root, config, further options
    local out=$1 config=$2
    shift 2
    python tools/make_seeds.py "$config" "$classifier" --out "$out" --cfg-options \
        train_dataloader.dataset.ann_file="$PWD/$list" seed_generation.report=False seed_generation.random_seed="$random_seed" "$@"
}

learn() { # labels, file of the affinity network
    [ -f "$2" ] || python tools/train.py "$configs/$affinity-net_$name.py" \
        --work-dir "$(dirname "$2")" --cfg-options train_dataloader.dataset.ann_file="$PWD/$list" randomness.seed="$random_seed" \
        train_dataloader.dataset.seed_root="$1" train_dataloader.num_workers=1 \
        train_cfg.max_iters=$iterations param_scheduler.0.end=$iterations
}

spread_labels() { # seed root, file of the affinity network: what is sure of the maps that it spreads
    # A list cannot be given on the command line.
    cat > "$1.py" <<CONFIG
_base_ = '$PWD/$configs/$affinity-seeds_$name.py'
seed_generation = dict(
    seeds=[(0.00, 1.0), (0.05, 1.0)],
    background=[dict(threshold=$high), dict(threshold=$low)],
)
CONFIG
    seeds "$1" "$1.py" seed_generation.refine.0.checkpoint="$2"
}

spread() { # seed root, labels, file of the affinity network, config (that of the backbone)
    seeds "$1" "${4:-$configs/$affinity-seeds_$name.py}" \
        seed_generation.background.labels="$2" seed_generation.refine.0.checkpoint="$3"
    evaluate "$1"
}

with_saliency() { # seed root, labels, file of the affinity network
    mkdir -p "$root/photographs"
    while read -r image; do
        ln -sf "$PWD/$data/JPEGImages/$image.jpg" "$root/photographs/"
    done < "$list"
    python tools/make_saliency.py "$root/photographs" --model "$SALIENCY_NET" \
        --out "$root/saliency"
    # A list cannot be given on the command line.
    cat > "$root/saliency-$affinity-$name.py" <<CONFIG
_base_ = '$PWD/$configs/$affinity-seeds_$name.py'
refine = _base_.seed_generation.refine
seed_generation = dict(
    refine=[refine[0], dict(type='SaliencyFusion', folder='$root/saliency'), refine[1]]
)
CONFIG
    spread "$1" "$2" "$3" "$root/saliency-$affinity-$name.py"
}
