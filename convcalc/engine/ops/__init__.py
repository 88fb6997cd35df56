"""What layers without weights, or with little more than a scale, do to arrays; PyTorch's definitions."""
