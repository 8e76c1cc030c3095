// Which instruction sets this build carries and this machine can run.
#include <cstring>

#include "table.hpp"

namespace squeezebert {

extern const Kernels kPlainKernels;
#ifdef SQB_X86
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif
#ifdef __wasm_simd128__
extern const Kernels kWasmSimdKernels;
#endif

namespace {

struct Found {
  const Kernels* sets[4];
  std::size_t count = 0;

  Found() {
#ifdef SQB_X86
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vnni");
    if (avx512) sets[count++] = &kAvx512Kernels;
    if (avx2) sets[count++] = &kAvx2Kernels;
#endif
#ifdef __wasm_simd128__
    sets[count++] = &kWasmSimdKernels;
#endif
    sets[count++] = &kPlainKernels;
  }
};

const Found& found() {
  static const Found instance;
  return instance;
}

}  // namespace

const Kernels* const* available_kernels(std::size_t* count) {
  *count = found().count;
  return found().sets;
}

const Kernels* find_kernels(const char* name) {
  if (!name || !*name) return found().sets[0];
  for (std::size_t i = 0; i < found().count; ++i)
    if (std::strcmp(found().sets[i]->name, name) == 0) return found().sets[i];
  return nullptr;
}

}  // namespace squeezebert
