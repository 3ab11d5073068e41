# EPS on ResNet-38d for the seeds of PASCAL VOC 2012, from tags and saliency maps (I+S). First:
# python tools/make_saliency.py data/VOCdevkit/VOC2012/JPEGImages --model weights/u2netp.onnx \
#     --out data/VOCdevkit/VOC2012/saliency
_base_ = './resnet38d_voc.py'
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
