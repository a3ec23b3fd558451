// transom/transport/shared_object.cpp - see shared_object.hpp.
#include "transom/transport/shared_object.hpp"

#include <optional>
#include <utility>

#include "transom/base/options.hpp"
#include "transom/meter/record.hpp"
#include "transom/shm/memory_policy.hpp"
#include "transom/shm/storage.hpp"
#include "transom/transport/naming.hpp"
#include "transom/transport/shared_membership.hpp"

namespace transom::transport {

struct shared_object::state {
  url where;
  meter::record in;
  std::optional<shm::storage> apart;  // none: the record's body
  bool made = false;
  std::optional<shared_membership> us{};
  std::optional<sync::registration> known{};
};

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t whole_pages(std::size_t bytes) noexcept { return (bytes + page - 1) / page * page; }

error refused(errc code, const url& where, std::string_view why) {
  return error(code, "open", place(where.text(), why));
}
error failed(const error& why, const url& where) { return why.at(place(where.text(), why.detail())).during("open"); }

std::optional<shm::storage_name> storage_of(const url& where) {
  if (where.scheme() == scheme::posix_shm) return shm::storage_name::posix(where.address());
  if (where.scheme() == scheme::sysv_shm) return shm::storage_name::system_v(where.address(), key_id_of(where));
  return {};
}

struct request {
  url where;
  unsigned mode = 0600;
  shm::memory_policy policy;
};

result<request> understand(const url& asked) {
  const bool named =
      asked.scheme() == scheme::shm || asked.scheme() == scheme::posix_shm || asked.scheme() == scheme::sysv_shm;
  if (!named)
    return refused(errc::unsupported, asked, "an object is shared through shm://, posix-shm:// or sysv-shm://");
  auto real = asked.scheme() == scheme::sysv_shm ? with_real_path(asked) : asked;
  if (!real) return real.error();
  auto how = with_url_keys({}, *real);
  if (!how) return how.error();
  if (how->keep) return refused(errc::unsupported, asked, "keep=true: a shared object goes with its last user");
  auto policy = shm::policy_of(*real);
  if (!policy) return policy.error();
  return request{std::move(*real), how->mode, std::move(*policy)};
}

meter::record_shape shape_for(const request& what, const shared_terms& agreed, bool apart,
                              const std::function<void(void*)>& construct) {
  meter::record_shape shape{.directory = what.policy.dir};
  const std::size_t notes = page + (apart ? 0 : whole_pages(agreed.size));
  shape.body_size = notes + shape.rows * notes_bytes;
  shape.body_allocated = notes;
  shape.fill = [=, &construct, rows = shape.rows, size = agreed.size](std::span<std::byte> body) {
    auto* header = new (body.data()) shared_header;
    header->version = shared_version;
    header->rows = rows;
    header->object_size = size;
    header->object_offset = apart ? 0 : page;
    header->notes_offset = notes;
    if (!apart) construct(body.data() + page);
  };
  return shape;
}

bool is_sound(const meter::record& in, std::size_t size, bool apart) noexcept {
  const auto body = in.body();
  if (body.size() < page) return false;
  const auto& header = *reinterpret_cast<const shared_header*>(body.data());
  const std::size_t notes = page + (apart ? 0 : whole_pages(size));
  return header.version == shared_version && header.rows == in.rows().size() && header.object_size == size &&
         header.object_offset == (apart ? 0 : page) && header.notes_offset == notes &&
         body.size() == notes + header.rows * notes_bytes;
}

// The segment of a record that is ours, under the lock of the name.
result<shm::storage> arrange(const shm::storage_name& name, meter::record::ownership& owned, std::size_t size,
                             unsigned mode, const std::function<void(void*)>& construct) {
  if (owned.joined_others) return shm::storage::open(name, size);
  if (owned.replaced_leftover && owned.origin_before == meter::object_origin::made) {
    if (auto removed = shm::storage::remove(name); !removed) return removed.error();
  }
  owned.self.say_origin(meter::object_origin::made);
  const auto fill = [&](std::span<std::byte> memory) { construct(memory.data()); };
  auto made = shm::storage::create(name, {.size = whole_pages(size), .allocated = size, .mode = mode, .fill = fill});
  if (!made) owned.self.say_origin(meter::object_origin::found);  // whatever is there is not ours
  return made;
}

}  // namespace

result<shared_object> shared_object::open(const url& asked, const shared_terms& agreed,
                                          const std::function<void(void*)>& construct) {
  auto what = understand(asked);
  if (!what) return what.error();
  const url& where = what->where;
  const auto name = storage_of(where);
  const meter::record_terms terms{
      .schema_hash = agreed.schema_hash, .schema_text = std::string(agreed.schema_text), .max_message = agreed.size};
  const bool apart = name.has_value();
  auto owned = meter::record::own(where.identity(), terms, true, shape_for(*what, agreed, apart, construct));
  if (!owned) return failed(owned.error(), where);
  if (!is_sound(owned->self, agreed.size, apart))
    return refused(errc::protocol_error, where, "what lies there is no shared object of this version");
  std::optional<shm::storage> storage;
  if (name) {
    auto arranged = arrange(*name, *owned, agreed.size, what->mode, construct);
    if (!arranged) return failed(arranged.error(), where);
    storage.emplace(std::move(*arranged));
  }
  const auto& header = *reinterpret_cast<const shared_header*>(owned->self.body().data());
  const std::size_t notes = header.notes_offset + owned->self.row() * notes_bytes;
  auto there = owned->self.allocate_body(notes, notes_bytes);
  const auto object = (storage ? storage->bytes() : owned->self.body().subspan(page)).first(agreed.size);
  if (there) there = shm::apply(what->policy, storage ? storage->bytes() : owned->self.body().first(notes), place());
  if (!there) {
    if (storage && owned->self.last_owner()) storage->remove().ignore();
    owned->self.leave(owned->guard);
    return failed(there.error(), where);
  }
  std::unique_ptr<state> all(new state{where, std::move(owned->self), std::move(storage), !owned->joined_others});
  all->us.emplace(all->in, object);
  all->us->reap();  // O2
  all->known.emplace(*all->us);
  return shared_object(std::move(all));
}

shared_object::shared_object(std::unique_ptr<state> from) noexcept : state_(std::move(from)) {
  object_ = reinterpret_cast<void*>(state_->us->begin());
}
shared_object::shared_object(shared_object&& other) noexcept
    : state_(std::move(other.state_)), object_(std::exchange(other.object_, nullptr)) {}
shared_object& shared_object::operator=(shared_object&& other) noexcept {
  if (this == &other) return *this;
  const shared_object old(std::move(*this));
  state_ = std::move(other.state_);
  object_ = std::exchange(other.object_, nullptr);
  return *this;
}

shared_object::~shared_object() {
  if (state_ == nullptr) return;
  state_->known.reset();
  if (state_->in.forked()) return;
  if (!state_->apart) {
    state_->in.leave();
    return;
  }
  auto guard = state_->in.lock_name();
  if (guard && state_->in.last_owner()) state_->apart->remove().ignore();
  if (guard) state_->in.leave(*guard);
  else state_->in.leave();
}

const url& shared_object::where() const noexcept { return state_->where; }
bool shared_object::made_it() const noexcept { return state_->made; }

}  // namespace transom::transport
