"""How layers other than convolutions compute their outputs, by PyTorch's definitions."""
