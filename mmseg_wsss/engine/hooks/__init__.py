"""Hooks: thin over the seed generation and the losses."""
