// The peak of this machine, for shares of it in benchmarks.
#pragma once

#include "kernels/table.hpp"

namespace squeezebert {

// Operations a second of one core, in registers alone; a multiplication and an addition are two.
struct Peak {
  double float32, int8;
};

// The best of many short runs; takes about a tenth of a second.
Peak measure_peak(const Kernels& kernels);

}  // namespace squeezebert
