# 3. Seeds of the classifier of configs/cls/mobilenetv2_voc_animals.py, spread by the network of
# affinity-net_mobilenetv2_voc_animals.py.
_base_ = '../cls/mobilenetv2_voc_animals.py'
seed_generation = dict(
    # Found from the labels of the affinity network; no ground truth is looked at.
    background=dict(
        _delete_=True,
        threshold='auto',
        labels='work_dirs/affinity-labels_mobilenetv2_voc_animals/seeds',
    ),
    refine=[
        dict(
            type='AffinityRefiner',
            config='configs/affinity/affinity-net_mobilenetv2_voc_animals.py',
            checkpoint='work_dirs/affinity-net_mobilenetv2_voc_animals/iter_600.pth',
        ),
        # After a walk less of the CRF is better (docs/user_guides/better_seeds.md).
        dict(type='DenseCRFRefiner', preset='irn', bilateral_compat=4),
    ],
)
