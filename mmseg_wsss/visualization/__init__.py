"""Pictures of seeds and predictions."""
