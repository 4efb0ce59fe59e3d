// SPDX-License-Identifier: MIT
//
// Second example of a service: a mailbox for each client. Shows state per client, a call that waits
// (parked and completed by a later one), cancellation, host calls, an extension that is told of
// events, limits, and saved states. Guests send each other bytes by client id; the host sends too.
#include <hgcm/service.hpp>

#include <deque>
#include <map>
#include <string>
#include <utility>

namespace {

using hgcm::Status;
using hgcm::service::Buffer;
using hgcm::service::Call;
using hgcm::service::CallInfo;
using hgcm::service::ClientInfo;
using hgcm::service::Extension;
using hgcm::service::Limits;
using hgcm::service::Out;
using hgcm::service::StateReader;
using hgcm::service::StateWriter;
using Bytes = std::span<const std::byte>;

class Mailbox {
 public:
  static constexpr std::size_t kMaxLetters = 16;
  static constexpr std::size_t kMaxLetterSize = 4096;

  /// A RECEIVE that found nothing. The buffer and the number stay valid until `call` is complete.
  struct Waiting {
    Call call;
    Buffer buffer;
    Out<std::uint32_t> size;
  };

  /// When a client goes, so does this; a call that waits in it ends with HGCM_ERR_INTERRUPTED.
  struct Client {
    std::deque<std::string> letters;
    std::optional<Waiting> waiting;
  };

  // Few calls: each one that waits holds memory of the device.
  static constexpr Limits kLimits{.clients = {{64, 64, 64}}, .calls = {{8, 8, 8}}};

  static constexpr auto guest_functions() {
    using hgcm::service::function;
    return hgcm::service::functions(function(1, &Mailbox::send), function(2, &Mailbox::receive));
  }
  static constexpr auto host_functions() {
    return hgcm::service::functions(hgcm::service::function(1, &Mailbox::send_from_host));
  }

  Status connect(Client& client, const ClientInfo& info) {
    clients_.emplace(info.id, &client);
    return HGCM_INF_SUCCESS;
  }
  void disconnect(Client&, std::uint32_t id) { clients_.erase(id); }

  /// Which call was cancelled, the host does not say: look.
  void cancelled(Client& client, std::uint32_t) {
    if (client.waiting && client.waiting->call.is_cancelled()) {
      client.waiting.reset();
    }
  }

  Status register_extension(Extension extension) {
    extension_ = extension;
    return HGCM_INF_SUCCESS;
  }

  Status save(const Client& client, StateWriter& state) const {
    state.put_u32(kStateVersion).put_u32(static_cast<std::uint32_t>(client.letters.size()));
    for (const std::string& letter : client.letters) {
      state.put_string(letter);
    }
    return state.status();
  }
  Status load(Client& client, StateReader& state) {
    if (state.version() == 0) {
      return HGCM_INF_SUCCESS;
    }
    if (state.get_u32() != kStateVersion) {
      state.fail(HGCM_ERR_SSM_DATA_UNIT_FORMAT_CHANGED);
    }
    const std::uint32_t count = state.get_u32();
    if (count > kMaxLetters) {
      state.fail(HGCM_ERR_SSM_UNEXPECTED_DATA);
    }
    for (std::uint32_t i = 0; i < count && state.status().ok(); ++i) {
      client.letters.push_back(state.get_string(kMaxLetterSize));
    }
    return state.status();
  }

 private:
  static constexpr std::uint32_t kStateVersion = 1;
  /// Function of the extension: data is the receiver's client id.
  static constexpr std::uint32_t kDelivered = 1;

  /// 0: client id of the receiver, 1: letter.
  Status send(const CallInfo& from, std::uint32_t to, Bytes letter) {
    return to == from.client ? Status(HGCM_ERR_INVALID_PARAMETER) : deliver(to, letter);
  }
  Status send_from_host(std::uint32_t to, Bytes letter) { return deliver(to, letter); }

  Status deliver(std::uint32_t to, Bytes letter) {
    const auto it = clients_.find(to);
    if (it == clients_.end()) {
      return HGCM_ERR_NOT_FOUND;
    }
    Client& client = *it->second;
    if (letter.size() > kMaxLetterSize) {
      return HGCM_ERR_TOO_MUCH_DATA;
    }
    if (client.letters.size() >= kMaxLetters) {
      return HGCM_ERR_OUT_OF_RESOURCES;
    }
    client.letters.emplace_back(reinterpret_cast<const char*>(letter.data()), letter.size());
    if (auto waiting = std::exchange(client.waiting, std::nullopt)) {
      hand_over(client, *waiting);
    }
    extension_.call(kDelivered, &to, sizeof to);
    return HGCM_INF_SUCCESS;
  }

  /// 0: letter out, 1: its size. Waits for one. Too small a buffer: HGCM_ERR_BUFFER_OVERFLOW, and
  /// the letter stays.
  void receive(Call call, Client& client, Buffer buffer, Out<std::uint32_t> size) {
    Waiting receiver{std::move(call), buffer, size};
    if (!client.letters.empty()) {
      hand_over(client, receiver);
    } else if (client.waiting && !client.waiting->call.is_cancelled()) {
      std::move(receiver.call).complete(HGCM_ERR_RESOURCE_BUSY);
    } else {
      client.waiting = std::move(receiver);
    }
  }

  static void hand_over(Client& client, Waiting& receiver) {
    const std::string& letter = client.letters.front();
    receiver.size = static_cast<std::uint32_t>(letter.size());
    if (!receiver.buffer.assign(std::as_bytes(std::span(letter)))) {
      std::move(receiver.call).complete(HGCM_ERR_BUFFER_OVERFLOW);
    } else if (std::move(receiver.call).complete(HGCM_INF_SUCCESS).ok()) {
      // If the guest has cancelled the call meanwhile it never got the letter: that stays.
      client.letters.pop_front();
    }
  }

  std::map<std::uint32_t, Client*> clients_;
  Extension extension_;
};

}  // namespace

HGCM_EXPORT_SERVICE(Mailbox)
