// transom/os/promises_of_memory_test.cpp - what shm_*(3), shmget(2), shmop(2), shmctl(2), mmap(2) and its relatives
// promise, row by row.
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "transom/os/mapped_file.hpp"
#include "transom/os/memfd.hpp"
#include "transom/os/pipe.hpp"
#include "transom/os/posix_shm.hpp"
#include "transom/os/promises_testing.hpp"
#include "transom/os/sysv_shm.hpp"

using namespace transom::os::testing;
using std::errc;
using transom::os::mapping;
using transom::os::page_size;
using transom::os::posix_shm;
using transom::os::share;
using transom::os::sysv_shm;

namespace {

using transom::os::access;  // here, where it hides access(2)

constexpr std::byte seven{7};

struct named {
  std::string name = "/" + unique_name();
  posix_shm of;
  explicit named(std::size_t size = 100, unsigned mode = 0600)
      : of(posix_shm::create(name, size, {.mode = mode}).or_throw()) {}
  ~named() { posix_shm::unlink(name).ignore(); }
};

bool names(const transom::error& failed, std::string_view what) {
  return failed.detail().find(what) != std::string_view::npos;
}

// Does `body` end a child with `signal`?
template <typename Body>
bool ends_with(int signal, Body body) {
  return forked([&] {
           ::signal(signal, SIG_DFL);  // whatever a sanitizer has put there
           body();
           return 0;
         }).wait() == 1000 + signal;
}

const promise of_shm[] = {
    {"shm_open", "a new object is zeros",
     [] {
       named s(5000);
       auto memory = s.of.map(access::read_only).or_throw();
       return std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{}; });
     }},
    {"shm_open", "O_CREAT opens one that exists with what is in it",
     [] {
       named s;
       s.of.map(access::read_write).or_throw().bytes()[9] = seven;
       return posix_shm::create(s.name, 1).or_throw().map(access::read_only).or_throw().bytes()[9] == seven;
     }},
    {"shm_open", "O_EXCL and it exists is EEXIST",
     [] {
       named s;
       return posix_shm::create(s.name, 1, {.exclusive = true}).failed_with(errc::file_exists);
     }},
    {"shm_open", "without O_CREAT and none there is ENOENT",
     [] { return posix_shm::open("/" + unique_name()).failed_with(errc::no_such_file_or_directory); }},
    {"shm_open", "no permission is EACCES",
     [] {
       named s;
       return as_nobody([&] { return posix_shm::open(s.name).failed_with(errc::permission_denied); });
     }},
    {"shm_open", "an invalid name is EINVAL",
     [] { return posix_shm::open("/a/b").failed_with(errc::invalid_argument); }},
    {"shm_open", "a name that is too long is ENAMETOOLONG, or glibc's EINVAL",
     [] {
       const std::string name = "/" + std::string(300, 'x');
       auto refused = posix_shm::open(name);
       return refused.failed_with(errc::filename_too_long) || refused.failed_with(errc::invalid_argument);
     }},
    {"shm_open", "no descriptor left is EMFILE",
     [] {
       named s;
       return with_limit(RLIMIT_NOFILE, 3,
                         [&] { return posix_shm::open(s.name).failed_with(errc::too_many_files_open); });
     }},
    {"shm_open", "the descriptor is close on exec", [] { return is_close_on_exec(named().of.fd()); }},
    {"shm_unlink", "the name is gone at once and a mapping stays",
     [] {
       named s;
       auto memory = s.of.map(access::read_write).or_throw();
       posix_shm::unlink(s.name).or_throw();
       memory.bytes()[0] = seven;
       return posix_shm::open(s.name).failed_with(errc::no_such_file_or_directory) && memory.bytes()[0] == seven;
     }},
    {"shm_unlink", "none of that name is ENOENT",
     [] { return posix_shm::unlink("/" + unique_name()).failed_with(errc::no_such_file_or_directory); }},
    {"shm_unlink", "somebody else's is EACCES",
     [] {
       named s(1, 0666);
       return as_nobody([&] {
         auto refused = posix_shm::unlink(s.name);
         return refused.failed_with(errc::permission_denied) || refused.failed_with(errc::operation_not_permitted);
       });
     }},
};

