// transom/os/promises_of_queues_test.cpp - what mq_*(3), msgget(2), msgop(2) and msgctl(2) promise, row by row.
#include <signal.h>
#include <sys/stat.h>

#include <array>

#include "transom/base/bytes.hpp"
#include "transom/os/posix_queue.hpp"
#include "transom/os/promises_testing.hpp"
#include "transom/os/signal.hpp"
#include "transom/os/sysv_queue.hpp"

using namespace std::chrono_literals;
using namespace transom::os::testing;
using std::errc;
using transom::as_bytes;
using transom::deadline;
using transom::patience;
using transom::os::posix_queue;
using transom::os::sysv_message;
using transom::os::sysv_queue;

namespace {

const patience soon = patience::until_time(deadline::after(2ms));
const patience late = patience::until_time(deadline::passed());

struct named {
  std::string name = "/" + unique_name();
  posix_queue of;
  explicit named(posix_queue::options how = {.max_messages = 4, .message_size = 16})
      : of(posix_queue::create(name, how).or_throw()) {}
  ~named() { posix_queue::unlink(name).ignore(); }
  std::string take() const {
    std::array<std::byte, 16> into{};
    auto got = of.try_receive(into).or_throw();
    return std::to_string(got.priority) + std::string(transom::as_text(std::span(into).first(got.size)));
  }
};

bool names(const transom::error& failed, std::string_view what) {
  return failed.detail().find(what) != std::string_view::npos;
}

const promise of_mq[] = {
    {"mq_open", "O_CREAT opens one that exists with the geometry it has",
     [] {
       named q;
       auto again = posix_queue::create(q.name, {.max_messages = 2, .message_size = 8}).or_throw();
       return again.max_messages() == 4 && again.message_size() == 16;
     }},
    {"mq_open", "O_EXCL and it exists is EEXIST",
     [] {
       named q;
       return posix_queue::create(q.name, {.exclusive = true}).failed_with(errc::file_exists);
     }},
    {"mq_open", "without O_CREAT and none there is ENOENT",
     [] { return posix_queue::open("/" + unique_name()).failed_with(errc::no_such_file_or_directory); }},
    {"mq_open", "no permission is EACCES",
     [] {
       named q;
       return as_nobody([&] { return posix_queue::open(q.name).failed_with(errc::permission_denied); });
     }},
    {"mq_open", "a second slash in the name is EACCES",
     [] { return posix_queue::open("/a/b").failed_with(errc::permission_denied); }},
    {"mq_open", "a name without slash is EINVAL",
     [] { return posix_queue::open("name").failed_with(errc::invalid_argument); }},
    {"mq_open", "a name that is just a slash is ENOENT",
     [] { return posix_queue::open("/").failed_with(errc::no_such_file_or_directory); }},
    {"mq_open", "a name that is too long is ENAMETOOLONG",
     [] { return posix_queue::open("/" + std::string(300, 'x')).failed_with(errc::filename_too_long); }},
    {"mq_open", "no room for messages or no size is EINVAL",
     [] {
       return posix_queue::create("/" + unique_name(), {.max_messages = 0, .message_size = 8})
                  .failed_with(errc::invalid_argument) &&
              posix_queue::create("/" + unique_name(), {.max_messages = 1, .message_size = 0})
                  .failed_with(errc::invalid_argument);
     }},
    {"mq_open", "beyond msg_max is EINVAL without privilege, and names it",
     [] {
       return in_ipc_namespace({{"fs/mqueue/msg_max", "5"}}, [] {
         if (!become_nobody()) return false;
         auto refused = posix_queue::create("/q", {.max_messages = 6, .message_size = 8});
         return refused.failed_with(errc::invalid_argument) && names(refused.error(), "fs.mqueue.msg_max is 5");
       });
     }},
    {"mq_open", "beyond msgsize_max is EINVAL without privilege, and names it",
     [] {
       return in_ipc_namespace({{"fs/mqueue/msgsize_max", "128"}}, [] {
         if (!become_nobody()) return false;
         auto refused = posix_queue::create("/q", {.max_messages = 1, .message_size = 129});
         return refused.failed_with(errc::invalid_argument) && names(refused.error(), "fs.mqueue.msgsize_max is 128");
       });
     }},
    {"mq_open", "beyond queues_max is ENOSPC without privilege, and names it",
     [] {
       return in_ipc_namespace({{"fs/mqueue/queues_max", "1"}}, [] {
         if (!become_nobody()) return false;
         auto first = posix_queue::create("/q1", {.max_messages = 1, .message_size = 8}).or_throw();
         auto refused = posix_queue::create("/q2", {.max_messages = 1, .message_size = 8});
         return refused.failed_with(errc::no_space_on_device) && names(refused.error(), "fs.mqueue.queues_max is 1");
       });
     }},
    {"mq_open", "beyond RLIMIT_MSGQUEUE is EMFILE, and names it",
     [] {
       return with_limit(RLIMIT_MSGQUEUE, 1000, [] {
         auto refused = posix_queue::create("/" + unique_name());
         return refused.failed_with(errc::too_many_files_open) && names(refused.error(), "RLIMIT_MSGQUEUE");
       });
     }},
    {"mq_open", "no descriptor left is EMFILE",
     [] {
       named q;
       return with_limit(RLIMIT_NOFILE, 3,
                         [&] { return posix_queue::open(q.name).failed_with(errc::too_many_files_open); });
     }},
    {"mq_close", "closing leaves name and messages",
     [] {
       named q;
       return in_child([&] { return posix_queue::open(q.name).or_throw().send(as_bytes("x")).has_value(); }) &&
              q.take() == "0x";
     }},
    {"mq_close", "closing takes the process's notification back",
     [] {
       named q;
       return in_child([&] { return q.of.notify_by_signal(SIGRTMIN, 0).has_value(); }) &&
              q.of.notify_by_signal(SIGRTMIN, 0) && q.of.cancel_notification();
     }},
    {"mq_unlink", "the name is gone at once and who has it open keeps it",
     [] {
       named q;
       posix_queue::unlink(q.name).or_throw();
       q.of.send(as_bytes("x")).or_throw();
       return q.take() == "0x" && posix_queue::open(q.name).failed_with(errc::no_such_file_or_directory);
     }},
    {"mq_unlink", "none of that name is ENOENT",
     [] { return posix_queue::unlink("/" + unique_name()).failed_with(errc::no_such_file_or_directory); }},
    {"mq_unlink", "somebody else's is EACCES",
     [] {
       named q({.max_messages = 1, .message_size = 8, .mode = 0666});
       return as_nobody([&] {
         auto refused = posix_queue::unlink(q.name);
         return refused.failed_with(errc::permission_denied) || refused.failed_with(errc::operation_not_permitted);
       });
     }},
    {"mq_getattr", "geometry and how many messages there are",
     [] {
       named q;
       q.of.send(as_bytes("x")).or_throw();
       const auto now = q.of.attributes().or_throw();
       return now.max_messages == 4 && now.message_size == 16 && now.messages == 1;
     }},
    {"mq_send", "longer than the message size is EMSGSIZE",
     [] { return named().of.send(std::array<std::byte, 17>{}).failed_with(errc::message_size); }},
    {"mq_send", "a message may be empty",
     [] {
       named q;
       return q.of.send({}) && q.take() == "0";
     }},
    {"mq_send", "full is EAGAIN",
     [] {
       named q({.max_messages = 1, .message_size = 8});
       return q.of.send(as_bytes("x")) && q.of.try_send(as_bytes("x")).failed_with(transom::errc::would_block);
     }},
    {"mq_send", "on a descriptor for reading is EBADF",
     [] {
       named q;
       return posix_queue::open(q.name, transom::os::access::read_only)
           .or_throw()
           .try_send(as_bytes("x"))
           .failed_with(errc::bad_file_descriptor);
     }},
    {"mq_timedsend", "room is taken even when the time is over, and full is ETIMEDOUT",
     [] {
       named q({.max_messages = 1, .message_size = 8});
       return q.of.send(as_bytes("x"), 0, late) &&
              q.of.send(as_bytes("x"), 0, soon).failed_with(transom::errc::timed_out);
     }},
    {"mq_receive", "the oldest of the highest priority",
     [] {
       named q;
       for (const auto& [text, priority] : {std::pair{"a", 1u}, {"b", 32767u}, {"c", 1u}, {"d", 32767u}}) {
         q.of.send(as_bytes(text), priority).or_throw();
       }
       return q.take() == "32767b" && q.take() == "32767d" && q.take() == "1a" && q.take() == "1c";
     }},
    {"mq_receive", "a buffer below the message size is EMSGSIZE and takes nothing",
     [] {
       named q;
       q.of.send(as_bytes("x")).or_throw();
       std::array<std::byte, 15> small{};
       return q.of.receive(small).failed_with(errc::message_size) && q.take() == "0x";
     }},
    {"mq_timedreceive", "empty is EAGAIN, or ETIMEDOUT when the time is over",
     [] {
       named q;
       std::array<std::byte, 16> into{};
       return q.of.try_receive(into).failed_with(transom::errc::would_block) &&
              q.of.receive(into, soon).failed_with(transom::errc::timed_out);
     }},
    {"mq_notify", "one process at a time, else EBUSY",
     [] {
       named q;
       q.of.notify_by_signal(SIGRTMIN, 0).or_throw();
       return in_child([&] { return q.of.notify_by_signal(SIGRTMIN, 0).failed_with(errc::device_or_resource_busy); });
     }},
    {"mq_notify", "only at the arrival in an empty queue, and only once",
     [] {
       named q;
       transom::os::signal_set told{SIGRTMIN};
       q.of.send(as_bytes("x")).or_throw();
       q.of.notify_by_signal(SIGRTMIN, 5).or_throw();
       q.of.send(as_bytes("y")).or_throw();
       const bool silent = told.try_wait().failed_with(transom::errc::would_block);
       q.take(), q.take();
       q.of.send(as_bytes("z")).or_throw();
       const bool once = told.try_wait().or_throw().value == 5;
       q.take();
       q.of.send(as_bytes("z")).or_throw();
       return silent && once && told.try_wait().failed_with(transom::errc::would_block);
     }},
};

struct queue {
  sysv_queue of;
  explicit queue(unsigned mode = 0600) : of(sysv_queue::make_private(mode).or_throw()) {}
  ~queue() { of.remove().ignore(); }
  transom::result<void> put(long type, std::size_t size = 1) const {
    sysv_message message(size);
    return of.try_send(type, message, size);
  }
  long take(long type = 0) const {
    sysv_message message(64);
    auto got = of.try_receive(message, type);
    return got ? got->type : 0;
  }
};

struct keyed {
  temporary_directory dir;
  sysv_queue of = sysv_queue::create(dir.path(), 1).or_throw();
  ~keyed() { of.remove().ignore(); }
};

const promise of_msg[] = {
    {"msgget", "IPC_PRIVATE is a new queue every time", [] { return queue().of.number() != queue().of.number(); }},
    {"msgget", "IPC_EXCL and it exists is EEXIST",
     [] {
       keyed k;
       return sysv_queue::create(k.dir.path(), 1, {.exclusive = true}).failed_with(errc::file_exists);
     }},
    {"msgget", "none for the key is ENOENT",
     [] {
       temporary_directory dir;
       return sysv_queue::open(dir.path(), 1).failed_with(errc::no_such_file_or_directory);
     }},
    {"msgget", "beyond MSGMNI queues is ENOSPC, and names it",
     [] {
       return in_ipc_namespace({{"kernel/msgmni", "1"}}, [] {
         queue first;
         auto refused = sysv_queue::make_private();
         return refused.failed_with(errc::no_space_on_device) && names(refused.error(), "kernel.msgmni is 1");
       });
     }},
    {"msgsnd", "full is EAGAIN",
     [] {
       queue q;
       q.of.set_capacity_bytes(4).or_throw();
       return q.put(1, 4) && q.put(1, 1).failed_with(transom::errc::would_block);
     }},
    {"msgsnd", "messages without data count against the limit too",
     [] {
       queue q;
       q.of.set_capacity_bytes(2).or_throw();
       return q.put(1, 0) && q.put(1, 0) && q.put(1, 0).failed_with(transom::errc::would_block);
     }},
    {"msgsnd", "beyond MSGMAX is EINVAL, which we call too large and which names it",
     [] {
       return in_ipc_namespace({{"kernel/msgmax", "100"}}, [] {
         queue q;
         auto refused = q.put(1, 101);
         return q.put(1, 100) && refused.failed_with(transom::errc::message_too_large) &&
                names(refused.error(), "kernel.msgmax is 100");
       });
     }},
    {"msgsnd", "no permission to write is EACCES",
     [] {
       queue q(0644);
       return as_nobody([&] { return q.put(1).failed_with(errc::permission_denied); });
     }},
    {"msgsnd", "counts and names itself in the queue's state",
     [] {
       queue q;
       in_child([&] { return q.put(7, 5).has_value(); });
       const auto now = q.of.stat().or_throw();
       return now.messages == 1 && now.bytes == 5 && now.last_sender != ::getpid() && now.last_send > 0;
     }},
    {"msgrcv", "type zero is the oldest",
     [] {
       queue q;
       return q.put(3) && q.put(1) && q.take() == 3;
     }},
    {"msgrcv", "a positive type is the oldest of that type",
     [] {
       queue q;
       return q.put(3) && q.put(1) && q.take(1) == 1;
     }},
    {"msgrcv", "a negative type is the lowest up to it",
     [] {
       queue q;
       return q.put(9) && q.put(4) && q.put(2) && q.take(-4) == 2 && q.take(-4) == 4 && q.take(-4) == 0;
     }},
    {"msgrcv", "longer than the buffer is E2BIG and stays",
     [] {
       queue q;
       q.put(1, 10).or_throw();
       sysv_message small(9);
       return q.of.try_receive(small).failed_with(transom::errc::message_too_large) && q.take() == 1;
     }},
    {"msgrcv", "none of the type is ENOMSG, which we call would block",
     [] {
       queue q;
       sysv_message into(8);
       return q.put(1) && q.of.try_receive(into, 2).failed_with(transom::errc::would_block);
     }},
    {"msgrcv", "no permission to read is EACCES",
     [] {
       queue q(0622);
       sysv_message into(8);
       return as_nobody([&] { return q.put(1) && q.of.try_receive(into).failed_with(errc::permission_denied); });
     }},
    {"msgrcv", "a queue that is removed while one waits is EIDRM",
     [] {
       queue q, ready;
       forked waiter([&] {
         ready.put(1).or_throw();
         sysv_message into(8);
         return q.of.receive(into).failed_with(errc::identifier_removed) ? 0 : 1;
       });
       sysv_message into(8);
       ready.of.receive(into).or_throw();
       q.of.remove().or_throw();
       return waiter.wait() == 0;
     }},
    {"msgctl", "IPC_SET beyond MSGMNB without privilege is EPERM, and names it",
     [] {
       return in_ipc_namespace({{"kernel/msgmnb", "1000"}}, [] {
         if (!become_nobody()) return false;
         queue q;
         auto refused = q.of.set_capacity_bytes(1001);
         return q.of.set_capacity_bytes(999) && refused.failed_with(errc::operation_not_permitted) &&
                names(refused.error(), "kernel.msgmnb is 1000");
       });
     }},
    {"msgctl", "IPC_RMID by a stranger is EPERM",
     [] {
       queue q(0666);
       return as_nobody([&] { return q.of.remove().failed_with(errc::operation_not_permitted); });
     }},
    {"msgctl", "a queue that is gone is EINVAL, and EIDRM for who has the number",
     [] {
       queue q;
       q.of.remove().or_throw();
       return sysv_queue::from_number(q.of.number()).failed_with(errc::invalid_argument) &&
              q.put(1).failed_with(errc::identifier_removed);
     }},
};

class queues : public promises {};

}  // namespace

TEST_P(queues, keep_what_the_manual_promises) { ask(); }
INSTANTIATE_TEST_SUITE_P(posix, queues, testing::ValuesIn(of_mq), name_of_row);
INSTANTIATE_TEST_SUITE_P(sysv, queues, testing::ValuesIn(of_msg), name_of_row);
