// SPDX-License-Identifier: MIT
//
// What a daemon and the process of a confined service say to each other: kinds of messages, and
// their contents as bytes in a row, in the machine's own order. Both ends are of one build. What
// the process sends is read as something hostile: bounds first, and no value is looked at twice.
#ifndef HGCM_SANDBOX_MESSAGE_H
#define HGCM_SANDBOX_MESSAGE_H

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace hgcm::sandbox {

enum class Kind : std::uint32_t {
  // To the process. With a token: it answers with kReply, and a call with kDone.
  kStart = 1,  ///< numbers of the functions after which a client is remembered
  kMap,        ///< region, size, offset in the descriptor that comes along
  kUnmap,      ///< region
  kDirectory,  ///< the number that the descriptor that comes along shall have
  kConnect,    ///< client, requestor, session id, restoring
  kDisconnect,
  kCall,       ///< client, function, requestor, restored, arrival, parameters
  kCancelled,  ///< client, tokens of its cancelled calls
  kHostCall,   ///< function, parameters
  kSave,       ///< client
  kLoad,       ///< client, version, bytes
  kNotify,     ///< event
  kEnd,
  // From the process.
  kReady,   ///< of kStart: status, limits, why it failed
  kReply,   ///< status, and what the request brings
  kDone,    ///< status, results
  kRecord,  ///< client, what kLoad would give it
};

/// In front of each message.
struct Head {
  std::uint32_t size = 0;  ///< of what follows
  Kind kind{};
  std::uint64_t token = 0;
};
static_assert(sizeof(Head) == 16);

/// More than a call can bring: the device lets it have 64 MiB.
inline constexpr std::size_t kMaxMessage = (std::size_t{64} << 20) + (std::size_t{1} << 20);
/// Descriptors of directories have numbers from here on, kept for them.
inline constexpr int kFirstDirectory = 16;
inline constexpr int kDirectories = 64;

class Writer {
 public:
  template <typename Value>
  Writer& put(const Value& value) {
    static_assert(std::is_trivially_copyable_v<Value>);
    return bytes(std::as_bytes(std::span(&value, 1)));
  }
  Writer& bytes(std::span<const std::byte> more) {
    bytes_.insert(bytes_.end(), more.begin(), more.end());
    return *this;
  }
  Writer& text(std::string_view more) { return bytes(std::as_bytes(std::span(more))); }
  [[nodiscard]] std::span<const std::byte> written() const noexcept { return bytes_; }
  void clear() noexcept { bytes_.clear(); }

 private:
  std::vector<std::byte> bytes_;
};

/// Nothing is read beyond the end: values are zero and good() is false from there on.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> from) : rest_(from) {}

  template <typename Value>
  Value get() {
    static_assert(std::is_trivially_copyable_v<Value>);
    Value value{};
    const auto from = bytes(sizeof value);
    if (good_) std::memcpy(&value, from.data(), sizeof value);
    return value;
  }
  std::span<const std::byte> bytes(std::size_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const auto found = rest_.first(size);
    rest_ = rest_.subspan(size);
    return found;
  }
  [[nodiscard]] std::span<const std::byte> rest() const noexcept { return rest_; }
  [[nodiscard]] bool good() const noexcept { return good_; }

 private:
  std::span<const std::byte> rest_;
  bool good_ = true;
};

}  // namespace hgcm::sandbox

#endif