struct segment {
  sysv_shm of;
  explicit segment(std::size_t size = 100, unsigned mode = 0600) : of(sysv_shm::make_private(size, mode).or_throw()) {}
  ~segment() { of.remove().ignore(); }
};

struct keyed {
  temporary_directory dir;
  sysv_shm of = sysv_shm::create(dir.path(), 1, 100).or_throw();
  ~keyed() { of.remove().ignore(); }
};

const promise of_sysv[] = {
    {"shmget", "IPC_PRIVATE is a new segment every time",
     [] { return segment().of.number() != segment().of.number(); }},
    {"shmget", "IPC_EXCL and it exists is EEXIST",
     [] {
       keyed k;
       return sysv_shm::create(k.dir.path(), 1, 1, {.exclusive = true}).failed_with(errc::file_exists);
     }},
    {"shmget", "none for the key is ENOENT",
     [] {
       temporary_directory dir;
       return sysv_shm::open(dir.path(), 1).failed_with(errc::no_such_file_or_directory);
     }},
    {"shmget", "larger than the one that exists is EINVAL",
     [] {
       keyed k;
       return sysv_shm::create(k.dir.path(), 1, 101).failed_with(errc::invalid_argument);
     }},
    {"shmget", "below SHMMIN is EINVAL", [] { return sysv_shm::make_private(0).failed_with(errc::invalid_argument); }},
    {"shmget", "beyond SHMMAX is EINVAL, and names it",
     [] {
       return in_ipc_namespace({{"kernel/shmmax", "8192"}}, [] {
         auto refused = sysv_shm::make_private(8193);
         return sysv_shm::make_private(8192) && refused.failed_with(errc::invalid_argument) &&
                names(refused.error(), "kernel.shmmax is 8192");
       });
     }},
    {"shmget", "beyond SHMMNI segments is ENOSPC, and names it",
     [] {
       return in_ipc_namespace({{"kernel/shmmni", "1"}}, [] {
         segment first;
         auto refused = sysv_shm::make_private(1);
         return refused.failed_with(errc::no_space_on_device) && names(refused.error(), "kernel.shmmni is 1");
       });
     }},
    {"shmget", "beyond SHMALL pages is ENOSPC, and names it",
     [] {
       return in_ipc_namespace({{"kernel/shmall", "2"}}, [] {
         auto refused = sysv_shm::make_private(3 * page_size());
         return refused.failed_with(errc::no_space_on_device) && names(refused.error(), "kernel.shmall is 2");
       });
     }},
    {"shmget", "a new segment is zeros",
     [] {
       segment s(5000);
       auto memory = s.of.attach().or_throw();
       return std::ranges::all_of(memory.bytes(), [](std::byte b) { return b == std::byte{}; });
     }},
    {"shmat", "no permission is EACCES",
     [] {
       segment s;
       return as_nobody([&] { return s.of.attach(access::read_only).failed_with(errc::permission_denied); });
     }},
    {"shmat", "a store through SHM_RDONLY is SIGSEGV",
     [] {
       segment s;
       auto memory = s.of.attach(access::read_only).or_throw();
       return ends_with(SIGSEGV, [&] { memory.bytes()[0] = seven; });
     }},
    {"shmat", "a child of fork inherits what is attached",
     [] {
       segment s;
       auto memory = s.of.attach().or_throw();
       return in_child([&] {
                memory.bytes()[0] = seven;
                return s.of.stat().or_throw().attached == 2;
              }) &&
              memory.bytes()[0] == seven;
     }},
    {"shmat", "one that was removed is EIDRM",
     [] {
       segment s;
       s.of.remove().or_throw();
       return s.of.attach().failed_with(errc::identifier_removed);
     }},
    {"shmdt", "the end of the mapping detaches, and so does the end of the process",
     [] {
       segment s;
       s.of.attach().or_throw();
       forked([&] {
         auto memory = s.of.attach().or_throw();
         ::raise(SIGKILL);
         return 0;
       }).wait();
       return s.of.stat().or_throw().attached == 0;
     }},
    {"shmctl", "IPC_RMID waits for the last to detach, IPC_STAT says so",
     [] {
       segment s;
       auto memory = s.of.attach().or_throw();
       s.of.remove().or_throw();
       memory.bytes()[0] = seven;
       return s.of.stat().or_throw().removed && memory.bytes()[0] == seven;
     }},
    {"shmctl", "IPC_RMID by a stranger is EPERM",
     [] {
       segment s(1, 0666);
       return as_nobody([&] { return s.of.remove().failed_with(errc::operation_not_permitted); });
     }},
};

