"""The files of a folder of weights, in diffusers' layout, and of the training that made them."""

CONFIG, WEIGHTS = "config.json", "diffusion_pytorch_model.safetensors"
CHECKPOINT, LOG, TRAINING = "checkpoint.pt", "log.jsonl", "training.yaml"
