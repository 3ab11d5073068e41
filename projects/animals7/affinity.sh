# What better_seeds.sh and second_affinity.sh share; they source it.

choose() { # backbone: its configs, the end of their names, its epochs and where its files go
    case $1 in
        mobilenetv2)
            configs=configs/affinity name=mobilenetv2_voc_animals epochs=6
            root=work_dirs/better_seeds
            ;;
        resnet50)
            configs=projects/animals7/configs name=resnet50-frozen_voc_animals epochs=4
            root=work_dirs/better_seeds-resnet50
            ;;
        *)
            echo "there are backbones mobilenetv2 and resnet50, not $1" >&2
            exit 2
            ;;
    esac
}

evaluate() { # folder
    python tools/evaluate_seeds.py "$out/$1" --out "$out/$1-evaluation" \
        --gt data/voc_animals/SegmentationClassAug --gt-classes voc12
}

seeds() { # folder, config, further options
    local folder=$1 config=$2
    shift 2
    python tools/make_seeds.py "$config" "$classifier" --out "$out/$folder" \
        --cfg-options "$photographs" seed_generation.report=False "$@"
}

learn() { # labels, file of the affinity network
    [ -f "$2" ] || python tools/train.py "$configs/affinity-net_$name.py" \
        --work-dir "$(dirname "$2")" --cfg-options "$photographs" randomness.seed="$random_seed" \
        train_dataloader.dataset.seed_root="$1" train_dataloader.num_workers=1 \
        train_cfg.max_iters=300 param_scheduler.0.end=300
}

spread() { # folder, labels, file of the affinity network, config (that of the backbone)
    seeds "$1" "${4:-$configs/affinity-seeds_$name.py}" \
        seed_generation.background.labels="$2" seed_generation.refine.0.checkpoint="$3"
}
