// tools/sha256.hpp - the digest by which the tour knows that what arrived is what was sent.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace tools {

/// 64 hexadecimal digits.
std::string sha256(std::span<const std::byte> data);

}  // namespace tools
