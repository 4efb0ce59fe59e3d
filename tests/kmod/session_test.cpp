// SPDX-License-Identifier: MIT
//
// Sessions: whose clients are whose, how many there may be, what a close cleans up; and many
// callers at once, also on one structure.
#include "driver.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <thread>

namespace kmod_test {
namespace {

constexpr std::size_t kClientsPerSession = 64;

TEST(Connect, unknown_service_is_a_status) {
  const Session session;
  const Session::Connected result = session.connect("NoSuchService");
  EXPECT_EQ(result.error, 0);
  EXPECT_EQ(result.status, kServiceNotFound);
  EXPECT_EQ(result.client, 0U);
}

TEST(Connect, name_without_end_is_a_status) {
  const Session session;
  vbg_ioctl_hgcm_connect request{};
  request.hdr = header(sizeof(request), sizeof(request.hdr) + sizeof(request.u.out));
  request.u.in.loc.type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
  std::memset(request.u.in.loc.u.localhost.service_name, 'x', 128);
  EXPECT_EQ(session.control(VBG_IOCTL_HGCM_CONNECT, &request), 0);
  EXPECT_LT(request.hdr.rc, 0);
}

TEST(Connect, session_has_room_for_64_clients) {
  const Session session;
  std::vector<std::uint32_t> clients;
  for (std::size_t i = 0; i < kClientsPerSession; i++) {
    clients.push_back(session.test_client());
  }
  EXPECT_EQ(session.connect(kTestService).error, EMFILE);
  EXPECT_EQ(session.disconnect(clients[10]), 0);
  EXPECT_NE(session.test_client(), 0U);
  EXPECT_EQ(session.connect(kTestService).error, EMFILE);
}

TEST(Connect, refused_connects_take_no_room) {
  const Session session;
  for (std::size_t i = 0; i < 2 * kClientsPerSession; i++) {
    EXPECT_EQ(session.connect("NoSuchService").status, kServiceNotFound);
  }
  EXPECT_NE(session.test_client(), 0U);
}

TEST(Connect, ten_thousand_connects_leave_nothing_behind) {
  const Session session;
  for (int i = 0; i < 10000; i++) {
    const std::uint32_t client = session.test_client();
    ASSERT_EQ(session.disconnect(client), 0);
  }
}

TEST(Connect, close_disconnects_so_that_the_service_has_room) {
  // More clients in all than the host lets one service have.
  for (int round = 0; round < 40; round++) {
    const Session session;
    for (std::size_t i = 0; i < kClientsPerSession; i++) {
      ASSERT_NE(session.test_client(), 0U);
    }
  }
}

TEST(Clients, foreign_client_is_refused) {
  const Session owner;
  const Session other;
  const std::uint32_t client = owner.test_client();
  EXPECT_EQ(Call(client, kNoop).run(other), EINVAL);
  EXPECT_EQ(other.disconnect(client), EINVAL);
  EXPECT_EQ(Call(client, kNoop).status(owner), 0);
}

TEST(Clients, invalid_client_is_refused) {
  const Session session;
  const std::uint32_t client = session.test_client();
  for (const std::uint32_t id : {0U, UINT32_MAX, client + 1}) {
    EXPECT_EQ(Call(id, kNoop).run(session), EINVAL) << id;
    EXPECT_EQ(session.disconnect(id), EINVAL) << id;
  }
}

TEST(Clients, disconnected_client_is_gone) {
  const Session session;
  const std::uint32_t client = session.test_client();
  std::int32_t status = -1;
  EXPECT_EQ(session.disconnect(client, &status), 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(Call(client, kNoop).run(session), EINVAL);
  EXPECT_EQ(session.disconnect(client), EINVAL);
}

TEST(Clients, only_one_of_two_disconnects_succeeds) {
  const Session session;
  for (int i = 0; i < 100; i++) {
    const std::uint32_t client = session.test_client();
    std::atomic<int> succeeded = 0;
    auto disconnect = [&] { succeeded += session.disconnect(client) == 0 ? 1 : 0; };
    std::thread other(disconnect);
    disconnect();
    other.join();
    EXPECT_EQ(succeeded, 1);
  }
}

TEST(Threads, sixty_four_callers_get_their_own_answers) {
  const Session session;
  std::vector<std::thread> threads;
  std::atomic<int> wrong = 0;
  for (std::uint32_t t = 0; t < 64; t++) {
    threads.emplace_back([&, t] {
      const std::uint32_t client = session.test_client();
      for (std::uint32_t i = 0; i < 50; i++) {
        Call add(client, kAdd);
        add.u32(t).u64(i).u64(0);
        if (add.run(session) != 0 || add.head().hdr.rc != 0 || add.value64(2) != t + i) {
          wrong++;
        }
        const std::vector<std::uint8_t> sent = pattern(1 + 300 * (i % 30), t * 100 + i);
        std::vector<std::uint8_t> back(sent.size());
        Call echo(client, kEcho);
        if (echo.in(sent).out(back).run(session) != 0 || back != sent) {
          wrong++;
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, calls_complete_in_any_order) {
  const Session session;
  const std::uint32_t client = session.test_client();
  std::atomic<bool> parked_done = false;
  std::thread parked([&] {
    EXPECT_EQ(Call(client, kPark).u32(2001).status(session), 0);
    parked_done = true;
  });
  for (int i = 0; i < 200; i++) {
    EXPECT_EQ(Call(client, kNoop).status(session), 0);
  }
  EXPECT_FALSE(parked_done);
  while (!parked_done) {
    EXPECT_EQ(Call(client, kRelease).u32(2001).status(session), 0);
  }
  parked.join();
}

// Whatever the call makes of a structure in flux, the host writes only where the call says. So the
// bytes that change are those that keep a buffer inside an area of its own, or reach a hole.
TEST(Threads, structure_changed_during_the_call_harms_nobody) {
  constexpr std::size_t kArea = 32U << 20U;
  constexpr std::size_t kHole = 512U << 20U;
  void* memory = mmap(nullptr, 2 * kArea + kHole, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  const std::uintptr_t area = (reinterpret_cast<std::uintptr_t>(memory) + kArea - 1) & ~(kArea - 1);
  auto* data = reinterpret_cast<std::uint8_t*>(area);
  ASSERT_EQ(mprotect(data, kArea, PROT_READ | PROT_WRITE), 0);

  const Session session;
  const std::uint32_t client = session.test_client();
  Call call(client, kInOut, 2000);  // ms: a changed function may be one that never ends
  call.inout({data, 20000});
  const std::vector<std::uint8_t> good = call.bytes();
  constexpr std::size_t kAddress = sizeof(vbg_ioctl_hgcm_call) + 8;

  std::atomic<bool> stop = false;
  std::thread changer([&] {
    volatile std::uint8_t* bytes = call.bytes().data();
    std::uint32_t state = 1;
    while (!stop) {
      state = state * 1664525U + 1013904223U;
      // Anything but the header's version, so that most calls get beyond the first check.
      const std::size_t at = 8 + (state >> 8U) % (kAddress + 3 - 8);
      bytes[at] = static_cast<std::uint8_t>(state >> 24U);
      bytes[at] = good[at];
    }
  });
  // By time too: the kernel's own driver copies large buffers, and some functions never end.
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(4);
  for (int i = 0; i < 2000 && std::chrono::steady_clock::now() < end; i++) {
    call.head().hdr = header(good.size(), good.size());
    const int error = session.control(VBG_IOCTL_HGCM_CALL_64(good.size()), call.bytes().data());
    EXPECT_TRUE(error == 0 || error == EINVAL || error == EFAULT || error == E2BIG ||
                error == ETIMEDOUT || error == ENOMEM)
        << error;
  }
  stop = true;
  changer.join();
  EXPECT_EQ(Call(client, kNoop).status(session), 0);
  munmap(memory, 2 * kArea + kHole);
}

/// Runs the function in a child of its own and kills that while it is inside.
template <typename Child>
void kill_inside(Child child) {
  int started[2];
  ASSERT_EQ(pipe(started), 0);
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    child(started[1]);
    _exit(0);
  }
  char byte = 0;
  ASSERT_EQ(read(started[0], &byte, 1), 1);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  kill(pid, SIGKILL);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFSIGNALED(status));
  ::close(started[0]);
  ::close(started[1]);
}

TEST(Kill, process_in_a_call_dies_and_its_clients_go) {
  for (int i = 0; i < 10; i++) {
    kill_inside([](int started) {
      const Session session;
      const std::uint32_t client = session.test_client();
      std::vector<std::uint8_t> data(100000);
      if (write(started, "x", 1) != 1) {
        _exit(1);
      }
      Call(client, kNever).u32(1).inout(data).run(session);
    });
  }
  const Session session;
  EXPECT_EQ(Call(session.test_client(), kNoop).status(session), 0);
  if (driver_is_ours()) {
    EXPECT_EQ(counter("pinned_pages"), 0U);
    EXPECT_EQ(counter("leaked"), 0U);
  }
}

TEST(Kill, process_with_many_parked_threads_dies) {
  kill_inside([](int started) {
    const Session session;
    const std::uint32_t client = session.test_client();
    std::vector<std::thread> threads;
    for (int i = 0; i < 32; i++) {
      threads.emplace_back([&] { Call(client, kPark).u32(3001).run(session); });
    }
    if (write(started, "x", 1) != 1) {
      _exit(1);
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  });
  const Session session;
  EXPECT_EQ(Call(session.test_client(), kNoop).status(session), 0);
}

TEST(Fork, child_keeps_the_session_open) {
  Session session;
  const std::uint32_t client = session.test_client();
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    _exit(Call(client, kNoop).run(session));
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(Call(client, kNoop).status(session), 0);
}

}  // namespace
}  // namespace kmod_test
