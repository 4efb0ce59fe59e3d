// SPDX-License-Identifier: MIT
//
// Requests about what the machine is made of: statistics 110, 112, balloon 111, 113, processors
// 210, 211 (protocol sections 3.5, 3.7).
#include "vmmdev/device_core.h"
#include "vmmdev/wire.h"

#include <array>

namespace hgcm::vmmdev {
namespace {

Outcome report_statistics(DeviceCore& device, Request& request) {
  namespace layout = wire::statistics;
  // Amounts of memory would mean something else.
  if (request.get<std::uint32_t>(layout::kPageSize) != kGuestPageSize) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const auto get = [&](std::size_t offset) { return request.get<std::uint32_t>(offset); };
  GuestStatistics report{.cpu = get(layout::kCpu),
                         .valid = get(layout::kValid),
                         .cpu_idle = get(layout::kCpuIdle),
                         .cpu_kernel = get(layout::kCpuKernel),
                         .cpu_user = get(layout::kCpuUser),
                         .threads = get(layout::kThreads),
                         .processes = get(layout::kProcesses),
                         .handles = get(layout::kHandles),
                         .memory_load = get(layout::kMemoryLoad),
                         .time = std::chrono::system_clock::now()};
  std::size_t at = layout::kPhysicalTotal;
  for (std::uint64_t* amount : {&report.physical_total, &report.physical_available, &report.balloon,
                                &report.committed_total, &report.kernel_total, &report.kernel_paged,
                                &report.kernel_nonpaged, &report.system_cache, &report.page_file}) {
    *amount = get(at) * std::uint64_t{kGuestPageSize};
    at += sizeof(std::uint32_t);
  }
  {
    const std::lock_guard lock(device.mutex);
    device.guest.statistics = report;
  }
  device.observer().statistics(report);
  return HGCM_INF_SUCCESS;
}

Outcome get_statistics_change(DeviceCore& device, Request& request) {
  namespace layout = wire::statistics_change;
  request.set(layout::kInterval,
              device.statistics_interval.ask(request.get<std::uint32_t>(layout::kEventAck)));
  return HGCM_INF_SUCCESS;
}

Outcome get_balloon_change(DeviceCore& device, Request& request) {
  namespace layout = wire::balloon;
  request.set(layout::kBalloonChunks,
              device.balloon.ask(request.get<std::uint32_t>(layout::kEventAck)));
  request.set(layout::kMemoryChunks, device.balloon.memory_chunks());
  return HGCM_INF_SUCCESS;
}

Outcome change_balloon(DeviceCore& device, Request& request) {
  namespace layout = wire::change_balloon;
  const auto inflate = request.get<std::uint32_t>(layout::kInflate);
  if (request.get<std::uint32_t>(layout::kPages) != layout::kChunkPages) {
    return HGCM_ERR_INVALID_PARAMETER;
  }
  const Status status =
      device.balloon.change(inflate != 0, request.bytes().subspan(layout::kAddresses));
  if (status.ok()) device.observer().balloon(device.balloon.chunks());
  return status;
}

Outcome get_cpu_hot_plug(DeviceCore& device, Request& request) {
  namespace layout = wire::cpu_hot_plug;
  const CpuHotPlug::Change change = device.cpu_hot_plug.take();
  request.set(layout::kEvent, change.event);
  request.set(layout::kCore, change.core);
  request.set(layout::kPackage, change.package);
  return HGCM_INF_SUCCESS;
}

Outcome set_cpu_hot_plug_status(DeviceCore& device, Request& request) {
  namespace layout = wire::cpu_hot_plug;
  const auto status = request.get<std::uint32_t>(layout::kStatus);
  if (status != layout::kDisable && status != layout::kEnable) return HGCM_ERR_INVALID_PARAMETER;
  device.cpu_hot_plug.enable(status == layout::kEnable);
  return HGCM_INF_SUCCESS;
}

constexpr std::array kRequests = {
    RequestHandler{wire::kReportStatistics, exactly(wire::statistics::kBytes), Locked::refuse,
                   report_statistics},
    RequestHandler{wire::kGetStatisticsChange, exactly(wire::statistics_change::kBytes),
                   Locked::refuse, get_statistics_change},
    RequestHandler{wire::kGetBalloonChange, exactly(wire::balloon::kBytes), Locked::refuse,
                   get_balloon_change},
    RequestHandler{wire::kChangeBalloon, exactly(wire::change_balloon::kBytes), Locked::refuse,
                   change_balloon},
    RequestHandler{wire::kGetCpuHotPlug, exactly(wire::cpu_hot_plug::kBytes), Locked::refuse,
                   get_cpu_hot_plug},
    RequestHandler{wire::kSetCpuHotPlugStatus, exactly(wire::cpu_hot_plug::kStatusBytes),
                   Locked::refuse, set_cpu_hot_plug_status},
};

}  // namespace

std::span<const RequestHandler> resource_requests() noexcept {
  return kRequests;
}

}  // namespace hgcm::vmmdev
