"""The brain: features, model, policy, shadow book."""
