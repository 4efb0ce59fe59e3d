// SPDX-License-Identifier: MIT
//
// Session: one open file of the loopback driver: the ioctl interface of <linux/vboxguest.h> with
// the checks, errno values and statuses of the Linux driver. Of the requests that are about a
// guest's desktop (capabilities, balloon, core dump) none is there: -ENOTTY.
#ifndef HGCM_LOOPBACK_SESSION_H
#define HGCM_LOOPBACK_SESSION_H

#include "loopback/guest_driver.h"

#include <hgcm/device.h>

#include <functional>
#include <mutex>
#include <set>
#include <string_view>
#include <vector>

namespace hgcm::loopback {

/// What all sessions of a machine share. Thread-safe.
class SessionRegistry {
 public:
  explicit SessionRegistry(GuestDriver& driver) noexcept : driver_(driver) {}

  void set_filter(const void* session, std::uint32_t events);
  void log(std::string_view line);
  [[nodiscard]] std::vector<std::string> log_lines() const;

 private:
  GuestDriver& driver_;
  mutable std::mutex mutex_;
  std::vector<std::pair<const void*, std::uint32_t>> filters_;
  std::vector<std::string> log_lines_;
};

class Session final : public Device {
 public:
  Session(GuestDriver& driver, SessionRegistry& registry, std::uint32_t requestor) noexcept
      : driver_(driver), registry_(registry), requestor_(requestor) {}
  ~Session() override;

  int ioctl(unsigned long request, void* data) noexcept override;
  int stoppable_ioctl(unsigned long request, void* data,
                      const std::stop_token& stop) noexcept override;

 private:
  int dispatch(unsigned long request, void* data, const std::stop_token& stop);
  int device_request(std::span<std::byte> buffer);
  int version_info(std::span<std::byte> buffer);
  int hgcm_connect(std::span<std::byte> buffer);
  int hgcm_disconnect(std::span<std::byte> buffer);
  int hgcm_call(std::span<std::byte> buffer, bool narrow, const std::stop_token& stop);
  int log_text(std::span<std::byte> buffer);
  int wait_for_events(std::span<std::byte> buffer, const std::stop_token& stop);
  int change_filter(std::span<std::byte> buffer);

  [[nodiscard]] bool owns(std::uint32_t client) const;

  GuestDriver& driver_;
  SessionRegistry& registry_;
  const std::uint32_t requestor_;
  mutable std::mutex mutex_;
  std::set<std::uint32_t> clients_;  // guarded by mutex_
  std::size_t connecting_ = 0;       // guarded by mutex_
  std::uint32_t filter_ = 0;         // guarded by mutex_
};

}  // namespace hgcm::loopback

#endif
