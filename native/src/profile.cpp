// The C interface of the profile.
#include "profile.hpp"

#include <algorithm>

using squeezebert::kOperations;
using squeezebert::profile;

static_assert(SQB_OPERATIONS == kOperations);

void sqb_profile_start(void) {
  profile = {};
  profile.on = true;
  profile.since = squeezebert::Profile::Clock::now();
}

void sqb_profile_stop(double* seconds) {
  profile.on = false;
  std::copy_n(profile.seconds, kOperations, seconds);
}

const char* sqb_operation(int32_t i) {
  static constexpr const char* kNames[kOperations] = {"embedding",    "qkv",    "attention", "post_attention", "layer_norm",
                                                      "intermediate", "output", "quantize",  "heads"};
  return i >= 0 && i < SQB_OPERATIONS ? kNames[i] : nullptr;
}
