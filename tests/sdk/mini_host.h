// SPDX-License-Identifier: MIT
//
// MiniHost: the least that can drive a service through the raw ABI, so that services and the SDK
// are tested against the ABI itself and not against this project's service host. Entry points run
// on the calling thread, one at a time; completions may come from any thread. It forgives nothing:
// wrong completions are counted.
#ifndef HGCM_TESTS_SDK_MINI_HOST_H
#define HGCM_TESTS_SDK_MINI_HOST_H

#include <hgcm/service_abi.h>
#include <hgcm/status.h>

#include <array>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hgcm::test {

/// A parameter with what it points to. Buffers are exactly as large as given, on the heap, so that
/// AddressSanitizer sees a service that goes beyond.
class Parm {
 public:
  static Parm u32(std::uint32_t value);
  static Parm u64(std::uint64_t value);
  /// `text` and a NUL.
  static Parm string(std::string_view text);
  static Parm bytes(std::string_view bytes);
  /// `size` zero bytes.
  static Parm buffer(std::size_t size);
  static Parm null_buffer(std::uint32_t size);
  static Parm raw_pointer(void* address, std::uint32_t size);
  /// `bytes` over pages, the first of which starts at `offset` in its page.
  static Parm pages(std::string_view bytes, std::size_t offset);
  static Parm of_type(std::uint32_t type);

  hgcm_svc_parm abi{};

  [[nodiscard]] std::string_view contents() const;
  /// What pages() made, joined.
  [[nodiscard]] std::string page_contents() const;

 private:
  std::size_t size_ = 0;
  std::size_t offset_ = 0;
  std::unique_ptr<char[]> memory_;
  std::unique_ptr<void*[]> page_list_;
  std::shared_ptr<void> shared_;
};

/// Page parameters in files of their own, for a service in another process: off until enabled.
class SharedPages {
 public:
  static void enable() noexcept;
  static bool enabled() noexcept;
  static std::shared_ptr<SharedPages> make(std::size_t size);
  /// Those that hold the address; null: none do.
  static std::shared_ptr<SharedPages> find(const void* address);
  ~SharedPages();
  SharedPages(const SharedPages&) = delete;
  SharedPages& operator=(const SharedPages&) = delete;

  int fd = -1;
  std::span<std::byte> bytes;

 private:
  SharedPages() = default;
};

class MiniHost;

/// A guest call. Lives on until the host does; parameters may be read once it is done.
class GuestCall {
 public:
  [[nodiscard]] bool done() const;
  /// Waits; fails the test run (aborts) after 10 s.
  std::int32_t wait();
  /// nullopt while pending.
  [[nodiscard]] std::optional<std::int32_t> status() const;

  [[nodiscard]] std::uint32_t u32(std::size_t i) const { return abi[i].u.u32; }
  [[nodiscard]] std::uint64_t u64(std::size_t i) const { return abi[i].u.u64; }
  [[nodiscard]] std::string_view contents(std::size_t i) const { return parms[i].contents(); }

  std::vector<Parm> parms;
  /// What the service sees: six at least.
  std::vector<hgcm_svc_parm> abi;
  bool cancelled = false;  ///< guarded by the host's mutex
  bool restored = false;
  std::uint32_t requestor = HGCM_REQUESTOR_LEGACY;
  /// What the service is told at completion.
  std::int32_t completion_result = HGCM_INF_SUCCESS;

 private:
  friend class MiniHost;
  MiniHost* host_ = nullptr;
  std::optional<std::int32_t> status_;
};

class MiniHost {
 public:
  MiniHost();
  ~MiniHost();
  MiniHost(const MiniHost&) = delete;
  MiniHost& operator=(const MiniHost&) = delete;

  /// Calls the load entry with a fresh table.
  std::int32_t load(hgcm_svc_load_fn entry);
  /// Loads the library NAME.so of the build that the running test belongs to (`folder`: "services"
  /// or "tests/services") and calls its load entry. Aborts if there is none.
  std::int32_t load_library(std::string_view folder, std::string_view name);
  /// The same with a table of the test's own; an unload() does not follow.
  std::int32_t load_with_table(std::string_view folder, std::string_view name,
                               hgcm_svc_table* with);
  void unload();

  std::int32_t connect(std::uint32_t id, std::uint32_t requestor = HGCM_REQUESTOR_LEGACY,
                       bool restoring = false);
  std::int32_t disconnect(std::uint32_t id);

  using CallPtr = std::shared_ptr<GuestCall>;
  template <typename... P>
  CallPtr call(std::uint32_t client, std::uint32_t function, P... parms) {
    std::vector<Parm> list;
    (list.push_back(std::move(parms)), ...);
    return submit(client, function, std::move(list));
  }
  CallPtr submit(std::uint32_t client, std::uint32_t function, std::vector<Parm> parms);
  /// Marks the call, and tells the service if it wants to know.
  void cancel(std::uint32_t client, GuestCall& call);

  template <typename... P>
  std::int32_t host_call(std::uint32_t function, P&&... parms) {
    std::vector<hgcm_svc_parm> list{parms.abi...};
    const std::int32_t status = host_call_raw(function, list);
    std::size_t i = 0;
    ((parms.abi = list[i++]), ...);
    return status;
  }
  std::int32_t host_call_raw(std::uint32_t function, std::span<hgcm_svc_parm> parms);

  void notify(int event);
  std::int32_t register_extension(hgcm_svc_extension_fn function, void* user);
  std::int32_t save(std::uint32_t client);
  std::int32_t load_state(std::uint32_t client, std::uint32_t version);
  /// Output of an info handler; nullopt if there is none of this name.
  std::optional<std::string> info(const std::string& name);

  [[nodiscard]] std::size_t bad_completions() const;
  [[nodiscard]] std::size_t pending_calls() const;

  hgcm_svc_table table{};
  std::vector<std::byte> stream;  ///< saved state
  std::size_t stream_read = 0;
  std::map<std::string, std::uint64_t*> statistics;
  std::vector<std::uint32_t> disconnected_by_service;

 private:
  friend class GuestCall;
  struct InfoHandler {
    hgcm_svc_info_fn function;
    void* user;
  };
  /// The helper table comes first: its address is the instance.
  struct Instance {
    hgcm_svc_helpers helpers;
    MiniHost* host;
  };

  hgcm_svc_load_fn open_library(std::string_view folder, std::string_view name);
  static MiniHost& of(void* instance);
  static std::int32_t complete(hgcm_svc_call_handle handle, std::int32_t status);

  Instance instance_{};
  void* library_ = nullptr;
  bool loaded_ = false;
  std::recursive_mutex entry_mutex_;  ///< one entry point at a time
  mutable std::mutex mutex_;
  std::condition_variable completed_;
  std::vector<CallPtr> calls_;
  std::size_t bad_completions_ = 0;
  std::map<std::uint32_t, std::unique_ptr<std::max_align_t[]>> clients_;
  std::map<std::string, InfoHandler> info_handlers_;
};

}  // namespace hgcm::test

#endif
