// SPDX-License-Identifier: MIT
//
// adversary: offers a VMMDev that lies (liar.h) on a vfio-user socket, in the place of vmmdevd. For
// tests of the guest's driver: tests/vm/cases/adversary. The services behind it are honest.
//
//   adversary --socket PATH --service NAME=FILE... [--seed N] [--percent N] [--honest N]
//
// The seed is printed; HGCM_ADVERSARY_SEED in the environment takes the place of --seed. SIGTERM
// ends it, with what it did on standard error.
#include "liar.h"

#include "hgcm/service_host.h"
#include "vmmdevd/backend.h"
#include "vmmdevd/options.h"

#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

using adversary::Liar;
using adversary::Lies;

void print(const Lies& lies) {
  std::fprintf(
      stderr,
      "adversary: %llu requests: %llu passed, %llu tampered with, %llu refused, %llu "
      "ignored, %llu early, %llu late, %llu never, %llu cancels; %llu interrupts\n",
      static_cast<unsigned long long>(lies.requests), static_cast<unsigned long long>(lies.passed),
      static_cast<unsigned long long>(lies.tampered), static_cast<unsigned long long>(lies.refused),
      static_cast<unsigned long long>(lies.ignored), static_cast<unsigned long long>(lies.early),
      static_cast<unsigned long long>(lies.late), static_cast<unsigned long long>(lies.never),
      static_cast<unsigned long long>(lies.cancels),
      static_cast<unsigned long long>(lies.interrupts));
}

}  // namespace

int main(int argc, char** argv) {
  hgcm::vmmdevd::Options options;
  std::vector<std::string> services;
  std::uint64_t seed = 1;
  unsigned percent = 30;
  unsigned honest = 60;
  CLI::App app("A VMMDev that lies to its guest");
  app.add_option("--socket", options.socket)->required();
  app.add_option("--service", services, "NAME=FILE");
  app.add_option("--seed", seed);
  app.add_option("--percent", percent, "of the requests that are lied about")
      ->check(CLI::Range(0, 100));
  app.add_option("--honest", honest, "requests after power on that are not");
  CLI11_PARSE(app, argc, argv);
  if (const char* other = std::getenv("HGCM_ADVERSARY_SEED"); other != nullptr) {
    seed = std::strtoull(other, nullptr, 0);
  }
  std::fprintf(stderr, "adversary: seed %llu\n", static_cast<unsigned long long>(seed));

  // Before the first thread: all of them leave the signals to this one.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  hgcm::host::ServiceHost host{{}};
  for (const std::string& service : services) {
    const std::size_t equal = service.find('=');
    std::string detail;
    if (equal == std::string::npos ||
        host.load(service.substr(0, equal), service.substr(equal + 1), &detail).failed()) {
      std::fprintf(stderr, "adversary: cannot load %s %s\n", service.c_str(), detail.c_str());
      return 1;
    }
  }
  auto server = hgcm::vfio_user::Server::create(hgcm::vmmdevd::server_options(options));
  if (!server) {
    std::fprintf(stderr, "adversary: %s\n", server.error().to_string().c_str());
    return 1;
  }
  hgcm::vmmdev::Device device((*server)->guest_memory(), (*server)->interrupt_line(), host,
                              (*server)->bar_memory(hgcm::vmmdevd::kMemoryBar), {});
  Liar liar(device, **server, seed, percent, honest);
  if ((*server)->start(liar).failed()) {
    std::fprintf(stderr, "adversary: cannot listen on %s\n", options.socket.c_str());
    return 1;
  }

  const timespec pause{.tv_sec = 0, .tv_nsec = 2'000'000};
  while (sigtimedwait(&signals, nullptr, &pause) < 0) {
    liar.tick();
  }
  (*server)->stop();
  print(liar.lies());
  return 0;
}
