// transom/base/url_test.cpp - what is a URL, what is not, and whether the complaint helps.
#include "transom/base/url.hpp"

#include <gtest/gtest.h>

#include "transom/base/options.hpp"

using namespace std::chrono_literals;
using transom::errc;
using transom::scheme;
using transom::url;

TEST(url, every_scheme_parses_in_its_own_form) {
  EXPECT_EQ(url::parse("unix:///tmp/t.sock").or_throw().address(), "/tmp/t.sock");
  EXPECT_EQ(url::parse("unix+stream:///a/b").or_throw().scheme(), scheme::unix_stream);
  EXPECT_TRUE(url::parse("unix:").or_throw().anonymous());
  EXPECT_TRUE(url::parse("pipe:").or_throw().anonymous());
  EXPECT_EQ(url::parse("inproc://a-b_c.9").or_throw().address(), "a-b_c.9");
  EXPECT_EQ(url::parse("posix-mq:///jobs").or_throw().address(), "/jobs");
  EXPECT_EQ(url::parse("tcp://127.0.0.1:80").or_throw().port(), 80);
  EXPECT_EQ(url::parse("tcp://[::1]:0").or_throw().address(), "::1");
  EXPECT_EQ(url::parse("tcp://*:9").or_throw().address(), "*");
  EXPECT_EQ(url::parse("fd:17").or_throw().number(), 17);
  EXPECT_EQ(url::parse("env:JOBS_2").or_throw().address(), "JOBS_2");
  EXPECT_EQ(url::parse("sysv-mq:///etc/passwd?id=7").or_throw().identity(), "sysv-mq:///etc/passwd?id=7");
  EXPECT_EQ(url::parse("nats://h:4222/a.b").or_throw().subject(), "a.b");
}

TEST(url, percent_signs_are_decoded_in_paths_and_values) {
  EXPECT_EQ(url::parse("fifo:///tmp/a%20b%3f").or_throw().address(), "/tmp/a b?");
  EXPECT_EQ(url::parse("shm://n?dir=%2ftmp").or_throw().value("dir"), "/tmp");
}

TEST(url, two_spellings_of_a_path_are_one_identity) {
  EXPECT_EQ(url::parse("unix:///tmp/%61?mode=0600").or_throw().identity(), "unix:///tmp/a");
  EXPECT_EQ(url::parse("fifo:///a%25%3F%0a").or_throw().identity(), "fifo:///a%25%3f%0a");
  EXPECT_EQ(url::parse("tcp://h:1?nodelay=true").or_throw().identity(), "tcp://h:1");
}

TEST(url, the_real_port_takes_the_place_of_zero) {
  EXPECT_EQ(url::parse("tcp://127.0.0.1:0").or_throw().with_port(4711).text(), "tcp://127.0.0.1:4711");
  EXPECT_EQ(url::parse("tcp://[::1]:0?nodelay=true").or_throw().with_port(1).text(), "tcp://[::1]:1?nodelay=true");
}

struct refused {
  const char* text;
  const char* complaint;
};
class bad_url : public testing::TestWithParam<refused> {};

TEST_P(bad_url, is_refused_with_a_reason_and_a_place) {
  auto parsed = url::parse(GetParam().text);
  ASSERT_TRUE(parsed.failed_with(errc::bad_url)) << GetParam().text;
  EXPECT_NE(parsed.error().detail().find(GetParam().complaint), std::string_view::npos) << parsed.error().message();
  EXPECT_EQ(parsed.error().url(), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    table, bad_url,
    testing::Values(refused{"", "known schemes: inproc"}, refused{"/tmp/x", "begins with a scheme"},
                    refused{"unx:///x", "unknown scheme \"unx\""}, refused{"UNIX:///x", "unknown scheme"},
                    refused{"unix://tmp/x", "must be absolute"}, refused{"unix:/tmp/x", "\"//\" expected"},
                    refused{"unix:///", "must name an object"}, refused{"unix:///d/", "must name an object"},
                    refused{"pipe://x", "takes no address"}, refused{"fifo:", "needs an address"},
                    refused{"inproc://.x", "does not start with"}, refused{"inproc://a b", "A-Z a-z"},
                    refused{"tcp://h", "port expected"}, refused{"tcp://h:70000", "0 to 65535"},
                    refused{"tcp://h:", "0 to 65535"}, refused{"tcp://:1", "host is missing"},
                    refused{"tcp://[::1:1", "\"]\" expected"}, refused{"tcp://h:1/x", "nothing may follow"},
                    refused{"tcp://a b:1", "not a host"}, refused{"fd:", "descriptor number"},
                    refused{"fd:-1", "descriptor number"}, refused{"fd:3x", "descriptor number"},
                    refused{"env:1A", "environment variable"}, refused{"sysv-mq:///x", "needs id"},
                    refused{"sysv-mq:///x?id=0", "1 to 255"}, refused{"sysv-mq:///x?id=256", "1 to 255"},
                    refused{"posix-mq:///a/b", "contains no"},
                    refused{"unix:///x?capasity=1", "unknown key \"capasity\""},
                    refused{"unix:///x?capacity", "key=value"}, refused{"unix:///x?", "key=value"},
                    refused{"unix:///x?mode=0600&mode=0600", "given twice"}, refused{"unix:///x%2", "two hexadecimal"},
                    refused{"unix:///x%00", "%00"}, refused{"unix:///x?nodelay=true", "unknown key"}));

TEST(options, the_url_wins_over_the_code) {
  auto where =
      url::parse("unix:///x?capacity=2k&framing=line&connect_timeout=20ms&mode=0660&keep=true&on_full=fail").or_throw();
  auto o = with_url_keys({.capacity = 7, .senders = 3}, where).or_throw();
  EXPECT_EQ(o.capacity, 2048u);
  EXPECT_EQ(o.framing, transom::framing::line);
  EXPECT_EQ(o.connect_timeout, 20ms);
  EXPECT_EQ(o.mode, 0660u);
  EXPECT_TRUE(o.keep);
  EXPECT_EQ(o.on_full, transom::overflow::fail);
  EXPECT_EQ(o.senders, 3u);
}

TEST(options, a_value_that_makes_no_sense_names_its_key) {
  for (auto [text, complaint] : {std::pair{"capacity=many", "capacity: a size"},
                                 {"capacity=1T", "capacity: a size"},
                                 {"connect_timeout=5", "connect_timeout: a duration"},
                                 {"keep=yes", "keep: true or false"},
                                 {"mode=9", "mode: octal"},
                                 {"framing=xml", "framing: native"},
                                 {"max_message=99999999999999G", "max_message: a smaller"}}) {
    auto o = with_url_keys({}, url::parse(std::string("unix:///x?") + text).or_throw());
    ASSERT_TRUE(o.failed_with(errc::bad_url)) << text;
    EXPECT_NE(o.error().detail().find(complaint), std::string_view::npos) << o.error().message();
  }
}

TEST(feature_set, joins_contains_and_names_what_is_lacking) {
  constexpr auto both = transom::reliable | transom::ordered;
  EXPECT_TRUE(both.contains(transom::reliable));
  EXPECT_EQ(transom::reliable.lacking(both | transom::zero_copy).names(), "ordered, zero_copy");
}
