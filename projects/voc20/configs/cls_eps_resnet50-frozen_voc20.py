# EPS of VOC-20 on ResNet-50, for two CPU cores, from tags and saliency maps (I+S): otherwise as
# cls_resnet50-frozen_voc20.py. Its seeds are those of seeds_eps_resnet50-frozen_voc20.py. First:
# python tools/make_saliency.py data/voc20/JPEGImages --model weights/u2netp.onnx \
#     --out data/voc20/saliency
_base_ = './cls_resnet50-frozen_voc20.py'
train_pipeline = _base_.train_pipeline
train_pipeline[1:3] = [
    dict(type='LoadSaliency'),
    dict(type='TransformWithSaliency', transforms=train_pipeline[1:3]),
]
train_pipeline[-1] = dict(type='mmpretrain.PackInputs', algorithm_keys=['gt_saliency'])
train_dataloader = dict(
    dataset=dict(data_prefix=dict(saliency_path='saliency'), pipeline=train_pipeline)
)
model = dict(head=dict(type='SaliencyActivationHead'))
seed_generation = dict(source=dict(type='ClassProbability'))
