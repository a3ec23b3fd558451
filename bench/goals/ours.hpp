// bench/goals/ours.hpp - where a measurement's channels are.
#pragma once
#include <string>

#include "bench/goals/meeting.hpp"

namespace goals {

/// The URL of the channel `name` over the scheme that was asked for with --via. Names are of this run alone; what has a
/// path lies in the run's own directory.
std::string our_url(const side& s, const std::string& name);

}  // namespace goals
