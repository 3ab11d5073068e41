"""Domain core: activation maps, CRF, votes, codec, seed store; no registries, no configs."""
