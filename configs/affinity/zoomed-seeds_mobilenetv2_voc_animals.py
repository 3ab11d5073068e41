# affinity-seeds_mobilenetv2_voc_animals.py with a second, closer look at small objects.
_base_ = './affinity-seeds_mobilenetv2_voc_animals.py'
walk, crf = _base_.seed_generation.refine
seed_generation = dict(source=dict(type='ZoomedActivation', refine=[walk]), refine=[crf])
