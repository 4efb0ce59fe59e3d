// SPDX-License-Identifier: MIT
//
// mount.vboxsf: mounts a shared folder of the host. The helper that `mount -t vboxsf` calls; also
// takes the command line of VirtualBox's helper of this name. See mount.vboxsf(8).
#include <iconv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "common/tool.h"
#include "mount.vboxsf/attach.h"
#include "mount.vboxsf/request.h"
#include "mount.vboxsf/shares.h"

namespace {

// mount(8)'s.
enum MountExit : int { kMounted = 0, kUsage = 1, kFailed = 32 };

constexpr const char* kUsageText =
    R"text(usage: mount.vboxsf [-w] [-r] [-v] [-f] [-s] [-n] [-o OPTION,...] SHARE DIRECTORY

  -r, -w    mount read-only, read-write (what the host allows)
  -v        say what is done
  -f        check the command line only
  -s        leave out options that are not known
  -n        (no effect: the kernel keeps the table of mounts)

Options of the file system (see mount.vboxsf(8)):
  uid=USER  gid=GROUP  dmode=MODE  fmode=MODE  dmask=MODE  fmask=MODE  umask=MODE
  cache=none|strict|auto|always  ttl=MS  dcachettl=MS  inodettl=MS
  iocharset=SET  nls=SET  convertcp=SET  maxiopages=N  dirbuf=BYTES  tag=TEXT
)text";

// The share's name in UTF-8.
bool convert(std::string& text, const std::string& from) {
  if (from.empty()) return true;
  iconv_t converter = iconv_open("UTF-8", from.c_str());
  if (converter == reinterpret_cast<iconv_t>(-1)) return false;
  std::string result(text.size() * 4 + 16, '\0');
  char* in = text.data();
  char* out = result.data();
  std::size_t in_left = text.size(), out_left = result.size();
  const bool good =
      iconv(converter, &in, &in_left, &out, &out_left) != static_cast<std::size_t>(-1);
  iconv_close(converter);
  result.resize(result.size() - out_left);
  if (good) text = result;
  return good;
}

void say(std::FILE* stream, const std::string& text) {
  std::fprintf(stream, "mount.vboxsf: %s\n",
               hgcm::tool::shown(text, isatty(fileno(stream)) != 0).c_str());
}

// What can be said about an unknown share by asking the host ourselves.
std::string shares_text(const std::string& wanted) {
  auto environment = hgcm::tool::real_environment();
  std::string detail;
  const auto device = environment.open(hgcm::DeviceNode::kAny, &detail);
  if (!device) return {};
  const auto names = hgcm::mount::shares(**device);
  if (!names) return {};
  std::string list;
  for (const auto& name : *names) {
    if (name == wanted) return {};
    list += (list.empty() ? "" : ", ") + name;
  }
  return "share '" + wanted + "' does not exist; the host offers " +
         (list.empty() ? "none" : "these: " + list);
}

int explain(const hgcm::mount::Request& request, const hgcm::mount::Outcome& outcome) {
  if (!outcome.message.empty()) {
    say(stderr, outcome.message);
    return kFailed;
  }
  std::string text;
  if (outcome.error == ENXIO || outcome.error == ENOENT || outcome.error == EPROTO)
    text = shares_text(request.share);
  if (text.empty() && outcome.error == ENODEV)
    text = "this kernel has no vboxsf, or there is no VMMDev device";
  if (text.empty()) {
    text = "cannot mount '" + request.share + "' on " + request.directory + ": " +
           std::strerror(outcome.error);
  }
  say(stderr, text);
  return kFailed;
}

int run(const std::vector<std::string>& arguments) {
  hgcm::mount::Refusal refusal;
  auto request = hgcm::mount::parse(arguments, refusal);
  if (!request) {
    say(stderr, refusal.message);
    std::fputs(kUsageText, stderr);
    return kUsage;
  }
  if (request->help) {
    std::fputs(kUsageText, stdout);
    return kMounted;
  }
  if (!convert(request->share, request->convert_from)) {
    say(stderr, "the share's name is not valid in '" + request->convert_from + "'");
    return kUsage;
  }
  if (request->verbose) {
    say(stdout, "'" + request->share + "' on " + request->directory + ", options '" +
                    hgcm::mount::joined(request->options) + "'");
  }
  if (request->fake) return kMounted;
  const auto outcome = hgcm::mount::attach(*request);
  if (outcome.error != 0) return explain(*request, outcome);
  if (!outcome.message.empty()) say(stderr, outcome.message);
  if (request->verbose) say(stdout, outcome.note);
  return kMounted;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(std::vector<std::string>(argv + 1, argv + argc));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mount.vboxsf: %s\n", error.what());
    return kFailed;
  }
}