// A file of its own, mapped as asked for.
struct file {
  temporary_directory dir;
  transom::fd of;
  explicit file(std::size_t size, int flags = O_RDWR) {
    std::ofstream(dir / "f") << std::string(size, 'x');
    of = transom::fd(::open((dir / "f").c_str(), flags | O_CLOEXEC));
  }
  auto map(std::size_t length, access how = access::read_write, share with = share::shared) const {
    return mapping::map(of.get(), 0, length, how, with);
  }
  char byte(std::size_t at) const {
    std::ifstream in(dir / "f");
    in.seekg(static_cast<std::streamoff>(at));
    return static_cast<char>(in.get());
  }
};

const promise of_mmap[] = {
    {"mmap", "MAP_SHARED stores are in the file and in other mappings of it",
     [] {
       file f(10);
       auto one = f.map(10).or_throw(), other = f.map(10, access::read_only).or_throw();
       one.bytes()[3] = std::byte{'y'};
       return other.bytes()[3] == std::byte{'y'} && f.byte(3) == 'y';
     }},
    {"mmap", "MAP_PRIVATE stores are in neither",
     [] {
       file f(10);
       auto one = f.map(10, access::read_write, share::copy).or_throw(), other = f.map(10).or_throw();
       one.bytes()[3] = std::byte{'y'};
       return other.bytes()[3] == std::byte{'x'} && f.byte(3) == 'x';
     }},
    {"mmap", "closing the descriptor does not unmap",
     [] {
       file f(10);
       auto memory = f.map(10).or_throw();
       f.of.reset();
       return memory.bytes()[9] == std::byte{'x'};
     }},
    {"mmap", "the rest of the last page is zeros and does not reach the file",
     [] {
       file f(10);
       auto memory = f.map(10).or_throw();
       const bool zero = memory.data()[10] == std::byte{};
       memory.data()[10] = seven;
       memory.flush().or_throw();
       return zero && std::filesystem::file_size(f.dir / "f") == 10;
     }},
    {"mmap", "a child of fork has the mapping, shared or copied as it was",
     [] {
       file f(10);
       auto shared = f.map(10).or_throw(), copy = f.map(10, access::read_write, share::copy).or_throw();
       return in_child([&] {
                shared.bytes()[0] = copy.bytes()[1] = std::byte{'y'};
                return true;
              }) &&
              shared.bytes()[0] == std::byte{'y'} && copy.bytes()[1] == std::byte{'x'};
     }},
    {"mmap", "a store into what is read-only is SIGSEGV",
     [] {
       file f(10);
       auto memory = f.map(10, access::read_only).or_throw();
       return ends_with(SIGSEGV, [&] { memory.bytes()[0] = seven; });
     }},
    {"mmap", "a descriptor that may not write is EACCES for MAP_SHARED and good for MAP_PRIVATE",
     [] {
       file f(10, O_RDONLY);
       return f.map(10).failed_with(errc::permission_denied) && f.map(10, access::read_write, share::copy);
     }},
    {"mmap", "a descriptor that may not read is EACCES",
     [] { return file(10, O_WRONLY).map(10, access::read_only).failed_with(errc::permission_denied); }},
    {"mmap", "something that is no file is EACCES or ENODEV",
     [] {
       auto p = transom::os::pipe::make().or_throw();
       auto refused = mapping::map(p.reader.fd(), 0, 1, access::read_only);
       return refused.failed_with(errc::permission_denied) || refused.failed_with(errc::no_such_device);
     }},
    {"mmap", "no descriptor is EBADF",
     [] { return mapping::map(-1, 0, 1, access::read_only).failed_with(errc::bad_file_descriptor); }},
    {"mmap", "a length of zero is EINVAL, which we call an empty mapping",
     [] { return file(10).map(0).or_throw().bytes().empty(); }},
    {"mmap", "beyond the end of the file would be SIGBUS, which we refuse with EINVAL",
     [] {
       file f(10);
       auto refused = f.map(page_size() + 1);
       return refused.failed_with(errc::invalid_argument) && names(refused.error(), "of a file of 10 bytes");
     }},
    {"mmap", "a page that the file has lost is SIGBUS",
     [] {
       file f(2 * page_size());
       auto memory = f.map(2 * page_size()).or_throw();
       std::filesystem::resize_file(f.dir / "f", 1);
       return ends_with(SIGBUS, [&] { memory.bytes()[page_size()] = seven; });
     }},
    {"mmap", "beyond RLIMIT_AS is ENOMEM, and names it",
     [] {
       if (!mlock_works) return verdict{};  // a sanitizer has more address space mapped than any limit would leave
       return in_own_process([] {
         rlimit low{1ul << 32, 1ul << 32};
         ::setrlimit(RLIMIT_AS, &low);
         auto refused = mapping::anonymous(1ul << 33);
         return refused.failed_with(errc::not_enough_memory) && names(refused.error(), "RLIMIT_AS");
       });
     }},
    {"mmap", "writing to what is sealed against it is EPERM",
     [] {
       auto made = transom::os::memfd::make("promise", {.size = 10}).or_throw();
       made.add_seals(transom::os::seal::write).or_throw();
       return mapping::map(made.fd(), 0, 10, access::read_write).failed_with(errc::operation_not_permitted) &&
              mapping::map(made.fd(), 0, 10, access::read_only);
     }},
    {"munmap", "touching it afterwards is SIGSEGV",
     [] {
       auto memory = mapping::anonymous(1).or_throw();
       std::byte* const data = memory.data();
       memory.reset();
       return ends_with(SIGSEGV, [&] { *data = seven; });
     }},
    {"msync", "what was stored is on its way, and a hole in the memory is ENOMEM",
     [] {
       auto memory = mapping::anonymous(3 * page_size(), share::shared).or_throw();
       memory.flush().or_throw();
       ::munmap(memory.data() + page_size(), page_size());
       return memory.flush().failed_with(errc::not_enough_memory);
     }},
    {"msync", "of a private mapping does nothing, which we call EINVAL",
     [] {
       return file(10).map(10, access::read_write, share::copy).or_throw().flush().failed_with(errc::invalid_argument);
     }},
    {"mremap", "what was there moves along and what is new is zeros",
     [] {
       auto memory = mapping::anonymous(page_size()).or_throw();
       memory.bytes()[1] = seven;
       memory.resize(100 * page_size()).or_throw();
       return memory.bytes()[1] == seven && memory.bytes()[99 * page_size()] == std::byte{};
     }},
    {"madvise", "MADV_DONTNEED loses what is private and keeps what is shared",
     [] {
       auto mine = mapping::anonymous(page_size()).or_throw();
       auto ours = mapping::anonymous(page_size(), share::shared).or_throw();
       mine.bytes()[0] = ours.bytes()[0] = seven;
       mine.advise(transom::os::advice::dont_need).or_throw();
       ours.advise(transom::os::advice::dont_need).or_throw();
       return mine.bytes()[0] == std::byte{} && ours.bytes()[0] == seven;
     }},
    {"madvise", "of a part reaches the pages of that part",
     [] {
       auto mine = mapping::anonymous(3 * page_size()).or_throw();
       for (std::size_t page = 0; page < 3; ++page) mine.bytes()[page * page_size()] = seven;
       mine.advise(transom::os::advice::dont_need, page_size() + 5, 1).or_throw();
       return mine.bytes()[0] == seven && mine.bytes()[page_size()] == std::byte{} &&
              mine.bytes()[2 * page_size()] == seven;
     }},
    {"madvise", "advice that does not fit the mapping is EINVAL",
     [] {
       return mapping::anonymous(1, share::shared)
           .or_throw()
           .advise(transom::os::advice::wipe_on_fork)
           .failed_with(errc::invalid_argument);
     }},
};

class memory : public promises {};

}  // namespace

TEST_P(memory, keeps_what_the_manual_promises) { ask(); }
INSTANTIATE_TEST_SUITE_P(posix_shm, memory, testing::ValuesIn(of_shm), name_of_row);
INSTANTIATE_TEST_SUITE_P(sysv_shm, memory, testing::ValuesIn(of_sysv), name_of_row);
INSTANTIATE_TEST_SUITE_P(mapping, memory, testing::ValuesIn(of_mmap), name_of_row);
