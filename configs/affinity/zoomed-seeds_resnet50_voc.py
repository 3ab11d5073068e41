# affinity-seeds_resnet50_voc.py with a second, closer look at small objects.
_base_ = './affinity-seeds_resnet50_voc.py'
walk, crf = _base_.seed_generation.refine
seed_generation = dict(source=dict(type='ZoomedActivation', refine=[walk]), refine=[crf])
