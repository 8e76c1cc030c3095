// Which instruction sets this build carries and this machine can run.
#include <cstring>

#include "table.hpp"

#ifdef SQB_X86
#include <cpuid.h>
#endif
#if defined(SQB_NEON) && defined(__linux__)
#include <sys/auxv.h>
#endif

namespace squeezebert {

extern const Kernels kPlainKernels;
#ifdef SQB_X86
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels, kAvx512PairsKernels;
#endif
#ifdef SQB_AVXVNNI
extern const Kernels kAvxVnniKernels;
#endif
#ifdef SQB_NEON
extern const Kernels kNeonKernels;
#endif
#ifdef __wasm_simd128__
extern const Kernels kWasmSimdKernels;
#endif
#ifdef __wasm_relaxed_simd__
const Kernels* wasm_dot_kernels();
#endif

namespace {

#ifdef SQB_AVXVNNI
// Which older compilers' __builtin_cpu_supports does not know.
bool has_avxvnni() {
  unsigned eax, ebx, ecx, edx;
  return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) && (eax & (1u << 4));
}
#endif

#ifdef SQB_NEON
bool has_dot_product() {
#if defined(__linux__)
  constexpr unsigned long kDotProduct = 1ul << 20;  // HWCAP_ASIMDDP
  return getauxval(AT_HWCAP) & kDotProduct;
#else
  return true;  // every 64-bit Apple machine that runs macOS
#endif
}
#endif

struct Found {
  const Kernels* sets[6];
  std::size_t count = 0;

  Found() {
#ifdef SQB_X86
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512vnni");
    if (avx512) {
      const bool amd = __builtin_cpu_is("amd");  // which adds beside its multipliers
      sets[count++] = amd ? &kAvx512PairsKernels : &kAvx512Kernels;
      sets[count++] = amd ? &kAvx512Kernels : &kAvx512PairsKernels;
    }
#ifdef SQB_AVXVNNI
    if (avx2 && has_avxvnni()) sets[count++] = &kAvxVnniKernels;
#endif
    if (avx2) sets[count++] = &kAvx2Kernels;
#endif
#ifdef SQB_NEON
    if (has_dot_product()) sets[count++] = &kNeonKernels;
#endif
#ifdef __wasm_relaxed_simd__
    if (const Kernels* dot = wasm_dot_kernels()) sets[count++] = dot;
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
