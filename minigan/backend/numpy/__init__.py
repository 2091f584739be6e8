"""NumPy on a few cores, the backend that everybody has. Read these files in this order:

    arrays.py        NumpyBackend: the idea, work cut into pieces that fit a cache, and its kernels
    threads.py       the few threads that share out the pieces
    products.py      a matrix product, shared out by columns or rows
    compiler/        a formula of many passes becomes one loop of machine code, if that is installed
    adam.py          Adam's formula on one piece after another
    convolution.py   a convolution as matrix products of image columns
    winograd.py      the same with 9 products instead of 16, where the shapes allow it
    random.py        random numbers, after ../../random.py has said which
    replay/          a training step recorded once, and replayed without tensors and graphs
    process.py       what an application may set for its whole process

Nothing is imported here: ../__init__.py makes the one NumpyBackend.
"""
