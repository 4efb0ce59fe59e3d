// SPDX-License-Identifier: MIT
//
// SharedFolders: the service "VBoxSharedFolders", directories of the host that guests mount, as
// VirtualBox 7.2 has it (docs/protocol.md, "Shared folders"). Parameters are checked and mappings
// changed on the service's thread; what touches the host's files is a Job, done there at once or by
// a worker (placement.h).
#ifndef HGCM_SHARED_FOLDERS_SERVICE_H
#define HGCM_SHARED_FOLDERS_SERVICE_H

#include <openhgcm/shfl_ext.h>
#include <hgcm/service.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "shared-folders/access.h"
#include "shared-folders/call_order.h"
#include "shared-folders/changes.h"
#include "shared-folders/client.h"
#include "shared-folders/mapping_table.h"
#include "shared-folders/protocol.h"
#include "shared-folders/worker_pool.h"

namespace hgcm::shfl {

/// What a call comes to once its parameters have been checked.
struct Job {
  Job(Status status) : done(status) {}            // NOLINT(*-explicit-*)
  Job(hgcm_status_code status) : done(status) {}  // NOLINT(*-explicit-*)
  /// `todo` takes the call, if it wants to know whether that was cancelled, or nothing.
  template <typename Work>
  Job(std::shared_ptr<Share> on, Work todo) : share(std::move(on)) {
    if constexpr (std::is_invocable_v<Work&, const service::Call&>) {
      work = std::move(todo);
    } else {
      work = [inner = std::move(todo)](const service::Call&) mutable { return Status(inner()); };
    }
  }

  Job& may_take_long(bool yes = true) {
    takes_long = takes_long || yes;
    return *this;
  }
  Job& uses(std::shared_ptr<OpenObject> with, const Extent& of) {
    object = std::move(with);
    extent = of;
    return *this;
  }

  /// It may change the object of this path.
  Job& changes(std::uint32_t root, std::string path) {
    changed_root = root;
    changed.push_back(std::move(path));
    return *this;
  }

  /// Nothing to do: the call ends with this.
  std::optional<Status> done;
  std::shared_ptr<Share> share;
  /// What it returns ends the call. Any thread.
  std::function<Status(const service::Call&)> work;
  /// Tried first, on the service's thread: as work(), if it need not wait; else nullopt, having
  /// done nothing.
  std::function<std::optional<Status>()> attempt;
  bool takes_long = false;
  /// Calls on it keep their order.
  std::shared_ptr<OpenObject> object;
  Extent extent;
  std::vector<std::string> changed;
  std::uint32_t changed_root = 0;
};

/// A guest's call with its parameters, while they are being checked.
class Request {
 public:
  Request(Client& from, std::span<hgcm_svc_parm> parameters) : client(from), parms_(parameters) {}

  Client& client;

  // Of the types that the function table promises.
  [[nodiscard]] std::uint32_t u32(std::size_t i) const { return parms_[i].u.u32; }
  [[nodiscard]] std::uint64_t u64(std::size_t i) const { return parms_[i].u.u64; }
  [[nodiscard]] service::InOut<std::uint32_t> out32(std::size_t i) const {
    return service::InOut<std::uint32_t>(parms_[i]);
  }
  [[nodiscard]] service::InOut<std::uint64_t> out64(std::size_t i) const {
    return service::InOut<std::uint64_t>(parms_[i]);
  }
  [[nodiscard]] service::AnyBuffer buffer(std::size_t i) const {
    return service::AnyBuffer(parms_[i]);
  }
  [[nodiscard]] hgcm_svc_parm& raw(std::size_t i) const { return parms_[i]; }
  /// A counted string of the client.
  [[nodiscard]] Result<std::string> text(std::size_t i) const {
    return read_string(buffer(i).bytes(), client.encoding());
  }
  /// The same, as a path below a share.
  [[nodiscard]] Result<std::string> path(std::size_t i) const;

 private:
  std::span<hgcm_svc_parm> parms_;
};

class SharedFolders {
  /// The SDK's table maps every number to call(), which has its own: only so each function can have
  /// its own status for wrong parameters.
  template <std::uint32_t... I>
  static constexpr auto all_functions(std::integer_sequence<std::uint32_t, I...>) {
    using service::function;
    return service::functions(function(I + 1, &SharedFolders::call)...,
                              function(SHFL_EXT_FN_WATCH, &SharedFolders::call),
                              function(SHFL_EXT_FN_UNWATCH, &SharedFolders::call),
                              function(SHFL_EXT_FN_WAIT_CHANGES, &SharedFolders::call),
                              function(SHFL_EXT_FN_CANCEL_WAIT, &SharedFolders::call),
                              function(SHFL_EXT_FN_LINK, &SharedFolders::call));
  }

 public:
  using Client = shfl::Client;

  explicit SharedFolders(service::Host host);
  ~SharedFolders();

  static constexpr service::Limits kLimits{.clients = {{66, 66, 66}},
                                           .calls = {{65536, 16384, 1024}},
                                           .legacy_category = HGCM_SVC_CATEGORY_KERNEL};
  static constexpr service::Refusals kRefusals{.unknown_host_function = HGCM_ERR_NOT_IMPLEMENTED};

