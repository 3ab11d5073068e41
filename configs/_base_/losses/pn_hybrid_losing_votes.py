# Hybrid learning whose direct negatives are the labels that lost the vote at a noisy pixel. It
# needs labels that carry them, LoadSeedAnnotations(losing_votes=True).
loss = dict(type='PNHybridLoss', direct='losers', direct_gate='all')
