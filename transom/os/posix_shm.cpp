// transom/os/posix_shm.cpp - see posix_shm.hpp.
#include "transom/os/posix_shm.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "transom/os/reserve.hpp"
#include "transom/os/syscall.hpp"

namespace transom::os {

namespace {

// glibc takes "name" for "/name" and refuses other forms with EINVAL alone; we say what a name is.
result<void> check_name(const std::string& name) {
  const bool good = name.size() >= 2 && name.size() <= 255 && name[0] == '/' && name.find('/', 1) == name.npos &&
                    name != "/." && name != "/..";
  if (good) return {};
  return error::system(EINVAL, "shm_open", place(name))
      .with_detail("a name is \"/\" followed by 1 to 254 characters other than \"/\"");
}

}  // namespace

result<posix_shm> posix_shm::open_with(const std::string& name, int flags, unsigned mode) {
  if (auto good = check_name(name); !good) return good.error();
  place where(name);
  auto opened =
      checked("shm_open", [&] { return where; }, [&] { return ::shm_open(name.c_str(), flags | O_CLOEXEC, mode); });
  if (!opened) return opened.error();
  return posix_shm(transom::fd(*opened), std::move(where), (flags & O_CREAT) != 0);
}

result<posix_shm> posix_shm::create(const std::string& name, std::size_t size, options how) {
  for (;;) {
    // Exclusively first, to know whose it is; between the two calls it may be removed, hence the loop.
    auto made = open_with(name, O_RDWR | O_CREAT | O_EXCL, how.mode);
    if (made) {
      auto complete = set_mode(made->fd(), how.mode, "fchmod", made->where_);
      if (complete) complete = made->grow(size);
      if (complete) return made;
      ::shm_unlink(name.c_str());
      return complete.error();
    }
    if (how.exclusive || !made.failed_with(std::errc::file_exists)) return made;
    auto there = open(name);
    if (there.failed_with(std::errc::no_such_file_or_directory)) continue;
    if (!there) return there;
    if (auto enough = there->grow(size); !enough) return enough.error();
    return there;
  }
}

result<posix_shm> posix_shm::open(const std::string& name, access how) {
  return open_with(name, how == access::read_write ? O_RDWR : O_RDONLY, 0);
}

result<void> posix_shm::unlink(const std::string& name) {
  if (auto good = check_name(name); !good) return good.error().during("shm_unlink");
  return done("shm_unlink", [&] { return place(name); }, [&] { return ::shm_unlink(name.c_str()); });
}

result<std::size_t> posix_shm::size() const {
  struct stat object{};
  auto seen = done("fstat", [&] { return where_; }, [&] { return ::fstat(fd_.get(), &object); });
  if (!seen) return seen.error();
  return static_cast<std::size_t>(object.st_size);
}

result<void> posix_shm::grow(std::size_t size) const { return reserve(fd_.get(), size, "posix_fallocate", where_); }

result<mapping> posix_shm::map(access how, share with) const {
  auto bytes = size();
  if (!bytes) return bytes.error();
  return mapping::map(fd_.get(), 0, *bytes, how, with, where_);
}

}  // namespace transom::os
