# EPS on MobileNetV2 for the seeds of Animals-7, from tags and saliency maps (I+S). First:
# python tools/make_saliency.py data/voc_animals/JPEGImages --model weights/u2netp.onnx \
#     --out data/voc_animals/saliency
_base_ = './mobilenetv2_voc_animals.py'
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
