# What the scripts of projects/study need to know of VOC-20.
data=data/voc20
classes=background,aeroplane,bicycle,bird,boat,bottle,bus,car,cat,chair,cow,diningtable,dog,horse
classes=$classes,motorbike,person,pottedplant,sheep,sofa,train,tvmonitor
pick='ids = spread(ids, number)' number=400 # those of cpu-first

choose() { # backbone: its configs, the end of their names, its epochs, thresholds of second labels, options of its training
    configs=projects/voc20/configs
    case $1 in
        mobilenetv2)
            name=mobilenetv2_voc20 epochs=6 high=0.60 low=0.25
            train=$configs/cls_$name.py plain=$train hooks='custom_hooks=[]' # no seeds after it
            ;;
        resnet50)
            name=resnet50-frozen_voc20 epochs=4 high=0.50 low=0.15
            train=$configs/cls_$name.py plain=$configs/seeds_$name.py hooks=
            ;;
    esac
}
