// transom/os/promises_testing.hpp - what the manual pages promise, as tables: one row is a page, a promise and a check
// that it holds through our wrappers. For tests only.
//
// A row's name is its page and its promise. Limits of the whole machine are met in an IPC namespace of the row's own,
// where they can be lowered without anybody else's noticing.
#pragma once
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <cctype>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "transom/os/testing.hpp"

namespace transom::os::testing {

/// True: kept. False: broken. Nothing: this machine cannot be asked.
using verdict = std::optional<bool>;

struct promise {
  const char* page;
  const char* says;
  verdict (*check)();
  // Check is a lambda without captures, whose type alone says what to run: quicker to compile than a std::function.
  template <typename Check>
  promise(const char* its_page, const char* it_says, Check)
      : page(its_page), says(it_says), check([] { return verdict(Check{}()); }) {}
  friend void PrintTo(const promise& row, std::ostream* out) { *out << row.page << ": " << row.says; }
};

inline std::string name_of_row(const ::testing::TestParamInfo<promise>& row) {
  std::string name = std::string(row.param.page) + "_" + row.param.says;
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

class promises : public ::testing::TestWithParam<promise> {
 protected:
  static void ask() {
    const auto held = GetParam().check();
    if (!held) GTEST_SKIP() << "this machine cannot be asked";
    EXPECT_TRUE(*held) << GetParam().page << ": " << GetParam().says;
  }
};

/// Runs `body` in a child of its own; what it returns, or throws, is the verdict.
template <typename Body>
verdict in_own_process(Body body) {
  const int status = forked([&] {
                       const verdict held = body();
                       return held ? (*held ? 0 : 1) : 77;
                     }).wait();
  return status == 77 ? verdict{} : verdict{status == 0};
}

/// One limit of an IPC namespace: the file below /proc/sys and what it shall say.
struct limit_setting {
  const char* file;
  const char* text;
};

/// The same in an IPC namespace of its own, in which `limits` hold and nothing exists.
template <typename Body>
verdict in_ipc_namespace(std::vector<limit_setting> limits, Body body) {
  return in_own_process([&]() -> verdict {
    if (::unshare(CLONE_NEWIPC) != 0) return {};
    for (const auto& [file, text] : limits) {
      const int number = ::open((std::string("/proc/sys/") + file).c_str(), O_WRONLY | O_CLOEXEC);
      const std::string line = text;
      const bool written = ::write(number, line.data(), line.size()) == static_cast<ssize_t>(line.size());
      ::close(number);
      if (!written) return {};
    }
    return body();
  });
}

/// Leaves root and every capability for ever: in a child only.
inline bool become_nobody() { return ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0; }

}  // namespace transom::os::testing
