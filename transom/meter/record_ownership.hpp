// transom/meter/record_ownership.hpp - the result of record::own(). Part of record.hpp, which includes it last.
#pragma once
#include "transom/meter/record.hpp"

namespace transom::meter {

/// What own() achieved.
struct record::ownership {
  record self;
  bool replaced_leftover = false;  ///< there was a record of a dead or closed owner
  /// What the leftover's owner said of the object at this name: made: it was ours, and may be removed.
  object_origin origin_before = object_origin::unsaid;
  bool joined_others = false;  ///< there are other living owners, and the object exists
  bool adopted = false;        ///< it is a leftover or a kept one that goes on: its rows and its body are as they were
  name_guard guard;            ///< the name stays ours to arrange until this goes
};

}  // namespace transom::meter
