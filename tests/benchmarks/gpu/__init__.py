"""What gpu_check.py measures on a GPU: games.py plays whole steps, kernels.py takes one apart."""
