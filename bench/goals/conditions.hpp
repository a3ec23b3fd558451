// bench/goals/conditions.hpp - settings of the machine that decide numbers: read before and after, and they must agree.
#pragma once
#include <map>
#include <string>
#include <vector>

namespace goals {

using conditions = std::map<std::string, std::string>;
conditions conditions_now();
/// A sentence for each that changed, and one for each that makes the numbers doubtful.
std::vector<std::string> remarks_on(const conditions& before, const conditions& after);

}  // namespace goals
