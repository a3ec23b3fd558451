// transom/os/spawn.hpp - another program in a new process, with what is listed and nothing else.
//
// Between fork and exec runs no user code: no handler of this process (all signals are held back), nothing
// registered with pthread_atfork(3), no allocation; only system calls on what was prepared before.
//
// The child has the descriptors 0, 1, 2 of the parent and the mapped ones, an empty signal mask, and every signal
// at its default. A standard stream that the parent lacks, or has as close-on-exec, is /dev/null: otherwise the
// first file the child opens would take its place.
//
// Death: a child whose parent dies goes on.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "transom/base/error.hpp"
#include "transom/os/process.hpp"

namespace transom::os {

/// What to start, and with what.
struct spawn_request {
  /// A path, or a name without '/' that is looked up in the parent's PATH. A relative path starts at the parent's
  /// working directory, whatever `directory` says.
  std::string program = {};
  std::vector<std::string> arguments = {};  ///< argv, the name first; empty: `program` alone
  /// "NAME=value" each; nothing: the parent's environment
  std::optional<std::vector<std::string>> environment = {};
  std::string directory = {};  ///< the child's working directory; empty: the parent's
  struct mapping {
    int parent = -1;  ///< descriptor here; may be close-on-exec, stays open and as it is
    int child = -1;   ///< its number there, 0..., each once
  };
  /// May overlap in any way, {{3, 4}, {4, 3}} swaps; a mapping to 0, 1 or 2 replaces the parent's.
  std::vector<mapping> descriptors = {};
};

/// Starts the program and returns a handle when it runs: the exec has succeeded. Whatever failed in the child comes
/// back as the error of that step ("execve", "chdir", "dup3", ...), and the failed child is reaped. A program
/// that is not found is no_such_file_or_directory. Copies the parent's page tables, so a process of many gigabytes
/// spawns slowly, and with vm.overcommit_memory=2 may fail with not_enough_memory. The caller must wait() for the
/// child.
result<process> spawn_process(const spawn_request& what);

}  // namespace transom::os
