// transom/transport/lane_home.cpp - see lane_home.hpp.
#include "transom/transport/lane_home.hpp"

#include "transom/os/entry.hpp"
#include "transom/transport/naming.hpp"

namespace transom::transport {
namespace {

error failed(const error& why, const url& where) { return why.at(place(where.text(), why.detail())).during("open"); }

error no_lanes(const url& where) {
  return error(errc::protocol_error, "open",
               place(where.text(), "what lies there are no lanes of this version; remove it if nobody uses it"));
}

meter::record_terms terms_for(const terms& agreed, const lane_plan* plan) {
  return {.schema_hash = agreed.schema_hash,
          .schema_text = std::string(agreed.schema_text),
          .capacity = plan == nullptr ? 0 : plan->sizes.capacity,
          .max_message = plan == nullptr ? 0 : plan->max_message,
          .compatible = agreed.compatible};
}

std::optional<shm::storage_name> storage_of(const url& where) {
  switch (where.scheme()) {
    case scheme::posix_shm: return shm::storage_name::posix(where.address());
    case scheme::sysv_shm: return shm::storage_name::system_v(where.address(), key_id_of(where));
    default: return {};
  }
}

// What the sender promised beforehand, or the receiver for all.
result<void> check_promise(const url& where, const options& how, const meter::record& joined,
                           const shm::lane_body& body) {
  const unsigned promised = how.senders == 0 ? body.control().most_senders : how.senders;
  if (promised == 0 || joined.live_senders() <= promised) return {};
  const std::string what = "senders=" + std::to_string(promised) + " was promised, and that many are there";
  return error::system(static_cast<int>(std::errc::address_in_use), "open", place(where.text(), what));
}

// Once. Fails with what may_appear_yet(), or not.
result<lane_home> look_for_lanes(const url& where, const options& how, const terms& agreed,
                                 const shm::memory_policy& policy) {
  auto joined = meter::record::join(where.identity(), terms_for(agreed, nullptr), policy.dir);
  if (!joined) {
    if (joined.error() == errc::closed) return error(errc::no_peer, "open", place(where.text(), "its owner left"));
    return failed(joined.error(), where);
  }
  std::optional<shm::storage> storage;
  if (const auto name = storage_of(where)) {
    auto guard = joined->lock_name();  // until the owner has arranged it
    if (!guard) return failed(guard.error(), where);
    auto opened = shm::storage::open(*name, sizeof(shm::lane_control));
    if (!opened) return failed(opened.error(), where);
    storage.emplace(std::move(*opened));
  }
  const auto body = shm::lane_body::attach(storage ? storage->bytes() : joined->body());
  if (!body && storage && joined->origin() == meter::object_origin::made && shm::lane_body::is_unborn(storage->bytes()))
    return error(errc::no_peer, "open", place(where.text(), "its owner died before it was ready"));
  if (!body) return no_lanes(where);
  if (auto kept = check_promise(where, how, *joined, *body); !kept) return kept.error();
  const std::size_t largest = joined->terms().max_message;
  if (largest < agreed.least_message) {
    return error(
        errc::message_too_large, "open",
        place(where.text(), "the owner takes at most " + std::to_string(largest) + " bytes: raise max_message there"));
  }
  return lane_home{where, how, agreed, policy, std::move(*joined), std::move(storage), *body, largest};
}

// The segment of a record that is ours, under the lock of the name.
result<shm::storage> arrange(const shm::storage_name& name, meter::record::ownership& owned,
                             const shm::storage_shape& shape) {
  if (owned.adopted) return shm::storage::open(name, sizeof(shm::lane_control));
  if (owned.replaced_leftover && owned.origin_before == meter::object_origin::made) {
    if (auto removed = shm::storage::remove(name); !removed) return removed.error();
  }
  owned.self.say_origin(meter::object_origin::made);
  auto made = shm::storage::create(name, shape);
  if (!made) owned.self.say_origin(meter::object_origin::found);  // whatever is there is not ours
  return made;
}

// The owner whose record goes on died before the segment was there: nothing was ever in it.
bool is_unborn(const meter::record::ownership& owned, const result<shm::storage>& arranged) {
  if (!owned.adopted) return false;
  if (!arranged) return arranged.error() == std::errc::no_such_file_or_directory;
  return owned.origin_before == meter::object_origin::made && shm::lane_body::is_unborn(arranged->bytes());
}

}  // namespace

result<void> lane_home::allocate_lane(unsigned row) const {
  const std::size_t offset = body.offset_of(row);
  auto there =
      storage ? storage->allocate(offset, body.lane_bytes()) : membership.allocate_body(offset, body.lane_bytes());
  if (!there) return failed(there.error(), where);
  const auto all = storage ? storage->bytes() : membership.body();
  return shm::apply(policy, all.subspan(offset, body.lane_bytes()), place(where.text()));
}

void lane_home::leave() noexcept {
  if (how.keep) return membership.leave_keeping();
  if (storage && removable) storage->remove().ignore();
  membership.leave();
}

result<lane_home> own_lanes(const url& asked, const options& how, const terms& agreed, feature_set features) {
  auto real = asked.scheme() == scheme::sysv_shm ? with_real_path(asked) : asked;
  if (!real) return real.error();
  const url& where = *real;
  auto policy = shm::policy_of(where);
  if (!policy) return policy.error();
  auto plan = plan_lanes(where, how, agreed, policy->arena, features);
  if (!plan) return plan.error();
  const std::size_t size = shm::lane_body::bytes_for(plan->sizes, plan->rows);
  const std::size_t at_first = sizeof(shm::lane_control) + shm::lane_body::stride_of(plan->sizes);
  const auto fill = [&](std::span<std::byte> memory) {
    shm::lane_body::create(memory, plan->sizes, plan->rows, how.senders);
  };
  const auto name = storage_of(where);
  meter::record_shape shape{.rows = plan->rows, .directory = policy->dir};
  if (!name) {
    shape.body_size = size;
    shape.body_allocated = at_first;
    shape.fill = fill;
  }
  auto owned = meter::record::own(where.identity(), terms_for(agreed, &*plan), false, shape, how.keep);
  if (!owned) return failed(owned.error(), where);
  std::optional<shm::storage> storage;
  if (name) {
    auto arranged = arrange(*name, *owned, {.size = size, .allocated = at_first, .mode = how.mode, .fill = fill});
    if (is_unborn(*owned, arranged)) {
      if (arranged) shm::storage::remove(*name).ignore();
      owned->self.leave();
      owned->guard.release();
      return own_lanes(asked, how, agreed, features);
    }
    if (!arranged && owned->adopted) owned->self.leave_keeping();  // it is not ours to end
    if (!arranged) return failed(arranged.error(), where);
    storage.emplace(std::move(*arranged));
  }
  const auto body = shm::lane_body::attach(storage ? storage->bytes() : owned->self.body());
  if (!body) return no_lanes(where);
  const std::size_t largest = owned->self.terms().max_message;
  const bool replaced = owned->replaced_leftover;
  lane_home home{where, how, agreed, std::move(*policy), std::move(owned->self), std::move(storage), *body, largest};
  home.adopted = owned->adopted;
  home.arranging = std::move(owned->guard);
  home.removable = home.membership.origin() == meter::object_origin::made;
  // A dead receiver's FIFO, and those of all who were there when the whole channel was left behind.
  if (replaced || home.adopted) os::remove_file(home.bell_path()).ignore();
  for (unsigned row = 0; replaced && row < meter::record_participants; ++row)
    os::remove_file(home.bell_path(row)).ignore();
  const auto all = home.storage ? home.storage->bytes() : home.membership.body();
  if (auto ok = shm::apply(home.policy, all.first(at_first), place(where.text())); !ok) {
    home.how.keep = home.adopted;  // what was there before us stays
    home.leave();
    return ok.error();
  }
  return home;
}

result<lane_home> join_lanes(const url& asked, const options& how, const terms& agreed) {
  auto real = asked.scheme() == scheme::sysv_shm ? with_real_path(asked) : asked;
  if (!real) return real.error();
  const url& where = *real;
  auto policy = shm::policy_of(where);
  if (!policy) return policy.error();
  const patience waiting = patience::until_time(deadline::after(how.connect_timeout));
  for (;;) {
    auto home = look_for_lanes(where, how, agreed, *policy);
    if (home || !may_appear_yet(home.error())) return home;
    if (how.keep) {  // needs no receiver: whoever comes first makes it, and no receiver meets us as its owner
      if (auto made = own_lanes(where, how, agreed, lane_features | many_senders)) made->leave();
      else if (made.error() != std::errc::address_in_use) return made.error();
      auto ours = look_for_lanes(where, how, agreed, *policy);  // however little time there is
      if (ours || !may_appear_yet(ours.error())) return ours;
    }
    if (auto again = look_again_soon(where, home.error(), waiting); !again) return again.error();
  }
}

}  // namespace transom::transport
