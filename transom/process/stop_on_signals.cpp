// transom/process/stop_on_signals.cpp - see stop_on_signals.hpp.
#include "transom/process/stop_on_signals.hpp"

#include <array>

#include "transom/base/clock.hpp"

namespace transom {

stop_on_signals::stop_on_signals(std::initializer_list<int> signals)
    : signals_(signals), end_(os::waker::make().or_throw()) {
  const os::all_signals_blocked inherited_by_the_reader;
  reader_ = std::thread([this] { read_signals(); });
}

stop_on_signals::~stop_on_signals() {
  end_.ring();
  reader_.join();  // before the mask is restored: what came until now is consumed
}

void stop_on_signals::read_signals() {
  // Waits on descriptors that exist already: a full descriptor table must not keep a program from stopping.
  std::array<os::poll_item, 2> items{os::poll_item{signals_.fd(), os::interest::readable, 0},
                                     os::poll_item{end_.fd(), os::interest::readable, 0}};
  while (items[1].got == 0) {
    if (!os::poll(items, deadline::never())) continue;
    // Reading goes on after the first: a signal left waiting would end the process when the mask is restored.
    while (const auto came = signals_.try_wait()) {
      int none = 0;
      // release pairs with signal(): who saw the stop sees the number.
      signal_.compare_exchange_strong(none, came->signo, std::memory_order_release, std::memory_order_relaxed);
      source_.request_stop();
    }
  }
}

}  // namespace transom
