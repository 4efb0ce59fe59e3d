// SPDX-License-Identifier: MIT
//
// See guest_driver.h.
#include "loopback/guest_driver.h"

#include <linux/vbox_vmmdev_types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>

namespace hgcm::loopback {
namespace {

using vmmdev::GuestAddress;
using vmmdev::kGuestPageSize;

// Request header and HGCM header.
constexpr std::size_t kOffsetSize = 0;
constexpr std::size_t kOffsetVersion = 4;
constexpr std::size_t kOffsetType = 8;
constexpr std::size_t kOffsetStatus = 12;
constexpr std::size_t kOffsetRequestor = 20;
constexpr std::size_t kHeaderSize = 24;
constexpr std::size_t kOffsetFlags = 24;
constexpr std::size_t kOffsetResult = 28;
constexpr std::size_t kHgcmHeaderSize = 32;
constexpr std::uint32_t kFlagDone = 1;
constexpr std::uint32_t kHeaderVersion = 0x00010001;

// HGCM call.
constexpr std::size_t kOffsetClient = 32;
constexpr std::size_t kOffsetFunction = 36;
constexpr std::size_t kOffsetCount = 40;
constexpr std::size_t kOffsetParameters = 44;
constexpr std::size_t kParameterSize = 16;
constexpr std::size_t kPageListHeader = 8;

constexpr std::uint32_t kRequestorDriver = VMMDEV_REQUESTOR_KERNEL | VMMDEV_REQUESTOR_USR_DRV;

constexpr std::uint64_t kRequestPort = 0;
constexpr std::uint64_t kFastPort = 8;
constexpr std::uint32_t kEventHgcm = 0x2;
constexpr std::uint32_t kEventMouse = 0x200;
constexpr std::uint32_t kFixedEvents = kEventHgcm | kEventMouse;

constexpr std::size_t kRequestPages = (8U << 20) / kGuestPageSize;
// The first page stays unused: address 0 is nothing.
constexpr GuestAddress kFirstPage = kGuestPageSize;

constexpr bool is_buffer(std::uint32_t type) noexcept {
  return type == VMMDEV_HGCM_PARM_TYPE_LINADDR || type == VMMDEV_HGCM_PARM_TYPE_LINADDR_IN ||
         type == VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT;
}
constexpr bool to_host(std::uint32_t type) noexcept {
  return type != VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT;
}
constexpr bool from_host(std::uint32_t type) noexcept {
  return type != VMMDEV_HGCM_PARM_TYPE_LINADDR_IN;
}
constexpr std::size_t pages_of(std::size_t bytes) noexcept {
  return (bytes + kGuestPageSize - 1) / kGuestPageSize;
}

/// Guest pages behind one buffer; given back on destruction unless abandoned to the host.
class BouncePages {
 public:
  BouncePages(PagePool& pool, vmmdev::PlainGuestMemory& memory) noexcept
      : pool_(&pool), memory_(&memory) {}
  BouncePages(BouncePages&& other) noexcept
      : pool_(other.pool_), memory_(other.memory_), pages_(std::move(other.pages_)) {
    other.pages_.clear();
  }
  BouncePages& operator=(BouncePages&&) = delete;
  BouncePages(const BouncePages&) = delete;
  BouncePages& operator=(const BouncePages&) = delete;
  ~BouncePages() {
    if (!pages_.empty()) {
      pool_->free_pages(pages_);
    }
  }

  [[nodiscard]] bool allocate(std::size_t bytes) {
    auto pages = pool_->allocate_pages(pages_of(bytes));
    if (!pages) {
      return false;
    }
    pages_ = std::move(*pages);
    return true;
  }
  void abandon() noexcept { pages_.clear(); }
  [[nodiscard]] const std::vector<GuestAddress>& pages() const noexcept { return pages_; }

  void fill(std::span<const std::byte> bytes) { copy<true>(bytes); }
  void clear() {
    for (const GuestAddress page : pages_) {
      std::ranges::fill(memory_->at(page, kGuestPageSize), std::byte{0});
    }
  }
  void fetch(std::span<std::byte> bytes) { copy<false>(bytes); }

 private:
  template <bool kToGuest, typename Span>
  void copy(Span bytes) {
    for (const GuestAddress page : pages_) {
      const auto part = bytes.first(std::min(bytes.size(), kGuestPageSize));
      const auto guest = memory_->at(page, part.size());
      if constexpr (kToGuest) {
        std::ranges::copy(part, guest.begin());
      } else {
        std::ranges::copy(guest, part.begin());
      }
      bytes = bytes.subspan(part.size());
    }
  }

