// SPDX-License-Identifier: MIT
//
// See confine.h. The descriptor of a directory alone would not do: its ".." leads out. So
// directories come as detached mounts, whose root has no parent.
#include "sandbox/confine.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <linux/prctl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

namespace hgcm::sandbox {
namespace {

using vfio_user::UniqueFd;

// What glibc's header may lack.
constexpr unsigned kOpenTreeClone = 1;
constexpr unsigned kMoveMountEmptyPath = 4;
constexpr unsigned kRecursive = 0x8000;

bool failed(std::string& detail, std::string_view what) {
  detail = std::string(what) + ": " + std::strerror(errno);
  return false;
}

bool has_capability(unsigned capability) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  return ::syscall(SYS_capget, &header, data.data()) == 0 &&
         (data.at(capability / 32).effective & (1U << (capability % 32))) != 0;
}

/// The root user's files are everybody's; nothing else of its power is of use here.
bool drop_capabilities(bool keep_those_for_files) {
  std::array<__user_cap_data_struct, 2> data{};
  if (keep_those_for_files) {
    data[0].effective = data[0].permitted =
        1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER | 1U << CAP_FSETID;
  }
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability) {
    // Not allowed without CAP_SETPCAP, and then not needed: there is nothing left to gain by exec.
    (void)::prctl(PR_CAPBSET_DROP, capability);
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  return ::syscall(SYS_capset, &header, data.data()) == 0;
}

bool write_file(const char* path, std::string_view text) {
  const UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

/// A mount namespace that we may change. Without rights over the one there is, it takes a user
/// namespace, in which we remain who we are.
bool own_mounts(std::string& detail) {
  if (has_capability(CAP_SYS_ADMIN)) {
    return ::unshare(CLONE_NEWNS) == 0 || failed(detail, "a mount namespace");
  }
  const std::string user = std::to_string(::geteuid());
  const std::string group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return failed(detail, "a user namespace");
  if (!write_file("/proc/self/setgroups", "deny") ||
      !write_file("/proc/self/uid_map", user + " " + user + " 1") ||
      !write_file("/proc/self/gid_map", group + " " + group + " 1")) {
    return failed(detail, "the ids of a user namespace");
  }
  return true;
}

/// A root directory with nothing in it but this process's own descriptors, for those who need a
/// name for one (/proc/self/fd).
bool empty_root(std::string& detail) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return failed(detail, "mounts of our own");
  }
  const UniqueFd descriptors(static_cast<int>(
      ::syscall(SYS_open_tree, AT_FDCWD, "/proc/self/fd", kOpenTreeClone | O_CLOEXEC)));
  if (!descriptors) return failed(detail, "/proc/self/fd");
  // On top of something that is surely there.
  constexpr unsigned long kFlags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("none", "/proc", "tmpfs", kFlags, "size=64k,mode=555") != 0 ||
      ::chdir("/proc") != 0 || ::mkdir("proc", 0555) != 0 || ::mkdir("proc/self", 0555) != 0 ||
      ::mkdir("proc/self/fd", 0555) != 0) {
    return failed(detail, "a root directory");
  }
  if (::syscall(SYS_move_mount, descriptors.get(), "", AT_FDCWD, "proc/self/fd",
                kMoveMountEmptyPath) != 0) {
    return failed(detail, "descriptors by name");
  }
  // The old root lands on top of the new one, and goes.
  if (::syscall(SYS_pivot_root, ".", ".") != 0 || ::umount2(".", MNT_DETACH) != 0 ||
      ::chdir("/") != 0) {
    return failed(detail, "the change of the root directory");
  }
  return ::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND | MS_RDONLY | kFlags, nullptr) == 0 ||
         failed(detail, "a root directory that cannot be written");
}

