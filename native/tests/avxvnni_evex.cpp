// kernels/avxvnni.cpp once more, by the same instructions in the encoding of AVX-512.
#define kAvxVnniKernels kAvxVnniInEvex
#include "../src/kernels/avxvnni.cpp"