  static constexpr auto guest_functions() {
    return all_functions(std::make_integer_sequence<std::uint32_t, kLastFunction>());
  }
  static constexpr auto host_functions() {
    using service::function;
    return service::functions(function(kAddMapping, &SharedFolders::add_mapping),
                              function(kRemoveMapping, &SharedFolders::remove_mapping),
                              function(kSetStatusLed, &SharedFolders::set_status_led));
  }

  void disconnect(Client& client, std::uint32_t id);
  void cancelled(Client& client, std::uint32_t id);
  Status save(const Client& client, service::StateWriter& state);
  Status load(Client& client, service::StateReader& state);

 private:
  using Bytes = std::span<const std::byte>;
  using Handler = Job (SharedFolders::*)(Request& request);

  /// One guest function: its parameters (u 32 bits, U 64 bits, p pointer, d pointer or pages) and
  /// what answers it.
  struct GuestFunctionEntry {
    std::uint32_t number;
    std::string_view parameters;
    /// Of newer functions, which tell wrong counts and types apart from other mistakes.
    bool tells_mistakes;
    Handler handler;
  };
  static const GuestFunctionEntry kFunctions[];

  /// A call that is under way.
  struct Running;

  /// A WAIT_FOR_MAPPINGS_CHANGES that waits.
  struct MappingsWait {
    std::uint32_t client;
    service::Call call;
    service::InOut<std::uint32_t> version;
  };

  void call(service::Call call, Client& client, const service::CallInfo& info,
            service::Rest parameters);
  void submit(service::Call call, Client& client, Job job);
  void post(const std::shared_ptr<Running>& running);
  static void run(Running& running, bool measured);
  static void finish(Running& running, Status status);

  // Mappings and the client itself: mapping_functions.cpp.
  Job query_mappings(Request& request);
  Job query_map_name(Request& request);
  Job map_folder(Request& request);
  Job map_folder_old(Request& request);
  Job unmap_folder(Request& request);
  Job set_utf8(Request& request);
  Job set_symlinks(Request& request);
  Job query_map_info(Request& request);
  Job cancel_mappings_changes_waits(Request& request);
  Job query_features(Request& request);
  Job set_error_style(Request& request);
  void wait_for_mappings_changes(service::Call call, Client& client,
                                 service::InOut<std::uint32_t> version);
  Status map(Client& client, std::string_view name, std::uint32_t delimiter, bool case_sensitive,
             service::InOut<std::uint32_t> root);
  void mappings_changed();

  // Objects: object_functions.cpp.
  Job create(Request& request);
  Job close(Request& request);
  Job read(Request& request);
  Job write(Request& request);
  Job lock(Request& request);
  Job list(Request& request);
  Job information(Request& request);
  Job get_information(Request& request, const std::shared_ptr<OpenObject>& object);
  Job set_information(Request& request, const std::shared_ptr<OpenObject>& object);
  Job volume_information(Request& request);
  Job remove(Request& request);
  Job rename(Request& request);
  Job flush(Request& request);
  Job read_link(Request& request);
  Job symlink(Request& request);
  Job hard_link(Request& request);
  Job set_file_size(Request& request);
  Job copy_file(Request& request);
  Job copy_file_part(Request& request);
  Job close_and_remove(Request& request);

  // Change notification: change_functions.cpp.
  Job watch(Request& request);
  Job unwatch(Request& request);
  Job cancel_wait(Request& request);
  void wait_for_changes(service::Call call, const Client& client,
                        std::span<hgcm_svc_parm> parameters);

  /// For calls that name objects by path. HGCM_ERR_INVALID_PARAMETER, HGCM_ERR_NOT_FOUND.
  Result<Access> access(const Client& client, std::uint32_t root) const;
  Access access_of(const Client& client, std::uint32_t root,
                   const MappingTable::Entry& entry) const;
  /// For calls that name them by handle. HGCM_ERR_INVALID_HANDLE, HGCM_ERR_ACCESS_DENIED, ...
  Result<std::shared_ptr<OpenObject>> object(const Request& request, std::size_t root_parameter,
                                             std::size_t handle_parameter) const;
  /// What a READ and a WRITE ask for; their count is 0 from here on until they say otherwise.
  struct Transfer {
    std::shared_ptr<OpenObject> object;
    service::Pages memory;
    std::uint64_t offset;  ///< bytes
    std::uint32_t wanted;  ///< bytes, no more than `memory` has
  };
  Result<Transfer> transfer(Request& request) const;
  /// What a RENAME and a LINK name: two paths below one share.
  struct TwoNames {
    Access access;
    std::string from;
    std::string to;
  };
  Result<TwoNames> two_names(Request& request) const;

  Status add_mapping(Bytes path, Bytes name, std::uint32_t flags, Bytes mount_point,
                     std::optional<std::uint32_t> policy);
  Status remove_mapping(Bytes name);
  Status set_status_led(Bytes led);

  service::Host host_;
  MappingTable mappings_;
  std::vector<MappingsWait> waits_;
  std::shared_ptr<DescriptorBudget> budget_;
  Changes changes_;
  WorkerPool pool_;  ///< last: its jobs use the others
};

}  // namespace hgcm::shfl

#endif
