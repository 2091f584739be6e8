"""CuPy on an NVIDIA GPU. Nobody needs it to understand the rest; docs/gpu.md tells it in one go.

Around arrays.py the files form a star. Read them in this order, from the outside to the middle:

    start.py         finding CuPy and a GPU, or saying in one line why that cannot be
    launch.py        our own kernels compiled and launched: the .cu files beside this one
    memory.py        the GPU's memory: a sentence when it is full, and a pool of one's own
    fusion.py        several element-wise steps in one kernel
    cublas.py        matrix products
    convolution.py   image columns and matrix products: first the idea, in ../numpy/convolution.py
    kernels.cu       image columns and their adjoint, one factor for each column, Adam
    sums.cu          sums over the columns of a matrix
    random.py        random numbers, NumPy's to the last bit; philox.cu, the kernels
    arrays.py        CupyBackend: the methods of ../interface.py, from all of these
    capture.py       whole steps recorded, and repeated without Python

Nothing is imported here, CuPy least of all: ../__init__.py does when somebody asks for it.
"""
