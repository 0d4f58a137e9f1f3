#pragma once

#include <cstdio>
#include <cstdlib>

/// A programming mistake: says where and aborts. What a user or a file can cause is a Result (base/result.hpp).
#define SC_CHECK(condition)                                                              \
  do {                                                                                   \
    if (!(condition)) [[unlikely]] {                                                     \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
