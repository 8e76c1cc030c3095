// Random values, and the comparison of what two sets of kernels make of them.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

#include "../src/kernels/table.hpp"

namespace {

using namespace squeezebert;

std::mt19937 generator(7);
int failures = 0;

std::size_t pick(std::size_t low, std::size_t high) { return std::uniform_int_distribution<std::size_t>(low, high)(generator); }

std::vector<float> values(std::size_t n, float spread = 1.0f) {
  std::normal_distribution<float> normal(0.0f, spread);
  std::vector<float> out(n);
  for (float& x : out) x = normal(generator);
  return out;
}

void compare(const char* set, const char* what, const std::vector<float>& seen, const std::vector<float>& wanted, float tolerance) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (std::fabs(seen[i] - wanted[i]) <= tolerance * (1.0f + std::fabs(wanted[i]))) continue;
    std::printf("%s %s differs at %zu: %g, plain has %g\n", set, what, i, seen[i], wanted[i]);
    ++failures;
    return;
  }
}

}  // namespace
