// Stands for CuPy's header of the same name, of which float32 and float64 kernels need nothing.
#pragma once
