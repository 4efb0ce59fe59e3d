// SPDX-License-Identifier: MIT
//
// Starts another kernel from the running one, as kexec-tools' `kexec -l` and `kexec -e` do, for an
// uncompressed x86-64 kernel (the cases' own; kexec_file_load(2) takes compressed images only). The
// running kernel's boot parameters are handed on, with another initramfs. Follows Linux's x86 boot
// protocol, "64-bit boot protocol", and kexec_load(2).
//
//   kexec-start KERNEL INITRD    files or block devices; prints "going" just before the change
#include <elf.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr std::uintptr_t kPage = 4096;
// Where things go: below the kernel, which is at 16 MiB, and above it.
constexpr std::uintptr_t kCodeAt = 0x80000;
constexpr std::uintptr_t kParametersAt = kCodeAt + kPage;
constexpr std::uintptr_t kCommandLineAt = kParametersAt + kPage;
constexpr std::uintptr_t kInitrdAt = 0x10000000;
// Fields of the boot parameters ("zero page").
constexpr std::size_t kExtendedInitrd = 0x0c0;
constexpr std::size_t kExtendedInitrdSize = 0x0c4;
constexpr std::size_t kExtendedCommandLine = 0x0c8;
constexpr std::size_t kInitrd = 0x218;
constexpr std::size_t kInitrdSize = 0x21c;
constexpr std::size_t kCommandLine = 0x228;
constexpr std::size_t kSetupData = 0x250;

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// The whole of a file or block device, mapped.
std::span<std::uint8_t> map(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
  if (size <= 0) die(path);
  void* at = mmap(nullptr, static_cast<std::size_t>(size), PROT_READ, MAP_PRIVATE, fd, 0);
  if (at == MAP_FAILED) die(path);
  close(fd);
  return {static_cast<std::uint8_t*>(at), static_cast<std::size_t>(size)};
}

/// Files of /proc and /sys do not know their size.
std::vector<std::uint8_t> contents(const char* path) {
  std::vector<std::uint8_t> bytes(kPage);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd < 0 ? -1 : read(fd, bytes.data(), bytes.size());
  if (got <= 0) die(path);
  close(fd);
  bytes.resize(static_cast<std::size_t>(got));
  return bytes;
}

void put(std::vector<std::uint8_t>& page, std::size_t offset, std::uint64_t value, std::size_t n) {
  std::memcpy(page.data() + offset, &value, n);
}

class Segments {
 public:
  void add(std::uintptr_t at, std::span<std::uint8_t> bytes, std::size_t room) {
    list_.push_back({bytes.data(), bytes.size(), reinterpret_cast<void*>(at),
                     (room + kPage - 1) / kPage * kPage});
  }
  void load(std::uint64_t entry) {
    if (syscall(SYS_kexec_load, entry, list_.size(), list_.data(), KEXEC_ARCH_DEFAULT) != 0) {
      die("kexec_load");
    }
  }

 private:
  std::vector<kexec_segment> list_;
};

/// The kernel's loadable parts; where it is entered.
std::uint64_t add_kernel(Segments& segments, std::span<std::uint8_t> file) {
  Elf64_Ehdr header;
  std::memcpy(&header, file.data(), sizeof header);
  if (file.size() < sizeof header || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    std::fprintf(stderr, "not an ELF file\n");
    std::exit(1);
  }
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part;
    std::memcpy(&part, file.data() + header.e_phoff + i * sizeof part, sizeof part);
    if (part.p_type == PT_LOAD) {
      segments.add(part.p_paddr, file.subspan(part.p_offset, part.p_filesz), part.p_memsz);
    }
  }
  return header.e_entry;
}

/// Sets the register in which a kernel gets its boot parameters, and enters it.
std::vector<std::uint8_t> entry_code(std::uint64_t entry) {
  std::vector<std::uint8_t> code = {0x48, 0xbe};  // mov rsi, parameters
  const auto address = [&code](std::uint64_t value) {
    for (int i = 0; i < 8; ++i) code.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  };
  address(kParametersAt);
  code.insert(code.end(), {0x48, 0xb8});  // mov rax, entry
  address(entry);
  code.insert(code.end(), {0xff, 0xe0});  // jmp rax
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: kexec-start KERNEL INITRD\n");
    return 2;
  }
  Segments segments;
  const std::uint64_t entry = add_kernel(segments, map(argv[1]));
  const std::span<std::uint8_t> initrd = map(argv[2]);
  segments.add(kInitrdAt, initrd, initrd.size());

  std::vector<std::uint8_t> code = entry_code(entry);
  std::vector<std::uint8_t> parameters = contents("/sys/kernel/boot_params/data");
  std::vector<std::uint8_t> command_line = contents("/proc/cmdline");
  command_line.back() = 0;  // a line end
  parameters.resize(kPage);
  put(parameters, kInitrd, kInitrdAt, 4);
  put(parameters, kInitrdSize, initrd.size(), 4);
  put(parameters, kExtendedInitrd, 0, 4);
  put(parameters, kExtendedInitrdSize, 0, 4);
  put(parameters, kCommandLine, kCommandLineAt, 4);
  put(parameters, kExtendedCommandLine, 0, 4);
  put(parameters, kSetupData, 0, 8);
  segments.add(kCodeAt, code, kPage);
  segments.add(kParametersAt, parameters, kPage);
  segments.add(kCommandLineAt, command_line, kPage);
  segments.load(kCodeAt);

  std::printf("going\n");
  std::fflush(stdout);
  sync();
  usleep(300'000);  // the line is on its way out; nobody can acknowledge it
  syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, nullptr);
  die("reboot");
}
