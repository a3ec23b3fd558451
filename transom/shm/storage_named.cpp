// transom/shm/storage_named.cpp - storages that have a name: how they are born, found and judged. See storage.hpp.
#include "transom/os/allocation.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/paging.hpp"
#include "transom/os/tmpfile.hpp"
#include "transom/shm/storage.hpp"

namespace transom::shm {

namespace {

// Where shm_open(3) of both C libraries keeps its files. A name is given last (os/tmpfile.hpp), which shm_open cannot.
constexpr const char* posix_directory = "/dev/shm";

error refused(std::errc code, const char* operation, const place& where, const std::string& why) {
  return error::system(static_cast<int>(code), operation, place(where.url(), why));
}

std::string described_owner(std::uint32_t uid) { return "it belongs to uid " + std::to_string(uid); }

result<void> check_size(std::size_t has, std::size_t least, const place& where) {
  if (has >= least) return {};
  return error(errc::protocol_error, "open storage",
               place(where.url(), "it has " + std::to_string(has) + " bytes, at least " + std::to_string(least) +
                                      " expected; remove it if nobody uses it"));
}

result<std::string> posix_path(const std::string& name) {
  const bool good = name.size() >= 2 && name.size() <= 255 && name[0] == '/' && name.find('/', 1) == name.npos &&
                    name != "/." && name != "/..";
  if (good) return posix_directory + name;
  return refused(std::errc::invalid_argument, "open storage", place(name),
                 "a name is \"/\" followed by 1 to 254 characters other than \"/\"");
}

// That nobody but this user can have put it there.
result<void> check_entry(const os::entry& found, const place& where) {
  constexpr auto not_ours = std::errc::operation_not_permitted;
  if (found.what == os::entry::kind::symbolic_link)
    return refused(not_ours, "open storage", where, "a symbolic link has its name");
  if (found.owner != os::effective_user())
    return refused(not_ours, "open storage", where, described_owner(found.owner));
  if (found.what != os::entry::kind::file)
    return error(errc::protocol_error, "open storage", place(where.url(), "it is no shared memory segment"));
  return {};
}

result<os::sysv_shm::status> check_segment(const os::sysv_shm& segment, const place& where) {
  auto now = segment.stat();
  if (now.failed_with(std::errc::permission_denied))
    return refused(std::errc::operation_not_permitted, "open storage", where, "it belongs to another user");
  if (!now) return now.error();
  if (now->owner != os::effective_user())
    return refused(std::errc::operation_not_permitted, "open storage", where, described_owner(now->owner));
  return now;
}

error taken(const error& failed, const std::string& whose) {
  return whose.empty() ? failed : failed.with_detail(whose + "; remove it or choose another name");
}

}  // namespace

result<storage> storage::create_posix(const std::string& name, const storage_shape& shape) {
  auto path = posix_path(name);
  if (!path) return path.error();
  const place where(name);
  auto made = os::make_unnamed(posix_directory, shape.mode, shape.size, shape.allocated);
  if (!made) return made.error().at(place(name, made.error().detail()));
  auto hold = private_hold::map(made->get(), shape.size, where);
  if (!hold) return hold.error();
  if (shape.fill) shape.fill(hold->bytes());
  if (auto named = os::give_name(made->get(), *path); !named) {
    const error failed = named.error().at(where);
    auto there = os::entry::look(*path);
    return failed == std::errc::file_exists && there ? taken(failed, described_owner(there->owner)) : failed;
  }
  storage all(std::move(*hold), where);
  all.file_ = std::move(*made);
  all.path_ = std::move(*path);
  return all;
}

result<storage> storage::open_posix(const std::string& name, std::size_t least) {
  auto path = posix_path(name);
  if (!path) return path.error();
  const place where(name);
  // First what the name is, in words; then the same of what was opened, because names change.
  auto named = os::entry::look(*path);
  if (!named) return named.error().at(where);
  if (auto ok = check_entry(*named, where); !ok) return ok.error();
  auto opened = os::open_file(*path, true);
  if (!opened) return opened.error().at(where);
  auto found = os::entry::look(opened->get());
  if (!found) return found.error().at(where);
  if (auto ok = check_entry(*found, where); !ok) return ok.error();
  if (auto ok = check_size(found->size, least, where); !ok) return ok.error();
  auto hold = private_hold::map(opened->get(), found->size, where);
  if (!hold) return hold.error();
  storage all(std::move(*hold), where);
  all.file_ = std::move(*opened);
  all.path_ = std::move(*path);
  return all;
}

result<storage> storage::create_system_v(const storage_name& name, const storage_shape& shape) {
  auto made = os::sysv_shm::create(name.path, name.id, shape.size, {.mode = shape.mode, .exclusive = true});
  if (!made) {
    if (made.error() != std::errc::file_exists) return made.error();
    auto there = os::sysv_shm::open(name.path, name.id);
    auto now = there ? there->stat() : result<os::sysv_shm::status>(there.error());
    return taken(made.error(), now ? described_owner(now->owner) : std::string());
  }
  const place where = made->where();
  const auto complete = [&]() -> result<private_hold> {
    auto mapped = made->attach(os::access::read_write, false);
    if (!mapped) return mapped.error();
    auto hold = private_hold::keep(std::move(*mapped), where);
    if (!hold) return hold;
    auto there = os::populate(hold->bytes().first(shape.allocated), where);
    if (!there) return there.error();
    return hold;
  };
  auto hold = complete();
  if (!hold) {
    made->remove().ignore();
    return hold.error();
  }
  if (shape.fill) shape.fill(hold->bytes());
  storage all(std::move(*hold), where);
  all.segment_ = std::move(*made);
  return all;
}

result<storage> storage::open_system_v(const storage_name& name, std::size_t least) {
  auto there = os::sysv_shm::open(name.path, name.id);
  if (!there) return there.error();
  const place where = there->where();
  auto now = check_segment(*there, where);
  if (!now) return now.error();
  if (auto ok = check_size(now->size, least, where); !ok) return ok.error();
  auto mapped = there->attach(os::access::read_write, false);
  if (!mapped) return mapped.error();
  auto hold = private_hold::keep(std::move(*mapped), where);
  if (!hold) return hold.error();
  storage all(std::move(*hold), where);
  all.segment_ = std::move(*there);
  return all;
}

result<bool> storage::remove(const storage_name& name) {
  if (name.what == storage_name::kind::posix) {
    auto path = posix_path(name.path);
    if (!path) return path.error();
    const place where(name.path);
    auto found = os::entry::look(*path);
    if (found.failed_with(std::errc::no_such_file_or_directory)) return false;
    if (!found) return found.error().at(where);
    if (auto ok = check_entry(*found, where); !ok) return ok.error().during("remove storage");
    if (auto gone = os::remove_file(*path); !gone) return gone.error().at(where);
    return true;
  }
  auto there = os::sysv_shm::open(name.path, name.id);
  if (there.failed_with(std::errc::no_such_file_or_directory)) return false;
  if (!there) return there.error();
  if (auto ours = check_segment(*there, there->where()); !ours) return ours.error().during("remove storage");
  if (auto gone = there->remove(); !gone) return gone.error();
  return true;
}

}  // namespace transom::shm
