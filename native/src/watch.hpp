// What int8 layers read, shown as it is before it is rounded, to whoever watches the calling thread; as a rule nobody does.
#pragma once

#include "linear.hpp"
#include "squeezebert.h"

namespace squeezebert {

struct Watch {
  sqb_watcher show = nullptr;
  void* user = nullptr;

  void operator()(const Linear& layer, Rows x, std::size_t channels) const {
    if (show)
      show(user, layer.name.c_str(), x.data, static_cast<int64_t>(x.count), static_cast<int64_t>(channels), static_cast<int64_t>(x.ld));
  }
};

// The calling thread's own, as its profile is.
inline constinit thread_local Watch watch;

}  // namespace squeezebert
