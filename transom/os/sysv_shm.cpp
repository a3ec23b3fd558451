// transom/os/sysv_shm.cpp - see sysv_shm.hpp.
#include "transom/os/sysv_shm.hpp"

#include <sys/ipc.h>
#include <sys/shm.h>

#include "transom/os/probe.hpp"
#include "transom/os/syscall.hpp"
#include "transom/os/sysv_key.hpp"

namespace transom::os {

namespace {

place place_of(const std::string& path, int id) { return place(path + "?id=" + std::to_string(id)); }
place place_of(int number) { return place("System V segment " + std::to_string(number)); }

error explained(const error& failed, std::size_t size, bool creating) {
  const std::string bytes = std::to_string(size) + " bytes";
  if (failed == std::errc::no_space_on_device) {
    return failed.with_detail(bytes + "; " + described_sysctl("kernel/shmall") + " pages, " +
                              described_sysctl("kernel/shmmni") + " segments");
  }
  if (failed == std::errc::not_enough_memory) {
    return failed.with_detail(bytes + ", more than the machine promises; " + described_sysctl("vm/overcommit_memory") +
                              ", " + described_sysctl("kernel/shmall") + " pages");
  }
  if (failed == std::errc::invalid_argument && creating) {
    return failed.with_detail(bytes + "; at least 1, and " + described_sysctl("kernel/shmmax"));
  }
  if (failed == std::errc::invalid_argument) return failed.with_detail("the segment is smaller than " + bytes);
  return failed;
}

}  // namespace

result<sysv_shm> sysv_shm::get(int key, std::size_t size, int flags, place where) {
  auto number = checked("shmget", [&] { return where; }, [&] { return ::shmget(key, size, flags); });
  const bool creating = (flags & IPC_CREAT) != 0;
  if (!number) return explained(number.error(), size, creating);
  return sysv_shm(*number, std::move(where), creating);
}

result<sysv_shm> sysv_shm::create(const std::string& path, int id, std::size_t size, options how) {
  auto key = sysv_key(path, id);
  if (!key) return key.error();
  const place where = place_of(path, id);
  for (;;) {
    // Exclusively first, to know whose it is; between the two calls it may be removed, hence the loop.
    auto made = get(*key, size, IPC_CREAT | IPC_EXCL | static_cast<int>(how.mode), where);
    if (how.exclusive || !made.failed_with(std::errc::file_exists)) return made;
    auto there = get(*key, size, 0, where);
    if (!there.failed_with(std::errc::no_such_file_or_directory)) return there;
  }
}

result<sysv_shm> sysv_shm::open(const std::string& path, int id) {
  auto key = sysv_key(path, id);
  if (!key) return key.error();
  return get(*key, 0, 0, place_of(path, id));
}

result<sysv_shm> sysv_shm::make_private(std::size_t size, unsigned mode) {
  auto made = get(IPC_PRIVATE, size, IPC_CREAT | static_cast<int>(mode), place("System V segment"));
  if (made) made->where_ = place_of(made->number_);
  return made;
}

result<sysv_shm> sysv_shm::from_number(int number) {
  sysv_shm segment(number, place_of(number), false);
  if (auto there = segment.stat(); !there) return there.error();
  return segment;
}

result<mapping> sysv_shm::attach(access how, bool touch) const {
  const auto at = [&] { return where_; };
  void* const failed = reinterpret_cast<void*>(-1);
  void* data = ::shmat(number_, nullptr, how == access::read_only ? SHM_RDONLY : 0);
  if (data == failed) {
    const int number = errno;  // of EINVAL's reasons only one is left: no such segment any more
    return error::system(number == EINVAL ? EIDRM : number, "shmat", where_);
  }
  // The size is asked for now, when it can no longer change. Until it is known the kernel's own call detaches.
  shmid_ds now{};
  if (auto seen = done("shmctl(IPC_STAT)", at, [&] { return ::shmctl(number_, IPC_STAT, &now); }); !seen) {
    ::shmdt(data);
    return seen.error();
  }
  mapping memory = mapping::adopt(data, now.shm_segsz);
  if (how == access::read_write && touch) {
    auto touched = memory.advise(advice::populate);  // EINVAL: a kernel before 5.14, which touches pages when we do
    if (!touched && !touched.failed_with(std::errc::invalid_argument)) return touched.error().at(where_);
  }
  return memory;
}

result<sysv_shm::status> sysv_shm::stat() const {
  shmid_ds now{};
  auto seen = done("shmctl(IPC_STAT)", [&] { return where_; }, [&] { return ::shmctl(number_, IPC_STAT, &now); });
  if (!seen) return seen.error();
  return status{.size = now.shm_segsz,
                .attached = now.shm_nattch,
                .creator = now.shm_cpid,
                .last_user = now.shm_lpid,
                .last_attach = now.shm_atime,
                .last_detach = now.shm_dtime,
                .last_change = now.shm_ctime,
                .mode = static_cast<unsigned>(now.shm_perm.mode) & 0777u,
                .owner = now.shm_perm.uid,
                .removed = (now.shm_perm.mode & SHM_DEST) != 0};
}

result<void> sysv_shm::remove() const {
  return done("shmctl(IPC_RMID)", [&] { return where_; }, [&] { return ::shmctl(number_, IPC_RMID, nullptr); });
}

}  // namespace transom::os
