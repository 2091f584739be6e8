// Stands for CuPy's header of the same name, which needs CUDA's C++ library: a name and no more.
#pragma once
template <class T> struct complex;
