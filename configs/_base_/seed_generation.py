# What MultiSeedCAMHook and tools/make_seeds.py do with a trained classifier: the paper's six seeds.
seed_generation = dict(
    # (dropout, scale); the eight candidates are all of 0.05, 0.10, 0.20, 0.30 x 1.0, 1.2.
    seeds=[(0.05, 1.0), (0.05, 1.2), (0.10, 1.0), (0.10, 1.2), (0.20, 1.0), (0.30, 1.2)],
    scales=(0.5, 1.0, 1.5, 2.0),  # each times the scale of the seed, and mirrored
    num_draws=1,
    background=dict(kind='constant', threshold=0.20),
    refine='irn',
    aggregate=dict(tie='lowest'),
)
