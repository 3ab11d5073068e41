# Seeds of cls_resnet50-frozen_voc20.py, spread by the network of
# affinity-net_resnet50-frozen_voc20.py.
_base_ = './seeds_resnet50-frozen_voc20.py'
seed_generation = dict(
    background=dict(
        _delete_=True,
        threshold='auto',
        labels='work_dirs/affinity-labels_resnet50-frozen_voc20/seeds',
    ),
    refine=[
        dict(
            type='AffinityRefiner',
            config='projects/voc20/configs/affinity-net_resnet50-frozen_voc20.py',
            checkpoint='work_dirs/affinity-net_resnet50-frozen_voc20/iter_600.pth',
            amp='bfloat16',
        ),
        # After a walk less of the CRF is better (docs/user_guides/better_seeds.md).
        dict(type='DenseCRFRefiner', preset='irn', bilateral_compat=4),
    ],
)
