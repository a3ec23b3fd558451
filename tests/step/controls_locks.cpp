// tests/step/controls_locks.cpp - what everybody has at hand and what does not survive a kill: glibc's mutex and
// semaphore and condition between processes, a lock that is taken over after a while, an object that is created in
// place.
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>

#include "tests/step/fixtures.hpp"
#include "transom/os/process.hpp"
#include "transom/os/testing.hpp"

namespace transom::step {
namespace {

// Lock, count up, unlock; whoever comes next must get the lock.
class glibc_mutex : public operation {
 public:
  void fresh() override {
    auto& state = state_.renew();
    pthread_mutexattr_t kind;
    ::pthread_mutexattr_init(&kind);
    ::pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    ::pthread_mutex_init(&state.mutex, &kind);
  }
  void victim() override {
    begin();
    ::pthread_mutex_lock(&state_->mutex);
    state_->count.fetch_add(1, sync::relaxed);
    ::pthread_mutex_unlock(&state_->mutex);
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(::pthread_mutex_trylock(&state_->mutex) == 0, "stuck: the dead one still has it");
      return read(state_->count) != 0 ? "counted" : "nothing";
    });
  }

 private:
  struct state {
    pthread_mutex_t mutex;
    note count;
  };
  shared<state> state_;
};

class posix_semaphore : public operation {
 public:
  void fresh() override { ::sem_init(&state_.renew().semaphore, 1, 1); }
  void victim() override {
    begin();
    while (::sem_wait(&state_->semaphore) != 0) {}
    state_->count.fetch_add(1, sync::relaxed);
    ::sem_post(&state_->semaphore);
    end();
  }
  verdict judge() override {
    return judged([&] {
      demand(::sem_trywait(&state_->semaphore) == 0, "stuck: the dead one took it along");
      return read(state_->count) != 0 ? "counted" : "nothing";
    });
  }

 private:
  struct state {
    sem_t semaphore;
    note count;
  };
  shared<state> state_;
};

// Waits for a condition for a moment. A waiter that is killed counts for ever as one that has not yet left its group:
// of the next two signals the second waits for it (glibc bug 21422).
class glibc_condition : public operation {
 public:
  void fresh() override {
    auto& state = state_.renew();
    pthread_mutexattr_t kind;
    ::pthread_mutexattr_init(&kind);
    ::pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    for (auto& mutex : state.mutex) ::pthread_mutex_init(&mutex, &kind);
    pthread_condattr_t way;
    ::pthread_condattr_init(&way);
    ::pthread_condattr_setpshared(&way, PTHREAD_PROCESS_SHARED);
    ::pthread_cond_init(&state.condition, &way);
  }
  void victim() override {
    ::pthread_mutex_lock(&state_->mutex[0]);
    const timespec past{.tv_sec = 1, .tv_nsec = 0};
    begin();
    ::pthread_cond_timedwait(&state_->condition, &state_->mutex[0], &past);
    write(state_->waited, 1);
    end();
  }
  verdict judge() override {
    return judged([&] {
      ::pthread_cond_signal(&state_->condition);
      os::testing::forked waiter([&] {
        ::pthread_mutex_lock(&state_->mutex[1]);
        write(state_->ready, 1);
        while (read(state_->ready) != 2) ::pthread_cond_wait(&state_->condition, &state_->mutex[1]);
        return 0;
      });
      while (read(state_->ready) == 0) ::poll(nullptr, 0, 1);
      ::pthread_mutex_lock(&state_->mutex[1]);  // so it waits
      write(state_->ready, 2);
      ::pthread_mutex_unlock(&state_->mutex[1]);
      os::testing::forked signaller([&] {
        ::pthread_cond_signal(&state_->condition);
        return 0;
      });
      const auto handle = os::process::open(signaller.pid()).or_throw();
      const auto soon = patience::until_time(deadline::after(std::chrono::milliseconds(200)));
      demand(handle.wait_ended(soon).has_value(), "stuck: whoever signals waits for the dead waiter");
      return read(state_->waited) != 0 ? "waited" : "nothing";
    });
  }

 private:
  struct state {
    pthread_mutex_t mutex[2];  // the victim's, and another one for those after it
    pthread_cond_t condition;
    note waited, ready;
  };
  shared<state> state_;
};

// A lock whose owner counts as dead when it has not moved for a while. It has only been stopped.
class impatient_lock : public operation {
 public:
  void fresh() override { state_.renew(); }
  void victim() override {
    begin();
    count_up(1);
    end();
  }
  std::string while_stopped() override {
    if (read(state_->owner) != 0) write(state_->owner, 0);  // "it must be dead by now"
    count_up(2);
    return {};
  }
  std::string after_stop() override { return read(state_->count) == 2 ? "" : "one of two counts is lost"; }
  verdict judge() override { return {.history = "both counted", .wrong = {}}; }

 private:
  struct state {
    note owner, count;
  };
  void count_up(std::uint64_t me) {
    for (std::uint64_t nobody = 0; !state_->owner.compare_exchange(nobody, me, sync::acq_rel, sync::relaxed);)
      nobody = 0;
    write(state_->count, read(state_->count) + 1);
    std::uint64_t mine = me;
    state_->owner.compare_exchange(mine, 0, sync::acq_rel, sync::relaxed);
  }
  shared<state> state_;
};

// A file that gets its name first and its contents afterwards.
class created_in_place : public operation {
 public:
  void fresh() override { path_ = empty_directory() + "/object"; }
  void victim() override {
    begin();
    const int file = ::open(path_.c_str(), O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
    if (file == -1 || ::ftruncate(file, size) != 0) ::_exit(1);
    auto* words = static_cast<std::uint64_t*>(::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0));
    for (unsigned index = 1; index < 8; ++index) words[index] = index;
    words[0] = magic;
    end();
  }
  verdict judge() override {
    return judged([&]() -> std::string {
      const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
      if (file == -1) return "nothing";
      std::uint64_t words[8] = {};
      const bool complete = ::read(file, words, sizeof words) == sizeof words && words[0] == magic;
      ::close(file);
      demand(complete, "half made, and everybody can see it");
      return "created";
    });
  }

 private:
  static constexpr std::size_t size = 4096;
  static constexpr std::uint64_t magic = 0x6d61676963;
  std::string path_;
};

}  // namespace

void add_lock_controls(entries& all) {
  all.push_back(control<glibc_mutex>("glibc mutex between processes", steps));
  all.push_back(control<glibc_condition>("glibc condition between processes", steps));
  all.push_back(control<posix_semaphore>("POSIX semaphore as a lock", steps));
  all.push_back(control<created_in_place>("object created in place", steps));
  all.push_back(control<impatient_lock>("lock taken over after a while", stops));
}

}  // namespace transom::step
