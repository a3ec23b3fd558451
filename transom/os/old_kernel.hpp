// transom/os/old_kernel.hpp - a kernel that lacks a call, made with a seccomp filter. For tests only, in a child:
// there is no way back.
#pragma once
#include <sys/prctl.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace transom::os::testing {

/// From now on system call `call` fails with `number` in this process and its children; if `argument` is not
/// negative, only when that argument is `value`.
inline bool refuse_call(long call, int number, int argument = -1, std::uint32_t value = 0) {
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  const auto unless_equal = [](std::uint32_t what, std::uint8_t skip) {
    return sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, what, 0, skip);
  };
  const auto answer = [](std::uint32_t with) { return sock_filter BPF_STMT(BPF_RET | BPF_K, with); };
  // The low half of an argument, on a little-endian machine. Without an argument the number is compared twice.
  const std::size_t second =
      argument < 0 ? offsetof(seccomp_data, nr) : offsetof(seccomp_data, args) + 8 * static_cast<std::size_t>(argument);
  const auto nr = static_cast<std::uint32_t>(call);
  std::array filter{load(offsetof(seccomp_data, nr)),
                    unless_equal(nr, 3),
                    load(second),
                    unless_equal(argument < 0 ? nr : value, 1),
                    answer(SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(number)),
                    answer(SECCOMP_RET_ALLOW)};
  const sock_fprog program{.len = static_cast<unsigned short>(filter.size()), .filter = filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace transom::os::testing
