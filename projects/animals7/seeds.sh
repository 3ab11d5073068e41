# What the scripts of projects/study need to know of Animals-7.
data=data/voc_animals
classes=background,cat,cow,dog,horse,person,sheep
pick='random.Random(0).shuffle(ids); ids = ids[:number]' number=300 # of the training photographs

choose() { # backbone: its configs, the end of their names, its epochs, thresholds of second labels, options of its training
    case $1 in
        mobilenetv2)
            configs=configs/affinity name=mobilenetv2_voc_animals epochs=6 high=0.60 low=0.25
            train=configs/cls/$name.py plain=$train hooks='custom_hooks=[]' # no seeds after it
            ;;
        resnet50)
            configs=projects/animals7/configs name=resnet50-frozen_voc_animals epochs=4 high=0.50 low=0.15
            train=$configs/cls_$name.py plain=$configs/seeds_$name.py hooks=
            ;;
    esac
}