  PagePool* pool_;
  vmmdev::PlainGuestMemory* memory_;
  std::vector<GuestAddress> pages_;
};

}  // namespace

/// A request in guest memory.
class GuestDriver::Block {
 public:
  Block(GuestDriver& driver, std::size_t size) : driver_(driver), size_(size) {
    if (const auto address = driver.pages_.allocate_block(size)) {
      address_ = *address;
      // What a driver does not fill in is garbage, and a device must cope with it.
      std::ranges::fill(bytes(), std::byte{0xaa});
    }
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    if (address_ != 0) {
      driver_.pages_.free_block(address_, size_);
    }
  }

  explicit operator bool() const noexcept { return address_ != 0; }
  /// The host may still write to it: never to be used again.
  void abandon() noexcept { address_ = 0; }

  [[nodiscard]] GuestAddress address() const noexcept { return address_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> bytes() const { return driver_.memory_.at(address_, size_); }

  template <typename T>
  void set(std::size_t offset, T value) const {
    std::memcpy(bytes().subspan(offset, sizeof(T)).data(), &value, sizeof(T));
  }
  template <typename T>
  [[nodiscard]] T get(std::size_t offset) const {
    T value;
    std::memcpy(&value, bytes().subspan(offset, sizeof(T)).data(), sizeof(T));
    return value;
  }
  [[nodiscard]] bool done() const {
    auto& flags = *reinterpret_cast<std::uint32_t*>(bytes().subspan(kOffsetFlags, 4).data());
    return (std::atomic_ref(flags).load(std::memory_order_acquire) & kFlagDone) != 0;
  }

 private:
  GuestDriver& driver_;
  const std::size_t size_;
  GuestAddress address_ = 0;
};

GuestDriver::GuestDriver(vmmdev::PlainGuestMemory& memory)
    : memory_(memory),
      pages_(kFirstPage, kRequestPages,
             memory.size() / kGuestPageSize - kRequestPages - kFirstPage / kGuestPageSize) {}

void GuestDriver::set_level(bool asserted) noexcept {
  const std::lock_guard lock(mutex_);
  level_ = asserted;
  if (asserted) {
    changed_.notify_all();
  }
}

void GuestDriver::write_register(const Block& block) noexcept {
  device_->port_write(kRequestPort, 4, static_cast<std::uint32_t>(block.address()));
}

void GuestDriver::prepare(Block& block, std::uint32_t type,
                          std::uint32_t requestor) const noexcept {
  block.set(kOffsetSize, static_cast<std::uint32_t>(block.size()));
  block.set(kOffsetVersion, kHeaderVersion);
  block.set(kOffsetType, type);
  block.set(kOffsetStatus, std::int32_t{HGCM_ERR_GENERAL_FAILURE});
  block.set(kOffsetStatus + 4, std::uint32_t{0});
  block.set(kOffsetRequestor, requestor);
}

Status GuestDriver::attach(vmmdev::Device& device) {
  device_ = &device;
  const auto request = [this](std::uint32_t type, std::initializer_list<std::uint32_t> words,
                              std::size_t size = 0) -> Status {
    Block block(*this, size != 0 ? size : kHeaderSize + words.size() * 4);
    std::ranges::fill(block.bytes().subspan(kHeaderSize), std::byte{0});
    prepare(block, type, kRequestorDriver);
    std::size_t offset = kHeaderSize;
    for (const std::uint32_t word : words) {
      block.set(offset, word);
      offset += 4;
    }
    if (type == VMMDEVREQ_REPORT_GUEST_INFO2) {
      constexpr char kName[] = "7.2.0";
      std::memcpy(block.bytes().subspan(offset).data(), kName, sizeof(kName));
    }
    write_register(block);
    return block.get<std::int32_t>(kOffsetStatus);
  };

  constexpr std::uint32_t kInterface = 0x00010004;
  constexpr std::uint32_t kLinux64 = 0x53100;
  Status status = request(VMMDEVREQ_GET_HOST_VERSION, {0, 0, 0, 0});
  if (status.ok()) {
    status = request(VMMDEVREQ_REPORT_GUEST_INFO2, {7U | 2U << 16, 0, 0, 1}, 168);
  }
  if (status.ok()) {
    status = request(VMMDEVREQ_REPORT_GUEST_INFO, {kInterface, kLinux64});
  }
  if (status.ok()) {
    status = request(VMMDEVREQ_CTL_GUEST_FILTER_MASK, {kFixedEvents, ~kFixedEvents});
  }
  if (status.ok()) {
    status = request(VMMDEVREQ_SET_GUEST_CAPABILITIES, {0, 0xffffffff});
  }
  return status;
}

int GuestDriver::submit(std::span<std::byte> request) {
  Block block(*this, request.size());
  if (!block) {
    return -ENOMEM;
  }
  std::ranges::copy(request, block.bytes().begin());
  write_register(block);
  std::ranges::copy(block.bytes(), request.begin());
  return 0;
}

template <typename Ready>
GuestDriver::WaitEnd GuestDriver::wait_until(Ready ready, const WaitLimit& limit) {
  using Clock = std::chrono::steady_clock;
  const auto deadline = limit.timeout ? Clock::now() + *limit.timeout : Clock::time_point::max();
  std::unique_lock lock(mutex_);
  for (;;) {
    if (level_) {
      // The interrupt handler: whoever waits takes the events for all.
      lock.unlock();
      const std::uint32_t events = device_->port_read(kFastPort, 4);
      lock.lock();
      if (events != 0xffffffff) {
        pending_events_ |= events & ~kFixedEvents;
      }
      changed_.notify_all();
    }
    if (ready()) {
      return WaitEnd::kReady;
    }
    if (level_) {
      continue;
    }
    const auto changed = [&] { return level_ || ready(); };
    if (!limit.timeout) {
      if (!changed_.wait(lock, limit.stop, changed)) {
        return WaitEnd::kStopped;
      }
    } else if (!changed_.wait_until(lock, limit.stop, deadline, changed)) {
      return limit.stop.stop_requested() ? WaitEnd::kStopped : WaitEnd::kTimeout;
    }
  }
}

bool GuestDriver::cancel(const Block& block, Status& status) {
  Block request(*this, kHeaderSize + sizeof(std::uint64_t));
  if (!request) {
    status = HGCM_ERR_NO_MEMORY;
    return false;
  }
  prepare(request, VMMDEVREQ_HGCM_CANCEL2, kRequestorDriver);
  request.set(kHeaderSize, std::uint64_t{block.address()});
  write_register(request);
  status = request.get<std::int32_t>(kOffsetStatus);
  return status.ok();
}

/// Submits an HGCM request and waits for its end. On errors other than 0 the block is either the
/// guest's again (cancelled) or was abandoned to the host.
int GuestDriver::perform(Block& block, std::uint32_t type, std::uint32_t requestor,
                         const WaitLimit& limit, Status& status) {
  prepare(block, type, requestor);
  block.set(kOffsetFlags, std::uint32_t{0});
  block.set(kOffsetResult, std::int32_t{HGCM_ERR_GENERAL_FAILURE});
  write_register(block);
  status = block.get<std::int32_t>(kOffsetStatus);
  if (status.failed()) {
    return 0;
  }
  const auto ready = [&] { return block.done(); };
  const WaitEnd end = wait_until(ready, limit);
  if (end != WaitEnd::kReady) {
    const int error = end == WaitEnd::kTimeout ? -ETIMEDOUT : -EINTR;
    Status cancelled;
    if (cancel(block, cancelled)) {
      return error;
    }
    // It is being completed just now, or something is wrong with the host.
    using namespace std::chrono_literals;
    const auto grace = cancelled == Status(HGCM_ERR_NOT_FOUND) ? 500ms : 2000ms;
    if (wait_until(ready, {grace, {}}) != WaitEnd::kReady) {
      block.abandon();
      return error;
    }
  }
  status = block.get<std::int32_t>(kOffsetResult);
  return 0;
}

int GuestDriver::connect(std::span<const char, 128> service, std::uint32_t requestor,
                         std::uint32_t& client_id, Status& status) {
  Block block(*this, kHgcmHeaderSize + 4 + service.size() + 4);
  if (!block) {
    return -ENOMEM;
  }
  block.set(kHgcmHeaderSize, std::uint32_t{VMMDEV_HGCM_LOC_LOCALHOST_EXISTING});
  std::memcpy(block.bytes().subspan(kHgcmHeaderSize + 4).data(), service.data(), service.size());
  const std::size_t id_offset = kHgcmHeaderSize + 4 + service.size();
  block.set(id_offset, std::uint32_t{0});
  const int error = perform(block, VMMDEVREQ_HGCM_CONNECT, requestor, {}, status);
  client_id = error == 0 && status.ok() ? block.get<std::uint32_t>(id_offset) : 0;
  return error;
}

int GuestDriver::disconnect(std::uint32_t client_id, std::uint32_t requestor, Status& status) {
  Block block(*this, kHgcmHeaderSize + 4);
  if (!block) {
    return -ENOMEM;
  }
  block.set(kHgcmHeaderSize, client_id);
  return perform(block, VMMDEVREQ_HGCM_DISCONNECT, requestor, {}, status);
}

int GuestDriver::call(std::uint32_t client_id, std::uint32_t function, std::uint32_t requestor,
                      std::span<CallParameter> parameters, const WaitLimit& limit, Status& status) {
  std::vector<BouncePages> bounce;
  bounce.reserve(parameters.size());
  std::size_t size = kOffsetParameters + parameters.size() * kParameterSize;
  for (const CallParameter& parameter : parameters) {
    BouncePages& pages = bounce.emplace_back(pages_, memory_);
    if (!is_buffer(parameter.type) || parameter.buffer.empty()) {
      continue;
    }
    if (!pages.allocate(parameter.buffer.size())) {
      return -ENOMEM;
    }
    if (to_host(parameter.type)) {
      pages.fill(parameter.buffer);
    } else {
      pages.clear();
    }
    size += kPageListHeader + pages.pages().size() * sizeof(GuestAddress);
  }
  Block block(*this, size);
  if (!block) {
    return -ENOMEM;
  }
  block.set(kOffsetClient, client_id);
  block.set(kOffsetFunction, function);
  block.set(kOffsetCount, static_cast<std::uint32_t>(parameters.size()));
  std::size_t list = kOffsetParameters + parameters.size() * kParameterSize;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const CallParameter& parameter = parameters[i];
    const std::size_t at = kOffsetParameters + i * kParameterSize;
    std::uint32_t type = parameter.type;
    if (!is_buffer(type)) {
      block.set(at + 4, parameter.value);
    } else if (parameter.buffer.empty()) {
      block.set(at + 4, std::uint32_t{0});
      block.set(at + 8, std::uint64_t{0});
    } else {
      const auto& pages = bounce[i].pages();
      block.set(at + 4, static_cast<std::uint32_t>(parameter.buffer.size()));
      block.set(at + 8, static_cast<std::uint32_t>(list));
      block.set(list, (to_host(type) ? VMMDEV_HGCM_F_PARM_DIRECTION_TO_HOST : 0U) |
                          (from_host(type) ? VMMDEV_HGCM_F_PARM_DIRECTION_FROM_HOST : 0U));
      block.set(list + 4, std::uint16_t{0});
      block.set(list + 6, static_cast<std::uint16_t>(pages.size()));
      list += kPageListHeader;
      for (const GuestAddress page : pages) {
        block.set(list, page);
        list += sizeof(page);
      }
      type = VMMDEV_HGCM_PARM_TYPE_PAGELIST;
    }
    block.set(at, type);
  }

