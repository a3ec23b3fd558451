// bench/goals/roudi.hpp - the daemon of iceoryx, as a child of the bench for as long as this lives.
#pragma once
#include <memory>
#include <string>

#include "transom/os/pipe.hpp"
#include "transom/process/child.hpp"

namespace goals {

class roudi {
 public:
  static constexpr const char* file_name = "roudi.toml";

  /// Starts it with memory pools for the rows of the plan and waits until it is ready. Null, and `words` say why: it is
  /// not installed, or one runs already, which is not ours to use or to clean up after.
  static std::unique_ptr<roudi> start(const std::string& directory, std::string& words);
  roudi(const roudi&) = delete;
  roudi& operator=(const roudi&) = delete;
  /// Ends it with SIGTERM, on which it removes its segments; after five seconds kills it and removes them itself.
  ~roudi();

 private:
  roudi(transom::os::pipe_reader output, transom::child running)
      : output_(std::move(output)), running_(std::move(running)) {}
  transom::os::pipe_reader output_;  // open as long as it runs: writing to nobody would kill it
  transom::child running_;
};

}  // namespace goals
