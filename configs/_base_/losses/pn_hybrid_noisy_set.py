# The constraint on clean pixels; on noisy ones "it is one of the labels that seeds voted for". It
# needs labels that carry the votes, LoadSeedAnnotations(losing_votes=True).
loss = dict(type='PNHybridLoss', direct_weight=0.0, indirect_weight=0.0, noisy_set_weight=1.0)