  const int error = perform(block, VMMDEVREQ_HGCM_CALL64, requestor, limit, status);
  if (error != 0) {
    if (!block) {
      // Abandoned: the host may write to the buffers too.
      std::ranges::for_each(bounce, &BouncePages::abandon);
    }
    return error;
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    CallParameter& parameter = parameters[i];
    const std::size_t at = kOffsetParameters + i * kParameterSize;
    if (!is_buffer(parameter.type)) {
      parameter.value = parameter.type == VMMDEV_HGCM_PARM_TYPE_32BIT
                            ? block.get<std::uint32_t>(at + 4)
                            : block.get<std::uint64_t>(at + 4);
      continue;
    }
    parameter.reported_size = block.get<std::uint32_t>(at + 4);
    if (from_host(parameter.type)) {
      bounce[i].fetch(parameter.buffer);
    }
  }
  return 0;
}

int GuestDriver::wait_for_events(std::uint32_t events, const WaitLimit& limit,
                                 std::uint32_t& taken) {
  taken = 0;
  // Taken under the lock, in the very check that ends the wait.
  const auto take = [&] {
    taken |= pending_events_ & events;
    pending_events_ &= ~events;
    return taken != 0;
  };
  switch (wait_until(take, limit)) {
    case WaitEnd::kReady:
      return 0;
    case WaitEnd::kTimeout:
      return -ETIMEDOUT;
    default:
      return -EINTR;
  }
}

void GuestDriver::set_event_filter(std::uint32_t events) {
  Block block(*this, kHeaderSize + 8);
  if (!block) {
    return;
  }
  prepare(block, VMMDEVREQ_CTL_GUEST_FILTER_MASK, kRequestorDriver);
  block.set(kHeaderSize, events | kFixedEvents);
  block.set(kHeaderSize + 4, ~(events | kFixedEvents));
  write_register(block);
}

}  // namespace hgcm::loopback
