// transom/channel/field_binding.hpp - the fields of an aggregate as arguments of a function call, by structured
// bindings.
//
// One specialisation per number of fields, so that a type of n fields instantiates exactly one of them: a chain of
// `if constexpr` would be evaluated from the top for each type. C++23 has no pack of structured bindings, hence the
// lists; the macros end with this file.
#pragma once
#include <cstddef>
#include <utility>

namespace transom::detail {

/// The most fields an aggregate may have.
inline constexpr std::size_t most_fields = 64;

/// `field_binding<N>::apply(value, f)` calls f(field...) with the N fields of `value` as lvalues.
template <std::size_t N>
struct field_binding;

template <>
struct field_binding<0> {
  template <typename T, typename F>
  static constexpr decltype(auto) apply(T&, F&& f) {
    return std::forward<F>(f)();
  }
};

// clang-format off
#define TRANSOM_BIND(count, ...)                            \
  template <>                                               \
  struct field_binding<count> {                             \
    template <typename T, typename F>                       \
    static constexpr decltype(auto) apply(T& value, F&& f) { \
      auto& [__VA_ARGS__] = value;                          \
      return std::forward<F>(f)(__VA_ARGS__);               \
    }                                                       \
  };

TRANSOM_BIND(1, a0)
TRANSOM_BIND(2, a0, a1)
TRANSOM_BIND(3, a0, a1, a2)
TRANSOM_BIND(4, a0, a1, a2, a3)
TRANSOM_BIND(5, a0, a1, a2, a3, a4)
TRANSOM_BIND(6, a0, a1, a2, a3, a4, a5)
TRANSOM_BIND(7, a0, a1, a2, a3, a4, a5, a6)
TRANSOM_BIND(8, a0, a1, a2, a3, a4, a5, a6, a7)
#define TRANSOM_A a0, a1, a2, a3, a4, a5, a6, a7
TRANSOM_BIND(9, TRANSOM_A, b0)
TRANSOM_BIND(10, TRANSOM_A, b0, b1)
TRANSOM_BIND(11, TRANSOM_A, b0, b1, b2)
TRANSOM_BIND(12, TRANSOM_A, b0, b1, b2, b3)
TRANSOM_BIND(13, TRANSOM_A, b0, b1, b2, b3, b4)
TRANSOM_BIND(14, TRANSOM_A, b0, b1, b2, b3, b4, b5)
TRANSOM_BIND(15, TRANSOM_A, b0, b1, b2, b3, b4, b5, b6)
TRANSOM_BIND(16, TRANSOM_A, b0, b1, b2, b3, b4, b5, b6, b7)
#define TRANSOM_B TRANSOM_A, b0, b1, b2, b3, b4, b5, b6, b7
TRANSOM_BIND(17, TRANSOM_B, c0)
TRANSOM_BIND(18, TRANSOM_B, c0, c1)
TRANSOM_BIND(19, TRANSOM_B, c0, c1, c2)
TRANSOM_BIND(20, TRANSOM_B, c0, c1, c2, c3)
TRANSOM_BIND(21, TRANSOM_B, c0, c1, c2, c3, c4)
TRANSOM_BIND(22, TRANSOM_B, c0, c1, c2, c3, c4, c5)
TRANSOM_BIND(23, TRANSOM_B, c0, c1, c2, c3, c4, c5, c6)
TRANSOM_BIND(24, TRANSOM_B, c0, c1, c2, c3, c4, c5, c6, c7)
#define TRANSOM_C TRANSOM_B, c0, c1, c2, c3, c4, c5, c6, c7
TRANSOM_BIND(25, TRANSOM_C, d0)
TRANSOM_BIND(26, TRANSOM_C, d0, d1)
TRANSOM_BIND(27, TRANSOM_C, d0, d1, d2)
TRANSOM_BIND(28, TRANSOM_C, d0, d1, d2, d3)
TRANSOM_BIND(29, TRANSOM_C, d0, d1, d2, d3, d4)
TRANSOM_BIND(30, TRANSOM_C, d0, d1, d2, d3, d4, d5)
TRANSOM_BIND(31, TRANSOM_C, d0, d1, d2, d3, d4, d5, d6)
TRANSOM_BIND(32, TRANSOM_C, d0, d1, d2, d3, d4, d5, d6, d7)
#define TRANSOM_D TRANSOM_C, d0, d1, d2, d3, d4, d5, d6, d7
TRANSOM_BIND(33, TRANSOM_D, e0)
TRANSOM_BIND(34, TRANSOM_D, e0, e1)
TRANSOM_BIND(35, TRANSOM_D, e0, e1, e2)
TRANSOM_BIND(36, TRANSOM_D, e0, e1, e2, e3)
TRANSOM_BIND(37, TRANSOM_D, e0, e1, e2, e3, e4)
TRANSOM_BIND(38, TRANSOM_D, e0, e1, e2, e3, e4, e5)
TRANSOM_BIND(39, TRANSOM_D, e0, e1, e2, e3, e4, e5, e6)
TRANSOM_BIND(40, TRANSOM_D, e0, e1, e2, e3, e4, e5, e6, e7)
#define TRANSOM_E TRANSOM_D, e0, e1, e2, e3, e4, e5, e6, e7
TRANSOM_BIND(41, TRANSOM_E, f0)
TRANSOM_BIND(42, TRANSOM_E, f0, f1)
TRANSOM_BIND(43, TRANSOM_E, f0, f1, f2)
TRANSOM_BIND(44, TRANSOM_E, f0, f1, f2, f3)
TRANSOM_BIND(45, TRANSOM_E, f0, f1, f2, f3, f4)
TRANSOM_BIND(46, TRANSOM_E, f0, f1, f2, f3, f4, f5)
TRANSOM_BIND(47, TRANSOM_E, f0, f1, f2, f3, f4, f5, f6)
TRANSOM_BIND(48, TRANSOM_E, f0, f1, f2, f3, f4, f5, f6, f7)
#define TRANSOM_F TRANSOM_E, f0, f1, f2, f3, f4, f5, f6, f7
TRANSOM_BIND(49, TRANSOM_F, g0)
TRANSOM_BIND(50, TRANSOM_F, g0, g1)
TRANSOM_BIND(51, TRANSOM_F, g0, g1, g2)
TRANSOM_BIND(52, TRANSOM_F, g0, g1, g2, g3)
TRANSOM_BIND(53, TRANSOM_F, g0, g1, g2, g3, g4)
TRANSOM_BIND(54, TRANSOM_F, g0, g1, g2, g3, g4, g5)
TRANSOM_BIND(55, TRANSOM_F, g0, g1, g2, g3, g4, g5, g6)
TRANSOM_BIND(56, TRANSOM_F, g0, g1, g2, g3, g4, g5, g6, g7)
#define TRANSOM_G TRANSOM_F, g0, g1, g2, g3, g4, g5, g6, g7
TRANSOM_BIND(57, TRANSOM_G, h0)
TRANSOM_BIND(58, TRANSOM_G, h0, h1)
TRANSOM_BIND(59, TRANSOM_G, h0, h1, h2)
TRANSOM_BIND(60, TRANSOM_G, h0, h1, h2, h3)
TRANSOM_BIND(61, TRANSOM_G, h0, h1, h2, h3, h4)
TRANSOM_BIND(62, TRANSOM_G, h0, h1, h2, h3, h4, h5)
TRANSOM_BIND(63, TRANSOM_G, h0, h1, h2, h3, h4, h5, h6)
TRANSOM_BIND(64, TRANSOM_G, h0, h1, h2, h3, h4, h5, h6, h7)
#undef TRANSOM_A
#undef TRANSOM_B
#undef TRANSOM_C
#undef TRANSOM_D
#undef TRANSOM_E
#undef TRANSOM_F
#undef TRANSOM_G
#undef TRANSOM_BIND
// clang-format on

}  // namespace transom::detail
