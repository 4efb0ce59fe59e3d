// SPDX-License-Identifier: MIT
//
// Connect, disconnect and call as ioctls. The answer in a buffer is the host's: only values of
// scalars and sizes are taken from it, types and addresses never.
#include <hgcm/client.h>

#include <cstring>
#include <limits>

#include "src/ioctl_abi.h"
#include "src/timeout.h"

namespace hgcm {
namespace {

using WireParameter = vmmdev_hgcm_function_parameter;

WireParameter to_wire(const Parameter& parameter) noexcept {
  WireParameter wire{};
  switch (parameter.kind()) {
    case ParameterKind::kU32:
      wire.type = VMMDEV_HGCM_PARM_TYPE_32BIT;
      wire.u.value32 = parameter.value32();
      return wire;
    case ParameterKind::kU64:
      wire.type = VMMDEV_HGCM_PARM_TYPE_64BIT;
      wire.u.value64 = parameter.value();
      return wire;
    case ParameterKind::kIn:
      wire.type = VMMDEV_HGCM_PARM_TYPE_LINADDR_IN;
      break;
    case ParameterKind::kOut:
      wire.type = VMMDEV_HGCM_PARM_TYPE_LINADDR_OUT;
      break;
    case ParameterKind::kInOut:
      wire.type = VMMDEV_HGCM_PARM_TYPE_LINADDR;
      break;
  }
  const auto buffer = parameter.buffer();
  wire.u.pointer.size = static_cast<std::uint32_t>(buffer.size());
  // An empty buffer has no address: the protocol sends it as size 0, address 0.
  wire.u.pointer.u.linear_addr =
      buffer.empty() ? 0 : reinterpret_cast<std::uintptr_t>(buffer.data());
  return wire;
}

void from_wire(const WireParameter& wire, Parameter& parameter) noexcept {
  switch (parameter.kind()) {
    case ParameterKind::kU32:
      return parameter.set_answer(wire.u.value32, 0);
    case ParameterKind::kU64:
      return parameter.set_answer(wire.u.value64, 0);
    default:
      return parameter.set_answer(0, wire.u.pointer.size);
  }
}

}  // namespace

Result<Client> Client::connect(Device& device, std::string_view service) {
  vbg_ioctl_hgcm_connect request{};
  auto& name = request.u.in.loc.u.localhost.service_name;
  if (service.empty() || service.size() >= sizeof(name) ||
      service.find('\0') != std::string_view::npos) {
    return failure(HGCM_ERR_INVALID_NAME);
  }
  request.hdr = detail::make_header(sizeof(request), sizeof(request.hdr) + sizeof(request.u.out));
  request.u.in.loc.type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
  std::memcpy(name, service.data(), service.size());

  if (const int result = device.ioctl(VBG_IOCTL_HGCM_CONNECT, &request); result != 0) {
    return failure(Status::from_errno(-result));
  }
  if (const Status status = request.hdr.rc; status.failed()) {
    return failure(status);
  }
  if (request.u.out.client_id == 0) {
    return failure(HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  }
  return Client(device, request.u.out.client_id);
}

Status Client::disconnect() noexcept {
  if (device_ == nullptr || id_ == 0) {
    return {};
  }
  vbg_ioctl_hgcm_disconnect request{};
  request.hdr = detail::make_header(sizeof(request), sizeof(request.hdr));
  request.u.in.client_id = std::exchange(id_, 0);
  const int result = device_->ioctl(VBG_IOCTL_HGCM_DISCONNECT, &request);
  return result != 0 ? Status::from_errno(-result) : Status(request.hdr.rc);
}

Result<Status> Client::call(std::uint32_t function, std::span<Parameter> parameters,
                            const CallOptions& options) noexcept {
  if (parameters.size() > kMaxParameters) {
    return failure(HGCM_ERR_TOO_MUCH_DATA);
  }
  struct Request {
    vbg_ioctl_hgcm_call call;
    std::array<WireParameter, kMaxParameters> parameters;
  } request{};
  static_assert(offsetof(Request, parameters) == sizeof(vbg_ioctl_hgcm_call));

  const std::size_t size = sizeof(request.call) + parameters.size() * sizeof(WireParameter);
  request.call.hdr = detail::make_header(size, size);
  request.call.client_id = id_;
  request.call.function = function;
  request.call.timeout_ms = detail::driver_timeout(options.timeout);
  request.call.interruptible = 1;
  request.call.parm_count = static_cast<std::uint16_t>(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].buffer().size() > std::numeric_limits<std::uint32_t>::max()) {
      return failure(HGCM_ERR_TOO_MUCH_DATA);
    }
    request.parameters[i] = to_wire(parameters[i]);
  }
  if (id_ == 0) {
    return failure(HGCM_ERR_HGCM_INVALID_CLIENT_ID);
  }

  const int result = device_->stoppable_ioctl(detail::call_request(size), &request, options.stop);
  if (result != 0) {
    return failure(detail::ended_wait_status(result, options.stop));
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    from_wire(request.parameters[i], parameters[i]);
  }
  const Status status = request.call.hdr.rc;
  if (status.failed()) {
    return failure(status);
  }
  return status;
}

}  // namespace hgcm
