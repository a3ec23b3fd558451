// transom/process/command.hpp - a program to start, and what it is given.
//
// The child gets 0, 1, 2, what was given by name, and nothing else: no other descriptor, signal mask or handler.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "transom/channel/end_access.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/sender.hpp"
#include "transom/process/child.hpp"

namespace transom {

/// What to start. Filled by calls that can be chained; spawn() starts it. Moves, does not copy: what was given is in
/// it. Thread safety: one thread at a time.
class command {
 public:
  /// A path, or a name without "/" that is looked up in PATH.
  explicit command(std::string program);
  command(command&&) noexcept;
  command& operator=(command&&) noexcept;
  ~command();

  /// A further argument.
  command& arg(std::string value) &;
  /// A variable of the child's environment, on top of this process's.
  command& env(std::string_view name, std::string_view value) &;
  /// Without this process's variables; those set by env() stay.
  command& clear_env() &;
  command& directory(std::string path) &;
  /// The child's standard streams; without these it shares ours.
  command& stdin_from(fd from) &;
  command& stdout_to(fd to) &;
  command& stderr_to(fd to) &;
  /// Moves an end into the child, where inherited<>(name) finds it. The parent's copy is gone once spawn() has
  /// succeeded, so each side sees the other's death.
  template <typename T>
  command& give(std::string name, sender<T> end) & {
    const options how = detail::end_access::core_of(end).how;
    give_sender(std::move(name), detail::end_access::release(std::move(end)), how, detail::cargo_of<T>().native);
    return *this;
  }
  template <typename T>
  command& give(std::string name, receiver<T> end) & {
    const options how = detail::end_access::core_of(end).how;
    give_receiver(std::move(name), detail::end_access::release(std::move(end)), how, detail::cargo_of<T>().native);
    return *this;
  }
  command& give(std::string name, fd owned) &;

  // The same on a temporary, so that a whole command is one expression.
  command&& arg(std::string value) && { return std::move(arg(std::move(value))); }
  command&& env(std::string_view name, std::string_view value) && { return std::move(env(name, value)); }
  command&& clear_env() && { return std::move(clear_env()); }
  command&& directory(std::string path) && { return std::move(directory(std::move(path))); }
  command&& stdin_from(fd from) && { return std::move(stdin_from(std::move(from))); }
  command&& stdout_to(fd to) && { return std::move(stdout_to(std::move(to))); }
  command&& stderr_to(fd to) && { return std::move(stderr_to(std::move(to))); }
  template <typename Given>
  command&& give(std::string name, Given&& given) && {
    return std::move(give(std::move(name), std::forward<Given>(given)));
  }

  /// Starts the program; when it returns, exec has succeeded. A failure is the error of the step that failed (the
  /// program is missing, no permission, no such directory, out of processes) and nothing is left running; what was
  /// given stays in the command. After a success the command has given everything away, and starts the program
  /// without it if it is used again.
  result<child> spawn();

 private:
  struct parts;
  void give_sender(std::string name, std::unique_ptr<transport::sending_end> end, const options& how,
                   const transport::terms& agreed);
  void give_receiver(std::string name, std::unique_ptr<transport::receiving_end> end, const options& how,
                     const transport::terms& agreed);
  std::unique_ptr<parts> parts_;
};

}  // namespace transom
