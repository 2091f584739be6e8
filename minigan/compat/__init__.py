"""torch's and torchvision's names of what minigan has, for scripts that were written for torch.

    import torch                             import minigan.compat.torch as torch
    import torch.nn as nn                    import minigan.compat.torch.nn as nn
    from torch.autograd import Variable      from minigan.compat.torch.autograd import Variable
    from torchvision import datasets         from minigan.compat.torchvision import datasets

With its import lines changed, and nothing else, such a script trains on minigan. Nothing in minigan
imports this package, and nothing here computes: each name is a thin forward to ours. A name that we
do not have says so. docs/porting.md tells the differences. Next: forward.py.
"""
