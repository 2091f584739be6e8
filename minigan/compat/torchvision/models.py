"""torchvision.models: there are none; this module says so by name.

Next: ../torchsummary.py.
"""

from minigan.compat.forward import forward

__getattr__ = forward(
    "torchvision.models",
    instead={
        name: "there are no pretrained networks; minigan.evaluation.classifier judges digits"
        for name in ("vgg16", "vgg19", "resnet18", "resnet34", "resnet50", "inception_v3")
    },
)
