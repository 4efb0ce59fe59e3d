// SPDX-License-Identifier: MIT
//
// VBoxGuestPropSvc.so behind the raw ABI, with short forms of its functions.
#ifndef HGCM_TESTS_GUEST_PROPERTIES_FIXTURE_H
#define HGCM_TESTS_GUEST_PROPERTIES_FIXTURE_H

#include <boost/test/unit_test.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../sdk/mini_host.h"
#include "guest-properties/protocol.h"

namespace hgcm::guestprop::test {

using hgcm::test::MiniHost;
using hgcm::test::Parm;
using CallPtr = MiniHost::CallPtr;

/// The NUL-terminated strings that `text` begins with.
inline std::vector<std::string> split(std::string_view text, std::size_t count) {
  std::vector<std::string> parts;
  while (parts.size() < count) {
    const std::size_t end = text.find('\0');
    BOOST_REQUIRE(end != std::string_view::npos);
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return parts;
}

/// A string literal with the NUL bytes in it.
template <std::size_t N>
std::string_view literal(const char (&text)[N]) {
  return {text, N - 1};
}

struct Service {
  Service() {
    BOOST_REQUIRE_EQUAL(host.load_library("services", "VBoxGuestPropSvc"), 0);
    BOOST_REQUIRE_EQUAL(host.connect(1), 0);
  }
  ~Service() {
    host.unload();
    BOOST_CHECK_EQUAL(host.pending_calls(), 0);
    BOOST_CHECK_EQUAL(host.bad_completions(), 0);
  }

  std::int32_t guest_set(std::string_view name, std::string_view value,
                         std::optional<std::string_view> flags = std::nullopt) {
    const CallPtr call =
        flags ? host.call(1, 2, Parm::string(name), Parm::string(value), Parm::string(*flags))
              : host.call(1, 2, Parm::string(name), Parm::string(value));
    return call->wait();
  }
  std::int32_t guest_delete(std::string_view name) {
    return host.call(1, 4, Parm::string(name))->wait();
  }
  std::int32_t host_set(std::string_view name, std::string_view value,
                        std::string_view flags = {}) {
    auto n = Parm::string(name);
    auto v = Parm::string(value);
    auto f = Parm::string(flags);
    return host.host_call(3, n, v, f);
  }
  std::int32_t host_delete(std::string_view name) {
    auto n = Parm::string(name);
    return host.host_call(5, n);
  }
  std::int32_t set_global_flags(std::uint32_t flags) {
    auto f = Parm::u32(flags);
    return host.host_call(7, f);
  }

  /// Value, flags, timestamp; nullopt if there is none.
  struct Found {
    std::string value;
    std::string flags;
    std::uint64_t timestamp;
  };
  std::optional<Found> get(std::string_view name) {
    const CallPtr call =
        host.call(1, 1, Parm::string(name), Parm::buffer(2048), Parm::u64(0), Parm::u32(0));
    if (call->wait() != 0) {
      return std::nullopt;
    }
    const auto parts = split(call->contents(1), 2);
    BOOST_CHECK_EQUAL(call->u32(3), parts[0].size() + parts[1].size() + 2);
    return Found{parts[0], parts[1], call->u64(2)};
  }
  std::string value(std::string_view name) {
    const auto found = get(name);
    return found ? found->value : "(none)";
  }
  std::string flags(std::string_view name) {
    const auto found = get(name);
    return found ? found->flags : "(none)";
  }

  /// Names to values of what the raw pattern list matches.
  std::map<std::string, std::string> enumerate(std::string_view list) {
    const CallPtr call =
        host.call(1, 5, Parm::bytes(list), Parm::buffer(std::size_t{1} << 20), Parm::u32(0));
    BOOST_REQUIRE_EQUAL(call->wait(), 0);
    std::map<std::string, std::string> found;
    std::string_view rest = call->contents(1).substr(0, call->u32(2));
    while (true) {
      const auto parts = split(rest, 4);
      std::size_t size = 0;
      for (const auto& part : parts) {
        size += part.size() + 1;
      }
      rest.remove_prefix(size);
      if (parts[0].empty()) {
        BOOST_CHECK(rest.empty());
        return found;
      }
      found[parts[0]] = parts[1];
    }
  }
  /// Sets properties until the service takes no more; returns how many there are now.
  std::size_t fill() {
    for (int i = 0; host_set("/fill/" + std::to_string(i), "") == 0; ++i) {
    }
    return enumerate(literal("\0")).size();
  }

  CallPtr wait_for(std::uint32_t client, std::string_view patterns, std::uint64_t since = 0,
                   std::size_t room = 2048) {
    return host.call(client, 6, Parm::string(patterns), Parm::u64(since), Parm::buffer(room),
                     Parm::u32(0));
  }
  /// Name, value, flags, deletion mark of a completed wait.
  static std::vector<std::string> change(const CallPtr& call) {
    const auto parts = split(call->contents(2), 4);
    std::size_t size = 4;
    for (const auto& part : parts) {
      size += part.size();
    }
    BOOST_CHECK_EQUAL(call->u32(3), size);
    return parts;
  }

  MiniHost host;
};

using Strings = std::vector<std::string>;

}  // namespace hgcm::guestprop::test

#endif
