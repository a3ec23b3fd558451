// transom/os/memfd.cpp - see memfd.hpp.
#include "transom/os/memfd.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include <array>
#include <utility>

#include "transom/os/allocation.hpp"
#include "transom/os/reserve.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

static_assert(static_cast<int>(seal::seal) == F_SEAL_SEAL && static_cast<int>(seal::shrink) == F_SEAL_SHRINK &&
              static_cast<int>(seal::grow) == F_SEAL_GROW && static_cast<int>(seal::write) == F_SEAL_WRITE &&
              static_cast<int>(seal::future_write) == F_SEAL_FUTURE_WRITE);

namespace {

// Linux 6.3; Debian 12's headers do not know it yet.
constexpr unsigned memfd_noexec_seal = 0x0008;

// A memfd's file system has no bound of its own: without this the kernel would fill all memory and then start killing.
result<void> check_memory(std::uint64_t size, const place& where) {
  struct sysinfo machine{};
  if (size == 0 || ::sysinfo(&machine) != 0) return {};
  const std::uint64_t most = (std::uint64_t{machine.totalram} + machine.totalswap) * machine.mem_unit;
  if (size <= most) return {};
  return error::system(ENOSPC, "memfd_create", where)
      .with_detail(std::to_string(size) + " bytes needed; the machine has " + std::to_string(most) +
                   " bytes of memory and swap in all");
}

result<std::uint64_t> size_of(int fd, const place& where) {
  struct stat file{};
  if (auto seen = done("fstat", [&] { return where; }, [&] { return ::fstat(fd, &file); }); !seen) return seen.error();
  return static_cast<std::uint64_t>(file.st_size);
}

}  // namespace

std::string names_of(seal seals) {
  constexpr std::array<std::pair<seal, const char*>, 6> all{{{seal::seal, "seal"},
                                                             {seal::shrink, "shrink"},
                                                             {seal::grow, "grow"},
                                                             {seal::write, "write"},
                                                             {seal::future_write, "future_write"},
                                                             {seal::exec, "exec"}}};
  std::string names;
  for (const auto& [one, name] : all) {
    if (contains(seals, one)) names.append(names.empty() ? "" : ", ").append(name);
  }
  return names.empty() ? "none" : names;
}

result<memfd> memfd::make(const std::string& name, options how) {
  place where("memfd:" + name);
  if (auto enough = check_memory(how.size, where); !enough) return enough.error();
  const auto at = [&] { return where; };
  constexpr unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  auto made = checked("memfd_create", at, [&] { return ::memfd_create(name.c_str(), flags | memfd_noexec_seal); });
  if (made.failed_with(std::errc::invalid_argument)) {  // an older kernel, or a name too long: ask again without
    made = checked("memfd_create", at, [&] { return ::memfd_create(name.c_str(), flags); });
  }
  if (!made) return made.error();
  memfd memory(transom::fd(*made), std::move(where));
  if (auto grown = memory.grow(how.size); !grown) return grown.error();
  if (!how.sealable) {
    if (auto sealed = memory.add_seals(seal::seal); !sealed) return sealed.error();
  }
  return memory;
}

result<memfd> memfd::adopt(transom::fd owned, seal required, std::size_t min_size) {
  memfd memory(std::move(owned), place("memfd:"));
  auto has = memory.seals();
  if (has.failed_with(std::errc::invalid_argument)) {
    return error(errc::protocol_error, "fcntl(F_GET_SEALS)", place("memfd:", "the descriptor is not a memfd"));
  }
  if (!has) return has.error();
  if (!contains(*has, required)) {
    const seal missing = static_cast<seal>(static_cast<unsigned>(required) & ~static_cast<unsigned>(*has));
    return error(errc::protocol_error, "fcntl(F_GET_SEALS)",
                 place("memfd:", "not sealed against: " + names_of(missing)));
  }
  auto size = memory.size();
  if (!size) return size.error();
  if (*size < min_size) {
    return error(errc::protocol_error, "fstat",
                 place("memfd:", std::to_string(*size) + " bytes, " + std::to_string(min_size) + " expected"));
  }
  return memory;
}

result<std::size_t> memfd::size() const { return size_of(fd_.get(), where_); }

result<void> memfd::grow(std::size_t size) const {
  if (auto enough = check_memory(size, where_); !enough) return enough;
  return reserve(fd_.get(), size, "fallocate", where_);
}

result<void> memfd::set_size(std::size_t size) const { return os::set_size(fd_.get(), size, where_); }

result<void> memfd::allocate(std::size_t offset, std::size_t length) const {
  if (auto enough = check_memory(length, where_); !enough) return enough;
  return os::allocate(fd_.get(), offset, length, where_);
}

result<void> memfd::add_seals(seal more) const {
  return done(
      "fcntl(F_ADD_SEALS)", [&] { return where_; },
      [&] { return ::fcntl(fd_.get(), F_ADD_SEALS, static_cast<unsigned>(more)); });
}

result<seal> memfd::seals() const {
  auto all = checked("fcntl(F_GET_SEALS)", [&] { return where_; }, [&] { return ::fcntl(fd_.get(), F_GET_SEALS); });
  if (!all) return all.error();
  return static_cast<seal>(*all);
}

result<transom::fd> memfd::reopen_read_only() const {
  const std::string path = "/proc/self/fd/" + std::to_string(fd_.get());
  auto again = checked("open", [&] { return place(path); }, [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (!again) return again.error();
  return transom::fd(*again);
}

result<mapping> memfd::map(access how, share with) const {
  auto bytes = size();
  if (!bytes) return bytes.error();
  return mapping::map(fd_.get(), 0, *bytes, how, with, where_);
}

}  // namespace transom::os
