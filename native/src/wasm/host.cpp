// Failures of the language's own that must reach the host: there are no exceptions to carry them.
#include <cstdlib>

#include "../failure.hpp"

void* operator new(std::size_t size) {
  void* memory = std::malloc(size ? size : 1);
  if (!memory) squeezebert::fail_for_memory();
  return memory;
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const std::size_t to = static_cast<std::size_t>(alignment);
  void* memory = std::aligned_alloc(to, (size + to - 1) / to * to);
  if (!memory) squeezebert::fail_for_memory();
  return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

// What libc++ calls where it would throw: a vector asked for more than there can be, say.
void std::__libcpp_verbose_abort(const char*, ...) noexcept {
  sqb_host_fail(SQB_INTERNAL, "the C++ library gave up; report this with the model and the batch");
}
