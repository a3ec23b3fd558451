// transom/os/guarded_copy.cpp - see guarded_copy.hpp.
#include "transom/os/guarded_copy.hpp"

#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>

#include "transom/os/pipe.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {
namespace {

place memory() { return place("memory of this process"); }

// write(2) reads our memory for us as well.
result<void> copy_through_a_pipe(std::span<std::byte> into, const std::byte* from) {
  auto both = pipe::make();
  if (!both) return both.error();
  while (!into.empty()) {
    const std::size_t some = std::min(into.size(), atomic_size);  // fits into an empty pipe, whole
    auto put = both->writer.write_all({from, some});
    if (!put) return put.error().at(memory());
    for (std::size_t got = 0; got < some;) {
      auto n = both->reader.read(into.subspan(got, some - got));
      if (!n) return n.error().at(memory());
      got += *n;
    }
    into = into.subspan(some);
    from += some;
  }
  return {};
}

}  // namespace

result<void> guarded_copy(std::span<std::byte> into, const void* from) {
  const auto* source = static_cast<const std::byte*>(from);
  while (!into.empty()) {
    const iovec here{into.data(), into.size()};
    const iovec there{const_cast<std::byte*>(source), into.size()};
    const ssize_t n = retried([&] { return ::process_vm_readv(::getpid(), &here, 1, &there, 1, 0); });
    if (n < 0) {
      const int number = errno;
      if (number == ENOSYS || number == EPERM) return copy_through_a_pipe(into, source);
      return error::system(number, "process_vm_readv", memory());
    }
    into = into.subspan(static_cast<std::size_t>(n));  // short: the next round meets the missing page first, EFAULT
    source += n;
  }
  return {};
}

}  // namespace transom::os
