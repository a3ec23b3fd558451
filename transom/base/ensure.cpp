// transom/base/ensure.cpp - see ensure.hpp.
#include "transom/base/ensure.hpp"

#include <cstdio>
#include <cstdlib>

namespace transom::detail {

void broken_promise(const char* sentence, std::source_location at) noexcept {
  std::fprintf(stderr, "%s:%u: transom: %s\n", at.file_name(), static_cast<unsigned>(at.line()), sentence);
  std::abort();
}

}  // namespace transom::detail
