// SPDX-License-Identifier: MIT
//
// Fuzz target: the input is a sequence of guest calls, host calls, cancellations, connects and
// events for the guest property service, well-formed or not, made through the raw ABI. Checked is,
// besides what the sanitizers see, that every call ends exactly once, that only waits may stay
// open, and that what the service lists can be read back.
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "../sdk/mini_host.h"
#include "guest-properties/protocol.h"
#include "guest-properties/rules.h"

extern "C" std::int32_t VBoxHGCMSvcLoad(hgcm_svc_table* table);

namespace {

using hgcm::test::MiniHost;
using hgcm::test::Parm;
using namespace hgcm::guestprop;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kWords[] = {"/a",
                                       "/b",
                                       "/a/b",
                                       "*",
                                       "/a*|/b",
                                       "?",
                                       "|",
                                       "",
                                       "TRANSIENT",
                                       "RDONLYGUEST",
                                       "READONLY",
                                       "TRANSRESET,",
                                       "nonsense",
                                       "/VirtualBox/HostInfo/VBoxVer",
                                       "/VirtualBox/GuestAdd/PAM/x"};

/// Takes the input apart; gives zeroes when it has come to its end.
class Input {
 public:
  explicit Input(std::string_view data) : data_(data) {}
  [[nodiscard]] bool empty() const { return data_.empty(); }
  std::uint8_t byte() {
    if (data_.empty()) {
      return 0;
    }
    const auto value = static_cast<std::uint8_t>(data_.front());
    data_.remove_prefix(1);
    return value;
  }
  std::string_view bytes() {
    const std::size_t size = byte();
    const std::string_view part = data_.substr(0, size);
    data_.remove_prefix(part.size());
    return part;
  }
  /// A word, some bytes, or many of one byte.
  std::string text() {
    const std::uint8_t choice = byte();
    if (choice < 0x80) {
      return std::string(kWords[choice % std::size(kWords)]);
    }
    if (choice < 0xf0) {
      return std::string(bytes());
    }
    return std::string(std::size_t{byte()} * 8, static_cast<char>(byte()));
  }

 private:
  std::string_view data_;
};

[[noreturn]] void fail() {
  std::abort();
}

std::int32_t on_extension(void*, std::uint32_t function, void* data, std::uint32_t size) {
  const auto& change = *static_cast<const ExtensionChange*>(data);
  if (function != 0 || size != 40 || change.magic != kExtensionMagic ||
      hgcm::guestprop::check_name(change.name).failed()) {
    fail();
  }
  return 0;
}

class Run {
 public:
  explicit Run(std::string_view data) : input_(data) {
    if (host_.load(&VBoxHGCMSvcLoad) < 0 || host_.connect(1) < 0) {
      fail();
    }
    connected_[0] = true;
  }

  void go() {
    for (int steps = 0; !input_.empty() && steps < 200; ++steps) {
      step();
      check_calls();
    }
    check_enumeration();
    host_.unload();
    if (host_.pending_calls() != 0 || host_.bad_completions() != 0) {
      fail();
    }
  }

 private:
  void step() {
    const std::uint8_t choice = input_.byte();
    switch (choice % 10) {
      case 0:
      case 1:
      case 2:
        guest_call(1 + input_.byte() % 6, true);
        break;
      case 3:
        guest_call(input_.byte() % 9, false);
        break;
      case 4:
        host_call(2 + input_.byte() % 6, true);
        break;
      case 5:
        host_call(input_.byte() % 9, false);
        break;
      case 6:
        set_properties();
        break;
      case 7:
        connect_or_disconnect(1 + input_.byte() % 3);
        break;
      case 8:
        cancel();
        break;
      default:
        event(input_.byte());
        break;
    }
  }

  std::vector<Parm> shaped(std::uint32_t function) {
    std::vector<Parm> parms;
    switch (function) {
      case kGuestGetProperty:
        parms.push_back(Parm::string(input_.text()));
        parms.push_back(Parm::buffer(input_.byte() * 8U));
        parms.push_back(Parm::u64(0));
        parms.push_back(Parm::u32(0));
        break;
      case kGuestSetProperty:
      case kGuestSetPropertyValue:
        parms.push_back(Parm::string(input_.text()));
        parms.push_back(Parm::string(input_.text()));
        if (input_.byte() % 2 != 0) {
          parms.push_back(Parm::string(input_.text()));
        }
        break;
      case kGuestDeleteProperty:
        parms.push_back(Parm::string(input_.text()));
        break;
      case kGuestEnumerate:
        parms.push_back(Parm::string(input_.text()));
        parms.push_back(Parm::buffer(input_.byte() * 64U));
        parms.push_back(Parm::u32(0));
        break;
      default: {
        parms.push_back(Parm::string(input_.text()));
        const std::uint8_t since = input_.byte();
        parms.push_back(Parm::u64(since < 0x40 ? 0 : since < 0xc0 ? last_timestamp_ : since));
        parms.push_back(Parm::buffer(input_.byte() * 8U));
        parms.push_back(Parm::u32(0));
        break;
      }
    }
    return parms;
  }

