// transom/shm/storage.cpp - see storage.hpp. What is particular to named storages is in storage_named.cpp.
#include "transom/shm/storage.hpp"

#include "transom/base/ensure.hpp"
#include "transom/os/allocation.hpp"
#include "transom/os/entry.hpp"
#include "transom/os/memfd.hpp"
#include "transom/os/paging.hpp"
#include "transom/os/sysv_shm.hpp"

namespace transom::shm {

namespace {

constexpr os::seal fixed_size = os::seal::shrink | os::seal::grow | os::seal::seal;

}  // namespace

result<storage> storage::create(const storage_name& name, const storage_shape& shape) {
  detail::ensure(shape.size > 0 && shape.allocated <= shape.size, "a storage has bytes, and allocates some of them");
  return name.what == storage_name::kind::posix ? create_posix(name.path, shape) : create_system_v(name, shape);
}

result<storage> storage::open(const storage_name& name, std::size_t least) {
  return name.what == storage_name::kind::posix ? open_posix(name.path, least) : open_system_v(name, least);
}

result<storage> storage::make_memfd(const std::string& label, const storage_shape& shape) {
  detail::ensure(shape.size > 0 && shape.allocated <= shape.size, "a storage has bytes, and allocates some of them");
  const place where("memfd:" + label);
  auto made = os::memfd::make(label);
  if (!made) return made.error();
  auto ready = made->set_size(shape.size);
  if (ready) ready = made->allocate(0, shape.allocated);
  if (ready) ready = made->add_seals(fixed_size);
  if (!ready) return ready.error();
  auto hold = private_hold::map(made->fd(), shape.size, where);
  if (!hold) return hold.error();
  if (shape.fill) shape.fill(hold->bytes());
  storage all(std::move(*hold), where);
  all.memory_ = std::move(*made);
  return all;
}

result<storage> storage::adopt_memfd(transom::fd passed, os::access how, std::size_t least) {
  const place where("memfd:");
  auto memory = os::memfd::adopt(std::move(passed), fixed_size, least);
  if (!memory) return memory.error();
  auto size = memory->size();  // sealed: it stays
  if (!size) return size.error();
  auto hold = private_hold::map(memory->fd(), *size, where, how);
  if (!hold) return hold.error();
  storage all(std::move(*hold), where);
  all.memory_ = std::move(*memory);
  return all;
}

result<void> storage::is_here() const {
  if (forked()) return error(errc::forked, "use storage", where_);
  return {};
}

result<void> storage::allocate(std::size_t offset, std::size_t length) const {
  if (auto here = is_here(); !here) return here;
  detail::ensure(offset <= bytes().size() && length <= bytes().size() - offset,
                 "what is allocated lies within the storage");
  if (memory_) return memory_->allocate(offset, length);
  if (file_) return os::allocate(file_.get(), offset, length, where_);
  return os::populate(bytes().subspan(offset, length), where_);
}

result<void> storage::remove() const {
  if (segment_) {
    auto gone = segment_->remove();
    const bool was_gone =
        gone.failed_with(std::errc::invalid_argument) || gone.failed_with(std::errc::identifier_removed);
    if (was_gone) return {};
    return gone;
  }
  if (path_.empty()) return {};
  auto named = os::entry::look(path_);
  if (!named && named.error() == std::errc::no_such_file_or_directory) return {};
  if (!named) return named.error();
  auto ours = os::entry::look(file_.get());
  if (!ours) return ours.error();
  if (!named->same_object(*ours)) return {};
  return os::remove_file(path_);
}

result<transom::fd> storage::descriptor(os::access how) const {
  detail::ensure(memory_.has_value(), "only memory without a name is passed on");
  if (how == os::access::read_only) return memory_->reopen_read_only();
  return memory_->duplicate();
}

}  // namespace transom::shm
