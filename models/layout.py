"""The files of a folder of weights, in diffusers' layout."""

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
