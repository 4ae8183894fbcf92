// SPDX-License-Identifier: GPL-2.0-or-later
// Result<T>: a value or an Error. An Error is one line that an operator can act on; every layer
// that knows more (which file, which address) prepends it with context().
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace vmsift {

enum class ErrorKind : std::uint8_t {
  failure,
  mismatch,  // a file that was given does not belong to the dump
};

class [[nodiscard]] Error {
 public:
  explicit Error(std::string message, ErrorKind kind = ErrorKind::failure)
      : message_(std::move(message)), kind_(kind) {}

  [[nodiscard]] const std::string& message() const { return message_; }
  [[nodiscard]] ErrorKind kind() const { return kind_; }
  Error context(std::string_view what) && {
    return Error(fmt::format("{}: {}", what, message_), kind_);
  }

 private:
  std::string message_;
  ErrorKind kind_;
};

template <class... Args>
Error error(fmt::format_string<Args...> format, Args&&... args) {
  return Error(fmt::format(format, std::forward<Args>(args)...));
}

// "FORMAT: No such file or directory", from an errno value taken by the caller.
Error system_error(int errno_value, std::string_view what);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}      // NOLINT(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return value_.has_value(); }
  explicit operator bool() const { return ok(); }

  // Only after ok().
  T& operator*() & { return *value_; }
  const T& operator*() const& { return *value_; }
  T&& operator*() && { return std::move(*value_); }
  T* operator->() { return &*value_; }
  const T* operator->() const { return &*value_; }

  // Only after !ok().
  Error take_error() { return std::move(*error_); }
  [[nodiscard]] const std::string& message() const { return error_->message(); }

 private:
  std::optional<T> value_;
  std::optional<Error> error_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return !error_.has_value(); }
  explicit operator bool() const { return ok(); }
  Error take_error() { return std::move(*error_); }
  [[nodiscard]] const std::string& message() const { return error_->message(); }

 private:
  std::optional<Error> error_;
};

}  // namespace vmsift
