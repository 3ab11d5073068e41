# Cross-entropy weighted by the seeds' agreement in the manner of URN (AAAI 2022). It needs labels
# that carry disagreement, dict(type='LoadSeedAnnotations', agreement_threshold='unanimous',
# noisy='disagreement') in the training pipeline, and num_seeds must be the number of seeds that
# voted.
loss = dict(type='SeedWeightedCrossEntropyLoss', num_seeds=6)
