// SPDX-License-Identifier: MIT
//
// HgcmTestSvc: the service that unit tests, guest tests and benchmarks talk to. Written against the
// C ABI of <hgcm/service_abi.h> with no help from the C++ face, so that the bare ABI is tested too.
// It holds no real data; some functions misbehave on purpose (NEVER, TWICE, GROW, NONSENSE).
//
//   1 NOOP     (any)                               completes at once
//   2 ECHO     (ptr in, ptr out)                   copies; out size = in size; -41 if out is small
//   3 ADD      (u32 in out, u64 in, u64 out)       p2 = p0 + p1, then p0 += 1
//   4 DELAY    (u32 ms)                            completes later, on the timer thread
//   5 PARK     (u32 key)                           until RELEASE, cancel or disconnect (-39)
//   6 RELEASE  (u32 key)                           completes everything parked under the key
//   7 FILL     (u32 seed, ptr/pages out)           byte i = seed + 7 * i
//   8 SUM      (ptr/pages in, u64 out)             sum of all bytes
//   9 STATUS   (u32)                               completes with that status
//  10 INOUT    (ptr/pages in out)                  inverts every byte
//  11 NEVER    (any)                               is not completed, not even at unload
//  12 TWICE    (any)                               is completed twice
//  13 GROW     (ptr out)                           fills, then claims a far larger size
//  14 NONSENSE (any)                               turns all parameters into garbage
//  15 SHRINK   (ptr out, u32 n)                    fills, then size = n
//  16 WHOAMI   (u32 out requestor, u32 out id)
//
// Host functions: 1 RELEASE (u32 key), 2 COUNT (u32 out: parked calls).
#include <hgcm/service_abi.h>
#include <hgcm/vbox_status.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <thread>
#include <vector>

namespace {

enum Function : std::uint32_t {
  kNoop = 1,
  kEcho,
  kAdd,
  kDelay,
  kPark,
  kRelease,
  kFill,
  kSum,
  kStatus,
  kInOut,
  kNever,
  kTwice,
  kGrow,
  kNonsense,
  kShrink,
  kWhoAmI
};

enum HostFunction : std::uint32_t { kHostRelease = 1, kHostCount = 2 };

constexpr std::size_t kPageSize = 4096;

bool is_u32(const hgcm_svc_parm& parm) {
  return parm.type == HGCM_SVC_PARM_32BIT;
}
bool is_u64(const hgcm_svc_parm& parm) {
  return parm.type == HGCM_SVC_PARM_64BIT;
}
bool is_ptr(const hgcm_svc_parm& parm) {
  return parm.type == HGCM_SVC_PARM_PTR;
}
bool is_buffer(const hgcm_svc_parm& parm) {
  return is_ptr(parm) || parm.type == HGCM_SVC_PARM_PAGES;
}

/// Calls visit(bytes, count) for each contiguous piece of a pointer or page parameter.
template <typename Visit>
void for_each_piece(const hgcm_svc_parm& parm, Visit visit) {
  if (is_ptr(parm)) {
    if (parm.u.ptr.size > 0) visit(static_cast<std::uint8_t*>(parm.u.ptr.addr), parm.u.ptr.size);
    return;
  }
  std::size_t left = parm.u.pages.size;
  for (std::uint16_t page = 0; page < parm.u.pages.count && left > 0; ++page) {
    auto* bytes = static_cast<std::uint8_t*>(parm.u.pages.pages[page]);
    const std::size_t offset = reinterpret_cast<std::uintptr_t>(bytes) % kPageSize;
    const std::size_t count = std::min(left, kPageSize - offset);
    visit(bytes, count);
    left -= count;
  }
}

void fill(const hgcm_svc_parm& parm, std::uint32_t seed) {
  std::uint32_t value = seed;
  for_each_piece(parm, [&](std::uint8_t* bytes, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i, value += 7) bytes[i] = static_cast<std::uint8_t>(value);
  });
}

class TestService {
 public:
  explicit TestService(hgcm_svc_helpers* helpers)
      : helpers_(helpers), timer_([this] { run_timer(); }) {}

