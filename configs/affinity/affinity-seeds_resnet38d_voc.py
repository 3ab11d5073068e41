# 3. Seeds of the classifier of configs/cls/resnet38d_voc.py, spread by the network of
# affinity-net_resnet38d_voc.py.
_base_ = '../cls/resnet38d_voc.py'
seed_generation = dict(
    # Found from the labels of the affinity network; no ground truth is looked at.
    background=dict(
        _delete_=True,
        threshold='auto',
        labels='work_dirs/affinity-labels_resnet38d_voc/seeds',
    ),
    refine=[
        dict(
            type='AffinityRefiner',
            config='configs/affinity/affinity-net_resnet38d_voc.py',
            checkpoint='work_dirs/affinity-net_resnet38d_voc/iter_3000.pth',
        ),
        # After a walk less of the CRF is better (docs/user_guides/better_seeds.md).
        dict(type='DenseCRFRefiner', preset='irn', bilateral_compat=4),
    ],
)
