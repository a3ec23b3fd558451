// tests/step/fixtures.hpp - what operations are made of: memory that survives its writers, a directory of their own,
// and a way to say what went wrong.
#pragma once
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <initializer_list>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>

#include "tests/step/operation.hpp"
#include "tests/step/stepper.hpp"
#include "transom/os/mapping.hpp"
#include "transom/shm/storage.hpp"
#include "transom/sync/atomic.hpp"

namespace transom::step {

/// A T in memory shared with all children; whoever writes there and dies leaves what it wrote.
template <typename T>
class shared {
 public:
  shared() : memory_(os::mapping::anonymous(sizeof(T), os::share::shared).or_throw()) { renew(); }
  T& renew() {
    std::ranges::fill(memory_.bytes(), std::byte{0});
    return *::new (memory_.data()) T();
  }
  T* operator->() const noexcept { return reinterpret_cast<T*>(memory_.data()); }
  T& operator*() const noexcept { return *operator->(); }

 private:
  os::mapping memory_;
};

/// For loops over a few of them.
using numbers = std::initializer_list<std::uint64_t>;

/// A number written by one process and read by another after the first one's death.
using note = sync::atomic<std::uint64_t>;
inline void write(note& where, std::uint64_t value) noexcept { where.store(value, sync::release); }
inline std::uint64_t read(const note& where) noexcept { return where.load(sync::acquire); }

/// Throws what a judge has to say; judged() turns it into a verdict.
struct accusation : std::runtime_error {
  using std::runtime_error::runtime_error;
};
inline void demand(bool holds, const std::string& what) {
  if (!holds) throw accusation(what);
}
template <typename Body>
verdict judged(Body body) {
  try {
    return {.history = body(), .wrong = {}};
  } catch (const std::exception& fault) {
    return verdict::bad(fault.what());
  }
}
template <typename Body>
std::string complaint(Body body) {
  try {
    body();
  } catch (const std::exception& fault) {
    return fault.what();
  }
  return {};
}

/// A directory within the stage's own that is called as the library calls it: TRANSOM_DIR.
inline std::string usual_name_in(const std::string& stage) { return stage + "/transom-" + std::to_string(::geteuid()); }

/// What stands outside of it: a POSIX segment that is named after the stage, and a System V one of this file.
inline shm::storage_name segment_of(pid_t stage) {
  return shm::storage_name::posix("/transom-step-" + std::to_string(stage));
}
inline std::string key_in(const std::string& stage) { return stage + "/key"; }

/// Empties it, or makes it.
inline std::string empty_directory() {
  const std::string path = std::getenv("TRANSOM_DIR");
  std::error_code ignored;
  std::filesystem::create_directories(path);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  for (const auto& entry : std::filesystem::directory_iterator(path))
    std::filesystem::remove_all(entry.path(), ignored);
  return path;
}
/// What is in it besides the file of the locks; empty: nothing.
inline std::string left_behind() {
  std::string names;
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(std::getenv("TRANSOM_DIR"), missing)) {
    if (entry.path().filename() != "lock") names += entry.path().filename().string() + " ";
  }
  return names;
}
inline void demand_nothing_left() {
  if (const std::string names = left_behind(); !names.empty()) throw accusation("left behind: " + names);
}
/// After somebody who was last, and not killed: that it is gone, with the file of the locks.
inline void demand_all_gone() {
  demand_nothing_left();
  demand(!std::filesystem::exists(std::getenv("TRANSOM_DIR")), "left behind: the directory");
}

}  // namespace transom::step
