// SPDX-License-Identifier: MIT
//
// Every ioctl of <linux/vboxguest.h>, once, through one node, by one kind of caller: which get
// through, with which errno or status. Built for 64 and for 32 bits, so that a 32-bit process on a
// 64-bit kernel is tried too. Deliberately without the test library (there is none for 32 bits) and
// without libhgcm; what an ioctl does in detail is the business of tests/kmod.
//
//   ioctl-matrix NODE ours|stock     prints PASS or FAIL and a name for each row
#include <fcntl.h>
#include <linux/vboxguest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

namespace {

constexpr std::size_t kHeader = sizeof(vbg_ioctl_hdr);
constexpr unsigned kReadWrite = _IOC_READ | _IOC_WRITE;
constexpr const char* kTestService = "HgcmTestSvc";
constexpr std::uint32_t kAdd = 3;

int failures = 0;

void row(const char* name, bool good, int found) {
  std::printf("%s %s.%zu-bit%s\n", good ? "PASS" : "FAIL", name, 8 * sizeof(void*),
              good ? "" : (" got " + std::to_string(found)).c_str());
  failures += good ? 0 : 1;
}

class Node {
 public:
  explicit Node(const char* path) : fd_(open(path, O_RDWR | O_CLOEXEC)) {}
  ~Node() { close(fd_); }
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  [[nodiscard]] bool is_open() const { return fd_ >= 0; }
  int control(unsigned long number, void* argument) const {
    return ioctl(fd_, number, argument) == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

void prepare(vbg_ioctl_hdr& hdr, std::size_t in, std::size_t out) {
  hdr.size_in = static_cast<std::uint32_t>(in);
  hdr.version = VBG_IOCTL_HDR_VERSION;
  hdr.type = VBG_IOCTL_HDR_TYPE_DEFAULT;
  hdr.size_out = static_cast<std::uint32_t>(out);
}

/// An ioctl with a structure of its own; both sizes are those of the interface.
template <typename Request>
int fixed(const Node& node, unsigned long number, Request& request, std::size_t in,
          std::size_t out) {
  prepare(request.hdr, in, out);
  return node.control(number, &request);
}

/// A device request with a body of zeroes.
template <std::size_t kBody>
struct DeviceRequest {
  vbg_ioctl_hdr hdr{};
  std::uint8_t body[kBody]{};

  int run(const Node& node, unsigned long number, std::uint32_t type) {
    prepare(hdr, sizeof(*this), sizeof(*this));
    hdr.type = type;
    return node.control(number, this);
  }
};

template <typename Parameter>
struct Sum {
  vbg_ioctl_hgcm_call head{};
  Parameter parms[3]{};

  Sum(std::uint32_t client, unsigned first, std::uint64_t second) {
    head.client_id = client;
    head.function = kAdd;
    head.timeout_ms = UINT32_MAX;
    head.parm_count = 3;
    parms[0].type = VMMDEV_HGCM_PARM_TYPE_32BIT;
    parms[0].u.value32 = first;
    parms[1].type = VMMDEV_HGCM_PARM_TYPE_64BIT;
    parms[1].u.value64 = second;
    parms[2].type = VMMDEV_HGCM_PARM_TYPE_64BIT;
  }
  int run(const Node& node, unsigned long number) {
    prepare(head.hdr, sizeof(*this), sizeof(*this));
    return node.control(number, this);
  }
};
using Sum32 = Sum<vmmdev_hgcm_function_parameter32>;
using Sum64 = Sum<vmmdev_hgcm_function_parameter64>;
static_assert(sizeof(Sum32) == 76 && sizeof(Sum64) == 88, "padded");

void device_requests(const Node& node, bool trusted) {
  DeviceRequest<8> time;
  int error = time.run(node, VBG_IOCTL_VMMDEV_REQUEST(sizeof(time)), VMMDEVREQ_GET_HOST_TIME);
  row("VMMDEV_REQUEST", error == 0 && time.hdr.rc == 0, error);
  error = time.run(node, VBG_IOCTL_VMMDEV_REQUEST_BIG, VMMDEVREQ_GET_HOST_TIME);
  row("VMMDEV_REQUEST_BIG", error == 0 && time.hdr.rc == 0, error);
  error = time.run(node, _IOC(kReadWrite, 'V', 3, 0), VMMDEVREQ_GET_HOST_TIME);
  row("VMMDEV_REQUEST_BIG_alternate", error == 0 && time.hdr.rc == 0, error);

  DeviceRequest<8> statistics;
  error = statistics.run(node, VBG_IOCTL_VMMDEV_REQUEST(sizeof(statistics)),
                         VMMDEVREQ_GET_STATISTICS_CHANGE_REQ);
  row("VMMDEV_REQUEST_trusted", error == (trusted ? 0 : EPERM), error);
  DeviceRequest<8> own;
  error = own.run(node, VBG_IOCTL_VMMDEV_REQUEST(sizeof(own)), VMMDEVREQ_SET_GUEST_CAPABILITIES);
  row("VMMDEV_REQUEST_of_the_driver", error == EPERM, error);
}

void calls(const Node& node, bool ours) {
  vbg_ioctl_hgcm_connect connect{};
  connect.u.in.loc.type = VMMDEV_HGCM_LOC_LOCALHOST_EXISTING;
  std::strcpy(connect.u.in.loc.u.localhost.service_name, kTestService);
  int error = fixed(node, VBG_IOCTL_HGCM_CONNECT, connect, kHeader + sizeof(connect.u.in),
                    kHeader + sizeof(connect.u.out));
  row("HGCM_CONNECT", error == 0 && connect.hdr.rc == 0, error);
  const std::uint32_t client = connect.u.out.client_id;

  Sum64 wide(client, 7, 0x200000000ULL);
  error = wide.run(node, VBG_IOCTL_HGCM_CALL_64(sizeof(wide)));
  row("HGCM_CALL_64", error == 0 && wide.parms[2].u.value64 == 0x200000007ULL, error);
  // The kernel's own driver brings back every other parameter of this form, and overruns memory.
  if (ours) {
    Sum32 narrow(client, 7, 0x200000000ULL);
    error = narrow.run(node, VBG_IOCTL_HGCM_CALL_32(sizeof(narrow)));
    row("HGCM_CALL_32", error == 0 && narrow.parms[2].u.value64 == 0x200000007ULL, error);
  }
  // The form that a program means when it does not say: that of its own width.
  vbg_ioctl_hgcm_call native{};
  native.client_id = client;
  native.function = 1;
  native.timeout_ms = UINT32_MAX;
  error = fixed(node, VBG_IOCTL_HGCM_CALL(sizeof(native)), native, sizeof(native), sizeof(native));
  row("HGCM_CALL", error == 0 && native.hdr.rc == 0, error);

  vbg_ioctl_hgcm_disconnect disconnect{};
  disconnect.u.in.client_id = client;
  error = fixed(node, VBG_IOCTL_HGCM_DISCONNECT, disconnect, sizeof(disconnect), kHeader);
  row("HGCM_DISCONNECT", error == 0 && disconnect.hdr.rc == 0, error);
}

void events_and_capabilities(const Node& node) {
  vbg_ioctl_wait_for_events wait{};
  wait.u.in.events = 0x100;
  int error = fixed(node, VBG_IOCTL_WAIT_FOR_EVENTS, wait, kHeader + sizeof(wait.u.in),
                    kHeader + sizeof(wait.u.out));
  row("WAIT_FOR_EVENTS", error == ETIMEDOUT, error);
  vbg_ioctl_change_filter filter{};
  filter.u.in.or_mask = 0x100;
  error = fixed(node, VBG_IOCTL_CHANGE_FILTER_MASK, filter, sizeof(filter), kHeader);
  row("CHANGE_FILTER_MASK", error == 0, error);
  vbg_ioctl_acquire_guest_caps acquire{};
  error = fixed(node, VBG_IOCTL_ACQUIRE_GUEST_CAPABILITIES, acquire, sizeof(acquire), kHeader);
  row("ACQUIRE_GUEST_CAPABILITIES", error == 0, error);
  vbg_ioctl_set_guest_caps caps{};
  caps.u.in.or_mask = 4;
  error = fixed(node, VBG_IOCTL_CHANGE_GUEST_CAPABILITIES, caps, sizeof(caps), sizeof(caps));
  row("CHANGE_GUEST_CAPABILITIES", error == 0 && caps.u.out.session_caps == 4, error);
  struct {
    vbg_ioctl_hdr hdr;
  } interrupt{};
  error = fixed(node, VBG_IOCTL_INTERRUPT_ALL_WAIT_FOR_EVENTS, interrupt, kHeader, kHeader);
  row("INTERRUPT_ALL_WAIT_FOR_EVENTS", error == 0, error);
}

void others(const Node& node, bool ours) {
  vbg_ioctl_driver_version_info version{};
  version.u.in.req_version = VBG_IOC_VERSION;
  version.u.in.min_version = 0x00010000;
  int error = fixed(node, VBG_IOCTL_DRIVER_VERSION_INFO, version, kHeader + sizeof(version.u.in),
                    kHeader + sizeof(version.u.out));
  row("DRIVER_VERSION_INFO", error == 0 && version.u.out.session_version == VBG_IOC_VERSION, error);

  struct {
    vbg_ioctl_hdr hdr;
    char text[8];
  } log{};
  std::memcpy(log.text, "matrix", 7);
  error = fixed(node, VBG_IOCTL_LOG(0), log, sizeof(log), kHeader);
  row("LOG", error == 0, error);
  error = fixed(node, _IOC(kReadWrite, 'V', 9, sizeof(log)), log, sizeof(log), kHeader);
  row("LOG_alternate", error == 0, error);

  vbg_ioctl_check_balloon balloon{};
  error = fixed(node, VBG_IOCTL_CHECK_BALLOON, balloon, kHeader, sizeof(balloon));
  row("CHECK_BALLOON", error == 0 && balloon.u.out.handle_in_r3 == 0, error);
  vbg_ioctl_write_coredump dump{};
  error = fixed(node, VBG_IOCTL_WRITE_CORE_DUMP, dump, sizeof(dump), kHeader);
  row("WRITE_CORE_DUMP", error == 0, error);

  // VirtualBox's own driver has these; those that are left out are for other drivers or Windows.
  struct {
    vbg_ioctl_hdr hdr;
    std::uint32_t features;
  } mouse{};
  mouse.features = 0x11;
  error = fixed(node, _IOC(kReadWrite, 'V', 15, sizeof(mouse)), mouse, sizeof(mouse), kHeader);
  row("SET_MOUSE_STATUS", error == (ours ? 0 : ENOTTY), error);
  for (const unsigned number : {1U, 8U, 16U, 18U, 20U, 61U, 62U, 63U}) {
    struct {
      vbg_ioctl_hdr hdr;
      std::uint8_t rest[16];
    } unknown{};
    error = fixed(node, _IOC(kReadWrite, 'V', number, sizeof(unknown)), unknown, sizeof(unknown),
                  sizeof(unknown));
    row(("number_" + std::to_string(number)).c_str(), error == ENOTTY, error);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: ioctl-matrix NODE ours|stock\n", stderr);
    return 2;
  }
  const Node node(argv[1]);
  if (!node.is_open()) {
    std::perror(argv[1]);
    return 1;
  }
  const bool ours = std::strcmp(argv[2], "ours") == 0;
  device_requests(node, std::strcmp(argv[1], "/dev/vboxguest") == 0);
  calls(node, ours);
  events_and_capabilities(node);
  others(node, ours);
  return failures == 0 ? 0 : 1;
}