  Parm any_parm() {
    switch (input_.byte() % 9) {
      case 0:
        return Parm::u32(input_.byte());
      case 1:
        return Parm::u64(input_.byte());
      case 2:
        return Parm::string(input_.text());
      case 3:
        return Parm::bytes(input_.text());
      case 4:
        return Parm::buffer(input_.byte());
      case 5:
        return Parm::null_buffer(input_.byte());
      case 6:
        return Parm::pages(input_.text() + "x", input_.byte());
      case 7:
        return Parm::of_type(input_.byte());
      default:
        return Parm::buffer(0);
    }
  }
  std::vector<Parm> any_parms() {
    std::vector<Parm> parms;
    for (int n = input_.byte() % 8; n > 0; --n) {
      parms.push_back(any_parm());
    }
    return parms;
  }

  void guest_call(std::uint32_t function, bool well_formed) {
    const std::uint32_t client = 1 + input_.byte() % 3;
    if (!connected_[client - 1]) {
      return;
    }
    auto parms = well_formed ? shaped(function) : any_parms();
    if (well_formed && input_.byte() % 8 == 0 && !parms.empty()) {
      parms[input_.byte() % parms.size()] = any_parm();
    }
    const auto call = host_.submit(client, function, std::move(parms));
    if (call->done()) {
      if (*call->status() >= 0 && function == kGuestGetProperty) {
        last_timestamp_ = call->u64(2);
      }
    } else if (function != kGuestGetNotification) {
      fail();
    } else {
      waits_.push_back({client, call});
    }
  }

  void host_call(std::uint32_t function, bool well_formed) {
    std::vector<Parm> parms;
    if (well_formed && function == kHostSetGlobalFlags) {
      parms.push_back(Parm::u32(input_.byte()));
    } else {
      parms = well_formed ? shaped(function - 1) : any_parms();
    }
    if (function == kHostSetProperties && parms.size() == 4) {
      return;  // the pointers in its lists are the host's own: set_properties()
    }
    std::vector<hgcm_svc_parm> abi;
    for (const Parm& parm : parms) {
      abi.push_back(parm.abi);
    }
    host_.host_call_raw(function, abi);
  }

  void set_properties() {
    std::vector<std::string> texts;
    for (int n = input_.byte() % 4; n > 0; --n) {
      texts.push_back(input_.text());
      texts.push_back(input_.text());
      texts.push_back(input_.text());
    }
    std::vector<const char*> lists[3];
    for (std::size_t i = 0; i < texts.size(); ++i) {
      lists[i % 3].push_back(texts[i].c_str());
    }
    lists[0].push_back(nullptr);
    lists[1].push_back(nullptr);
    lists[2].push_back(nullptr);
    std::vector<std::uint64_t> timestamps(lists[0].size(), input_.byte());
    std::vector<hgcm_svc_parm> abi{
        Parm::raw_pointer(lists[0].data(), 0).abi, Parm::raw_pointer(lists[1].data(), 0).abi,
        Parm::raw_pointer(timestamps.data(), 0).abi, Parm::raw_pointer(lists[2].data(), 0).abi};
    host_.host_call_raw(kHostSetProperties, abi);
  }

  void connect_or_disconnect(std::uint32_t client) {
    bool& connected = connected_[client - 1];
    if (connected) {
      host_.disconnect(client);
      for (const auto& [owner, call] : waits_) {
        if (owner == client && !call->done()) {
          fail();
        }
      }
    } else if (host_.connect(client) < 0) {
      fail();
    }
    connected = !connected;
  }

  void cancel() {
    if (!waits_.empty()) {
      const auto& [client, call] = waits_[input_.byte() % waits_.size()];
      if (!call->done()) {
        host_.cancel(client, *call);
      }
    }
  }

  void event(std::uint8_t which) {
    if (which == 0xff) {
      extension_ = !extension_;
      host_.register_extension(extension_ ? &on_extension : nullptr, nullptr);
    } else if (which == 0xfe) {
      host_.info("guestprops");
    } else {
      host_.notify(which % 8);
    }
  }

  void check_calls() {
    std::size_t open = 0;
    std::erase_if(waits_, [&](const auto& wait) { return wait.second->done(); });
    for (const auto& [client, call] : waits_) {
      open += connected_[client - 1] ? 1 : 0;
    }
    if (open != waits_.size() || open != host_.pending_calls() || open > 3 * kMaxWaitsPerClient) {
      fail();
    }
  }

  void check_enumeration() {
    auto patterns = Parm::string("");
    auto buffer = Parm::buffer(std::size_t{1} << 20);
    auto size = Parm::u32(0);
    if (host_.host_call(kHostEnumerate, patterns, buffer, size) != 0) {
      fail();
    }
    std::string_view text = buffer.contents().substr(0, size.abi.u.u32);
    while (text != std::string_view("\0\0\0\0", 4)) {
      std::string_view parts[4];
      for (std::string_view& part : parts) {
        part = text.substr(0, text.find('\0'));
        if (part.size() >= text.size()) {
          fail();
        }
        text.remove_prefix(part.size() + 1);
      }
      if (check_name(parts[0]).failed() || check_value(parts[1]).failed() ||
          parts[2].find_first_not_of("0123456789") != std::string_view::npos ||
          !parse_flags(parts[3])) {
        fail();
      }
    }
  }

  Input input_;
  MiniHost host_;
  bool connected_[3] = {};
  bool extension_ = false;
  std::uint64_t last_timestamp_ = 1;
  std::vector<std::pair<std::uint32_t, MiniHost::CallPtr>> waits_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run(std::string_view(reinterpret_cast<const char*>(data), size)).go();
  return 0;
}
