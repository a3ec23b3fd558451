// transom/shm/directory.cpp - see directory.hpp.
#include "transom/shm/directory.hpp"

#include <cstdlib>
#include <new>

#include "transom/os/byte_lock.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/fork_guard.hpp"
#include "transom/os/tmpfile.hpp"

namespace transom::shm {
namespace {

constexpr std::string_view lock_file = "lock";
constexpr std::size_t lock_file_size = 4096;  // never touched: a mapping needs something to map

constexpr int number_of(std::errc code) noexcept { return static_cast<int>(code); }

std::string octal(unsigned mode) {
  std::string digits;
  for (int shift = 9; shift >= 0; shift -= 3) digits += static_cast<char>('0' + ((mode >> shift) & 7));
  return digits;
}

// What is wrong with the directory, or nothing.
std::string fault_of(const os::entry& found, const std::string& path) {
  if (found.what == os::entry::kind::symbolic_link) return "it is a symbolic link; remove it or set TRANSOM_DIR";
  if (found.what != os::entry::kind::directory) return "it is not a directory; remove it or set TRANSOM_DIR";
  if (found.owner != os::effective_user())
    return "it belongs to uid " + std::to_string(found.owner) + ", not to uid " + std::to_string(os::effective_user()) +
           "; set TRANSOM_DIR to a directory of your own";
  if ((found.mode & 077) != 0)
    return "its mode is " + octal(found.mode) + " and must be 0700; after a look at what is in it: chmod 700 " + path;
  return {};
}

// The file whose bytes are the locks of all names, born complete like everything else here.
result<fd> open_lock_file(const directory& in) {
  const std::string path = in.path_of(lock_file);
  for (;;) {
    auto opened = os::open_file(path, true);
    if (opened || opened.error() != std::errc::no_such_file_or_directory) return opened;
    auto made = os::make_unnamed(in.path(), 0600, lock_file_size);
    if (!made) return made.error();
    auto named = os::give_name(made->get(), path);
    if (!named && named.error() != std::errc::file_exists) return named.error();
  }
}

}  // namespace

std::uint64_t stable_hash(std::string_view text) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

std::string file_name(std::string_view identity, std::string_view suffix) {
  constexpr std::size_t most = 100;
  constexpr std::string_view hex = "0123456789abcdef";
  std::string name;
  bool gap = false;
  for (const char c : identity) {
    const bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '+';
    if (plain) {
      if (gap && !name.empty()) name += '-';
      name += c;
    }
    gap = !plain;
  }
  if (name.size() > most) name.erase(0, name.size() - most);  // the tail tells more than the head
  if (name.starts_with('.') || name.starts_with('-')) name.front() = '_';
  name += '-';
  const std::uint64_t hash = stable_hash(identity);
  for (int shift = 60; shift >= 0; shift -= 4) name += hex[(hash >> shift) & 15];
  return name.append(".").append(suffix);
}

private_hold& private_hold::operator=(private_hold&& other) noexcept {
  reset();
  held_ = std::move(other.held_);
  epoch_ = other.epoch_;
  return *this;
}

bool private_hold::forked() const noexcept { return held_ && epoch_ != os::fork_epoch(); }

void private_hold::reset() noexcept {
  if (forked()) {
    // MADV_DONTFORK took the memory away, and the address may be somebody else's by now: forget it.
    alignas(os::mapping) std::byte nowhere[sizeof(os::mapping)];
    ::new (nowhere) os::mapping(std::move(held_));
  }
  held_.reset();
}

result<private_hold> private_hold::map(int fd, std::size_t length, const place& where, os::access how) {
  auto mapped = os::mapping::map(fd, 0, length, how, os::share::shared, where);
  if (!mapped) return mapped.error();
  return keep(std::move(*mapped), where);
}

result<private_hold> private_hold::keep(os::mapping mapped, const place& where) {
  private_hold hold(std::move(mapped), os::fork_epoch());
  if (auto ok = hold.held_.advise(os::advice::dont_fork); !ok) return ok.error().at(where);
  if (auto ok = hold.held_.advise(os::advice::dont_dump); !ok) return ok.error().at(where);
  return hold;
}

std::string directory::usual_path() {
  if (const char* chosen = std::getenv("TRANSOM_DIR"); chosen != nullptr && *chosen != '\0') return chosen;
  return "/dev/shm/transom-" + std::to_string(os::effective_user());
}

result<directory> directory::open() { return open(usual_path()); }

result<directory> directory::open(std::string path) {
  if (!path.starts_with('/'))
    return error::system(number_of(std::errc::invalid_argument), "open directory",
                         place(path, "TRANSOM_DIR must be an absolute path"));
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();  // a link with a slash behind it would be followed
  auto found = os::entry::look(path);
  if (!found && found.error() == std::errc::no_such_file_or_directory) {
    auto made = os::make_directory(path, 0700);
    if (!made && made.error() != std::errc::file_exists) return made.error();
    found = os::entry::look(path);
  }
  if (!found) return found.error();
  if (const std::string fault = fault_of(*found, path); !fault.empty())
    return error::system(number_of(std::errc::operation_not_permitted), "open directory", place(path, fault));
  return directory(std::move(path));
}

std::string directory::path_of(std::string_view file) const { return path_ + '/' + std::string(file); }

result<name_guard> directory::lock_name(std::string_view name, deadline limit) const {
  auto opened = open_lock_file(*this);
  if (!opened) return opened.error();
  const place where(path_of(lock_file));
  auto hold = private_hold::map(opened->get(), lock_file_size, where);
  if (!hold) return hold.error();
  // The offset is a signed number for the kernel, and beyond the last one nothing can be locked.
  const std::uint64_t byte = stable_hash(name) >> 2;
  auto taken = os::byte_lock::lock_until(opened->get(), byte, os::byte_lock::kind::exclusive, limit);
  if (!taken) {
    if (taken.error() != errc::timed_out) return taken.error();
    return error(errc::timed_out, "lock name",
                 place(path_of(lock_file), "another process is opening or closing \"" + std::string(name) +
                                               "\" and does not finish; /proc/locks names it"));
  }
  return name_guard(std::move(*hold));  // the descriptor goes; only the mapping keeps the lock
}

}  // namespace transom::shm
