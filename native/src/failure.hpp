// How a call fails: with a status and a message that says what was wrong, what was seen and what to do.
#pragma once

#include <new>
#include <stdexcept>
#include <string>

#include "squeezebert.h"

#if !defined(__cpp_exceptions)
// Without exceptions (WebAssembly) whoever runs the engine ends the call: this is imported from it, and never returns.
extern "C" [[noreturn]] __attribute__((import_module("env"), import_name("sqb_host_fail"))) void sqb_host_fail(sqb_status status, const char* message);
#endif

namespace squeezebert {

inline constexpr const char* kNoMemory = "not enough memory; use smaller batches or a smaller model";

struct Error : std::runtime_error {
  sqb_status status;
  Error(sqb_status s, const std::string& what) : std::runtime_error(what), status(s) {}
};

[[noreturn]] inline void fail(sqb_status status, const std::string& message) {
#if defined(__cpp_exceptions)
  throw Error(status, message);
#else
  sqb_host_fail(status, message.c_str());
#endif
}

// Needs no memory itself.
[[noreturn]] inline void fail_for_memory() {
#if defined(__cpp_exceptions)
  throw Error(SQB_NO_MEMORY, kNoMemory);
#else
  sqb_host_fail(SQB_NO_MEMORY, kNoMemory);
#endif
}

}  // namespace squeezebert
