// transom/channel/handler.hpp - does a handler want the value, or also how it ended?
#pragma once
#include <concepts>
#include <type_traits>
#include <utility>

#include "transom/base/error.hpp"

namespace transom::detail {

// The one parameter of a handler that says what it is; nothing for overloaded and generic ones.
template <typename F>
struct parameter_of {};
template <typename R, typename A>
struct parameter_of<R (*)(A)> : std::type_identity<std::remove_cvref_t<A>> {};
template <typename R, typename A>
struct parameter_of<R (*)(A) noexcept> : std::type_identity<std::remove_cvref_t<A>> {};
template <typename R, typename C, typename A>
struct parameter_of<R (C::*)(A)> : std::type_identity<std::remove_cvref_t<A>> {};
template <typename R, typename C, typename A>
struct parameter_of<R (C::*)(A) const> : std::type_identity<std::remove_cvref_t<A>> {};
template <typename R, typename C, typename A>
struct parameter_of<R (C::*)(A) noexcept> : std::type_identity<std::remove_cvref_t<A>> {};
template <typename R, typename C, typename A>
struct parameter_of<R (C::*)(A) const noexcept> : std::type_identity<std::remove_cvref_t<A>> {};
template <typename F>
  requires requires { &F::operator(); }
struct parameter_of<F> : parameter_of<decltype(&F::operator())> {};

/// F says that it takes a result<T>. A generic lambda does not say, and gets a T. (Asking what F can be called with
/// would not do: everything that takes a result<T> takes a T too, and a generic lambda would be instantiated.)
template <typename F, typename T>
concept takes_result = requires { typename parameter_of<std::decay_t<F>>::type; } &&
                       std::same_as<typename parameter_of<std::decay_t<F>>::type, result<T>>;

}  // namespace transom::detail