/// What files, directories, memory, threads and their synchronisation take. Where no file can be
/// named but beneath a descriptor that was given, opening is harmless.
constexpr std::array kAllowed = {
    // Files.
    SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(close), SCMP_SYS(close_range), SCMP_SYS(read),
    SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(preadv), SCMP_SYS(preadv2), SCMP_SYS(write),
    SCMP_SYS(writev), SCMP_SYS(pwrite64), SCMP_SYS(pwritev), SCMP_SYS(pwritev2), SCMP_SYS(lseek),
    SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
    SCMP_SYS(sync_file_range), SCMP_SYS(copy_file_range), SCMP_SYS(fadvise64), SCMP_SYS(readahead),
    SCMP_SYS(fcntl), SCMP_SYS(flock), SCMP_SYS(dup), SCMP_SYS(dup3),
    // Names and attributes.
    SCMP_SYS(getdents64), SCMP_SYS(statx), SCMP_SYS(newfstatat), SCMP_SYS(fstat), SCMP_SYS(fstatfs),
    SCMP_SYS(unlinkat), SCMP_SYS(mkdirat), SCMP_SYS(renameat), SCMP_SYS(renameat2),
    SCMP_SYS(symlinkat), SCMP_SYS(readlinkat), SCMP_SYS(linkat), SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2), SCMP_SYS(fchmod), SCMP_SYS(fchmodat), SCMP_SYS(fchown),
    SCMP_SYS(utimensat), SCMP_SYS(inotify_init1), SCMP_SYS(inotify_add_watch),
    SCMP_SYS(inotify_rm_watch),
    // Descriptors from the socket there is; there is no way to another.
    SCMP_SYS(recvmsg), SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(eventfd2),
    // Memory; execution is excluded below.
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(mincore),
    // Threads.
    SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address),
    SCMP_SYS(gettid), SCMP_SYS(getpid), SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(membarrier), SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(getrandom), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(umask), SCMP_SYS(sysinfo), SCMP_SYS(getrusage)};

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HGCM_SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HGCM_SANITIZED 1
#endif
#ifdef HGCM_SANITIZED
/// Sanitizers find out with a pipe whether there is memory at an address.
constexpr std::array kAllowedToSanitizers = {SCMP_SYS(pipe), SCMP_SYS(pipe2)};
#else
constexpr std::array<int, 0> kAllowedToSanitizers{};
#endif

/// libseccomp's own macros for it are C's.
constexpr scmp_arg_cmp argument(unsigned index, scmp_compare how, scmp_datum_t value,
                                scmp_datum_t other = 0) {
  return {index, how, value, other};
}

bool add_rules(scmp_filter_ctx filter) {
  for (const int call : kAllowed) {
    if (::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  for (const int call : kAllowedToSanitizers) {
    if (::seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) != 0) return false;
  }
  constexpr scmp_datum_t kThreadFlags = CLONE_VM | CLONE_THREAD | CLONE_SIGHAND;
  const auto own = static_cast<scmp_datum_t>(::getpid());
  const auto not_executable = argument(2, SCMP_CMP_MASKED_EQ, PROT_EXEC);
  return ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable) == 0 &&
         ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, not_executable) == 0 &&
         ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            argument(0, SCMP_CMP_MASKED_EQ, kThreadFlags, kThreadFlags)) == 0 &&
         // Its flags are in memory, which a filter cannot read; glibc then takes clone.
         ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
         // abort() and the like.
         ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            argument(0, SCMP_CMP_EQ, own)) == 0 &&
         ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                            argument(0, SCMP_CMP_EQ, PR_SET_NAME)) == 0 &&
         // To ask for a limit, not to set one; and of ourselves.
         ::seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 2,
                            argument(0, SCMP_CMP_EQ, 0), argument(2, SCMP_CMP_EQ, 0)) == 0;
}

}  // namespace

bool filter_system_calls(std::string& detail) {
  const std::unique_ptr<void, void (*)(scmp_filter_ctx)> filter(
      ::seccomp_init(SCMP_ACT_ERRNO(EPERM)), ::seccomp_release);
  int error = filter == nullptr || !add_rules(filter.get()) ? EINVAL : 0;
  if (error == 0) error = -::seccomp_load(filter.get());
  errno = error;
  return error == 0 || failed(detail, "a filter of system calls");
}

bool confine(std::string& detail) {
  const bool root = has_capability(CAP_SYS_ADMIN);
  // A core dump would have the guest's memory.
  constexpr rlimit kNone{0, 0};
  if (::setrlimit(RLIMIT_CORE, &kNone) != 0) return failed(detail, "no core dumps");
  if (!own_mounts(detail) || !empty_root(detail)) return false;
  if (!drop_capabilities(root)) return failed(detail, "no capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return failed(detail, "no new privileges");
  return filter_system_calls(detail);
}

UniqueFd detached_directory(const char* path, std::string& detail) {
  if (!has_capability(CAP_SYS_ADMIN) && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    (void)failed(detail, "a user namespace");
    return {};
  }
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_SYMLINKS;
  const UniqueFd directory(
      static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how)));
  if (!directory) {
    (void)failed(detail, path);
    return {};
  }
  UniqueFd tree(
      static_cast<int>(::syscall(SYS_open_tree, directory.get(), "",
                                 kOpenTreeClone | kRecursive | AT_EMPTY_PATH | O_CLOEXEC)));
  if (!tree) (void)failed(detail, path);
  return tree;
}

}  // namespace hgcm::sandbox
