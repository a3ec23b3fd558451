// transom/sync/settle.hpp - what is done with the note of somebody who is gone: whatever it says is ended or given
// back.
#pragma once
#include <cstdint>

#include "transom/sync/membership.hpp"

namespace transom::sync {

/// Settles one note of a participant that is gone; `about` is what was read in it. Any number of threads and processes
/// may do it at once, and die at any instruction: each change is one compare-and-swap that names the incarnation.
void settle(const membership& in, note& left, std::uint64_t about) noexcept;

}  // namespace transom::sync
