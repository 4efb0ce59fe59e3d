// SPDX-License-Identifier: MIT
//
// Example: sets a guest property and waits until the host answers with another. docs/library.md
// explains it.
#include <hgcm/guest_properties.h>

#include <cstdio>
#include <string>

int main() {
  std::string detail;
  auto device = hgcm::open_device({}, &detail);
  if (!device) {
    std::fprintf(stderr, "%s\n", detail.c_str());
    return 1;
  }
  auto properties = hgcm::GuestProperties::connect(**device);
  if (!properties) {
    std::fprintf(stderr, "no guest properties: %s\n", properties.error().to_string().c_str());
    return 1;
  }

  if (auto set = properties->set("/example/ready", "1", "TRANSIENT"); !set) {
    std::fprintf(stderr, "cannot set: %s\n", set.error().to_string().c_str());
    return 1;
  }
  // Counting from our own change, nothing that the host does after it can be missed.
  const auto ready = properties->get("/example/ready");
  if (!ready) {
    return 1;
  }
  const auto answer = properties->wait(
      "/example/answer", {.since = ready->timestamp, .timeout = std::chrono::seconds(30)});
  if (!answer) {
    std::fprintf(stderr, "no answer: %s\n", answer.error().to_string().c_str());
    return 1;
  }
  std::printf("the host says: %s\n", answer->value.c_str());
  return 0;
}
