# 3. Seeds of the classifier of configs/cls/resnet50_voc.py, spread by the network of
# affinity-net_resnet50_voc.py.
_base_ = '../cls/resnet50_voc.py'
seed_generation = dict(
    refine=[
        dict(
            type='AffinityRefiner',
            config='configs/affinity/affinity-net_resnet50_voc.py',
            checkpoint='work_dirs/affinity-net_resnet50_voc/iter_3000.pth',
        ),
        dict(type='DenseCRFRefiner', preset='irn'),
    ],
)
