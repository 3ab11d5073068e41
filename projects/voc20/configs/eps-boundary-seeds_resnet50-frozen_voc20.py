# Seeds of cls_eps_resnet50-frozen_voc20.py, spread up to the boundaries of the network of
# projects/study/wide_affinity.sh (AFFINITY=boundary BACKBONE=resnet50), saliency mixed in (I+S).
_base_ = './seeds_eps_resnet50-frozen_voc20.py'
wide = 'work_dirs/seeds-voc20/resnet50/wide-1600'
seed_generation = dict(
    background=dict(_delete_=True, threshold='auto', labels=f'{wide}/labels'),
    refine=[
        dict(
            type='AffinityRefiner',
            config='projects/voc20/configs/boundary-net_resnet50-frozen_voc20.py',
            checkpoint=f'{wide}/boundary-network/iter_800.pth',
        ),
        dict(type='SaliencyFusion', folder='data/voc20/saliency'),
        # After a walk less of the CRF is better (docs/user_guides/better_seeds.md).
        dict(type='DenseCRFRefiner', preset='irn', bilateral_compat=4),
    ],
)