  ~TestService() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    timer_changed_.notify_all();
    timer_.join();
    for (const auto& delayed : delayed_) complete(delayed.second, HGCM_ERR_INTERRUPTED);
    complete_parked([](const Parked&) { return true; }, HGCM_ERR_INTERRUPTED);
  }

  TestService(const TestService&) = delete;
  TestService& operator=(const TestService&) = delete;

  void disconnect(std::uint32_t client) {
    complete_parked([client](const Parked& parked) { return parked.client == client; },
                    HGCM_ERR_INTERRUPTED);
  }

  void cancelled(std::uint32_t client) {
    complete_parked(
        [&](const Parked& parked) {
          return parked.client == client && helpers_->is_call_cancelled(parked.call);
        },
        HGCM_ERR_CANCELLED);
  }

  void call(hgcm_svc_call_handle call, std::uint32_t client, std::uint32_t function,
            std::uint32_t count, hgcm_svc_parm* parms) {
    switch (function) {
      case kPark:
        if (count != 1 || !is_u32(parms[0])) break;
        park(call, client, parms[0].u.u32);
        return;
      case kDelay:
        if (count != 1 || !is_u32(parms[0])) break;
        delay(call, std::chrono::milliseconds(parms[0].u.u32));
        return;
      case kNever:
        return;
      case kTwice:
        complete(call, HGCM_INF_SUCCESS);
        complete(call, HGCM_INF_SUCCESS);
        return;
      case kWhoAmI:
        if (count != 2 || !is_u32(parms[0]) || !is_u32(parms[1])) break;
        parms[0].u.u32 = helpers_->get_requestor(call);
        parms[1].u.u32 = client;
        complete(call, HGCM_INF_SUCCESS);
        return;
      default:
        complete(call, immediate(function, count, parms));
        return;
    }
    complete(call, HGCM_ERR_INVALID_PARAMETER);
  }

  std::int32_t host_call(std::uint32_t function, std::uint32_t count, hgcm_svc_parm* parms) {
    switch (function) {
      case kHostRelease:
        if (count != 1 || !is_u32(parms[0])) return HGCM_ERR_INVALID_PARAMETER;
        release(parms[0].u.u32);
        return HGCM_INF_SUCCESS;
      case kHostCount: {
        if (count != 1 || !is_u32(parms[0])) return HGCM_ERR_INVALID_PARAMETER;
        const std::lock_guard lock(mutex_);
        parms[0].u.u32 = static_cast<std::uint32_t>(parked_.size());
        return HGCM_INF_SUCCESS;
      }
      default:
        return HGCM_ERR_NOT_SUPPORTED;
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Parked {
    hgcm_svc_call_handle call;
    std::uint32_t client;
    std::uint32_t key;
  };

  void complete(hgcm_svc_call_handle call, std::int32_t status) {
    helpers_->call_complete(call, status);
  }

  /// Functions that need nothing but their parameters.
  static std::int32_t immediate_buffers(std::uint32_t function, std::uint32_t count,
                                        hgcm_svc_parm* parms) {
    constexpr std::int32_t kBad = HGCM_ERR_INVALID_PARAMETER;
    switch (function) {
      case kEcho: {
        if (count != 2 || !is_ptr(parms[0]) || !is_ptr(parms[1])) return kBad;
        const std::uint32_t size = parms[0].u.ptr.size;
        if (parms[1].u.ptr.size < size) return HGCM_ERR_BUFFER_OVERFLOW;
        if (size > 0) std::memcpy(parms[1].u.ptr.addr, parms[0].u.ptr.addr, size);
        parms[1].u.ptr.size = size;
        return HGCM_INF_SUCCESS;
      }
      case kFill:
        if (count != 2 || !is_u32(parms[0]) || !is_buffer(parms[1])) return kBad;
        fill(parms[1], parms[0].u.u32);
        return HGCM_INF_SUCCESS;
      case kSum: {
        if (count != 2 || !is_buffer(parms[0]) || !is_u64(parms[1])) return kBad;
        std::uint64_t sum = 0;
        for_each_piece(parms[0], [&](const std::uint8_t* bytes, std::size_t size) {
          for (std::size_t i = 0; i < size; ++i) sum += bytes[i];
        });
        parms[1].u.u64 = sum;
        return HGCM_INF_SUCCESS;
      }
      case kInOut:
        if (count != 1 || !is_buffer(parms[0])) return kBad;
        for_each_piece(parms[0], [](std::uint8_t* bytes, std::size_t size) {
          for (std::size_t i = 0; i < size; ++i) bytes[i] ^= 0xff;
        });
        return HGCM_INF_SUCCESS;
      case kGrow:
        if (count != 1 || !is_ptr(parms[0])) return kBad;
        fill(parms[0], 0);
        parms[0].u.ptr.size = parms[0].u.ptr.size * 2 + 4096;
        return HGCM_INF_SUCCESS;
      case kShrink:
        if (count != 2 || !is_ptr(parms[0]) || !is_u32(parms[1])) return kBad;
        fill(parms[0], 0);
        parms[0].u.ptr.size = parms[1].u.u32;
        return HGCM_INF_SUCCESS;
      default:
        return HGCM_ERR_NOT_IMPLEMENTED;
    }
  }

  std::int32_t immediate(std::uint32_t function, std::uint32_t count, hgcm_svc_parm* parms) {
    constexpr std::int32_t kBad = HGCM_ERR_INVALID_PARAMETER;
    switch (function) {
      case kNoop:
        return HGCM_INF_SUCCESS;
      case kAdd:
        if (count != 3 || !is_u32(parms[0]) || !is_u64(parms[1]) || !is_u64(parms[2])) return kBad;
        parms[2].u.u64 = parms[0].u.u32 + parms[1].u.u64;
        parms[0].u.u32 += 1;
        return HGCM_INF_SUCCESS;
      case kRelease:
        if (count != 1 || !is_u32(parms[0])) return kBad;
        release(parms[0].u.u32);
        return HGCM_INF_SUCCESS;
      case kStatus:
        if (count != 1 || !is_u32(parms[0])) return kBad;
        return static_cast<std::int32_t>(parms[0].u.u32);
      case kNonsense:
        for (std::uint32_t i = 0; i < count; ++i)
          std::memset(&parms[i], static_cast<int>(0xa5 + i), sizeof(parms[i]));
        return HGCM_INF_SUCCESS;
      default:
        return immediate_buffers(function, count, parms);
    }
  }

  void park(hgcm_svc_call_handle call, std::uint32_t client, std::uint32_t key) {
    const std::lock_guard lock(mutex_);
    parked_.push_back({call, client, key});
  }

  void release(std::uint32_t key) {
    complete_parked([key](const Parked& parked) { return parked.key == key; }, HGCM_INF_SUCCESS);
  }

  template <typename Matches>
  void complete_parked(Matches matches, std::int32_t status) {
    std::vector<Parked> taken;
    {
      const std::lock_guard lock(mutex_);
      for (auto it = parked_.begin(); it != parked_.end();) {
        if (matches(*it)) {
          taken.push_back(*it);
          it = parked_.erase(it);
        } else {
          ++it;
        }
      }
    }
    for (const Parked& parked : taken) complete(parked.call, status);
  }

  void delay(hgcm_svc_call_handle call, std::chrono::milliseconds time) {
    {
      const std::lock_guard lock(mutex_);
      delayed_.emplace(Clock::now() + time, call);
    }
    timer_changed_.notify_one();
  }

  void run_timer() {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      if (delayed_.empty()) {
        timer_changed_.wait(lock);
        continue;
      }
      const auto due = delayed_.begin()->first;
      if (Clock::now() < due) {
        timer_changed_.wait_until(lock, due);
        continue;
      }
      const hgcm_svc_call_handle call = delayed_.begin()->second;
      delayed_.erase(delayed_.begin());
      lock.unlock();
      complete(call, HGCM_INF_SUCCESS);
      lock.lock();
    }
  }

  hgcm_svc_helpers* helpers_;
  std::mutex mutex_;
  std::condition_variable timer_changed_;
  std::vector<Parked> parked_;                                      // under mutex_
  std::multimap<Clock::time_point, hgcm_svc_call_handle> delayed_;  // under mutex_
  bool stopping_ = false;                                           // under mutex_
  std::thread timer_;                                               // last: uses all of the above
};

