// bench/goals/report.hpp - the results for people and for programs.
#pragma once
#include <string>

#include "bench/goals/results.hpp"

namespace goals {

/// Every row with everybody in it, then the goals, then how each was configured. To standard output.
void print(const run_result& run);
/// transom.bench/1. False if the file could not be written.
bool write_json(const run_result& run, const std::string& file);

}  // namespace goals