TestService& self(void* service) {
  return *static_cast<TestService*>(service);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) std::int32_t VBoxHGCMSvcLoad(
    hgcm_svc_table* table) {
  if (table == nullptr) return HGCM_ERR_INVALID_PARAMETER;
  if (table->size != HGCM_SVC_TABLE_SIZE || table->version != HGCM_SVC_VERSION)
    return HGCM_ERR_VERSION_MISMATCH;

  table->unload = [](void* service) -> std::int32_t {
    delete &self(service);
    return HGCM_INF_SUCCESS;
  };
  table->connect = [](void*, std::uint32_t, void*, std::uint32_t, bool) -> std::int32_t {
    return HGCM_INF_SUCCESS;
  };
  table->disconnect = [](void* service, std::uint32_t client, void*) -> std::int32_t {
    self(service).disconnect(client);
    return HGCM_INF_SUCCESS;
  };
  table->call = [](void* service, hgcm_svc_call_handle call, std::uint32_t client, void*,
                   std::uint32_t function, std::uint32_t count, hgcm_svc_parm* parms,
                   std::uint64_t) { self(service).call(call, client, function, count, parms); };
  table->cancelled = [](void* service, std::uint32_t client, void*) {
    self(service).cancelled(client);
  };
  table->host_call = [](void* service, std::uint32_t function, std::uint32_t count,
                        hgcm_svc_parm* parms) {
    return self(service).host_call(function, count, parms);
  };

  try {
    table->service = new TestService(table->helpers);
  } catch (...) {
    return HGCM_ERR_NO_MEMORY;
  }
  return HGCM_INF_SUCCESS;
}
