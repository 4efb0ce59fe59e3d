# SPDX-License-Identifier: MIT
# Guests: QEMU, kernels, and the tests that boot them. See README.md here.

# The guest's half of the harness; linked statically, so that it is all that a guest needs to start.
ifeq ($(VARIANT),)
$(call test_program,vm-agent,tests/vm/agent/agent.cpp,,-static)
endif

# Programs that cases run in the guest: every ioctl once, also by a 32-bit program; load.
ifeq ($(VARIANT),)
$(call test_program,ioctl-exerciser,tests/vm/programs/ioctl_exerciser.cpp,,)
$(call test_program,ioctl-matrix,tests/vm/programs/ioctl_matrix.cpp,,-static)
build/tests/ioctl-matrix32: tests/vm/programs/ioctl_matrix.cpp $(FLAGS_STAMP) | build/.deps-vm32
	@mkdir -p $(@D)
	@echo "  LINK    $@"
	$(Q)$(CXX) $(ALL_CXXFLAGS) -m32 -static -o $@ $<
endif
$(call test_program,hgcm-load,tests/vm/programs/hgcm_load.cpp,hgcm)
ifeq ($(VARIANT),)
$(call test_program,kexec-start,tests/vm/programs/kexec_start.cpp,,-static)
endif
# Plain requests, likewise.
$(call test_program,vmmdev-request,tests/vm/programs/vmmdev_request.cpp,,)

# What file systems are tried with; static, so that it runs under any mount.
ifeq ($(VARIANT),)
$(call test_program,fs-exercise,$(sort $(wildcard tests/vm/programs/fs_*.cpp)),,-static)
endif

# A Debian root file system, for guests whose root is a directory of the host.
build/vm/debian-root/.packages: tests/vm/fetch-root | build/.deps-vm
	$(Q)tests/vm/fetch-root
	@touch $@

# VirtualBox's guest programs come from Debian unstable, which may lack them for a while: then the cases
# that try them say so and are skipped.
build/vm/guest-utils/version: tests/vm/fetch-guest-utils | build/.deps-vm
	$(Q)tests/vm/fetch-guest-utils || echo "  VirtualBox's guest programs are left out"

.PHONY: demo vm-deps vm-test vm-shell
vm-deps: build/.deps-vm build/.deps-kmod ## Fetch QEMU and the guests' kernels into build/vm
	$(Q)tests/vm/fetch-qemu
	$(Q)tests/vm/fetch-kernel 6.1 6.12

# VM_ARGS: see tests/vm/run --help.
vm-test: build/.deps-vm build/.deps-kmod ## Run the guest tests (VM_ARGS="--kernel 6.1 --modules ours CASE")
	$(Q)tests/vm/run $(VM_ARGS)

.PHONY: initramfs-test
initramfs-test: build/.deps-vm build/.deps-kmod vm-deps all kmod ## Boot a Debian from a shared folder with an initramfs of its own
	$(Q)tests/vm/initramfs-test

.PHONY: debug-kernel debug-kernel-test
# Takes its time; build/vm/kernels keeps it.
debug-kernel: build/.deps-build ## Build a kernel with KASAN, lockdep, UBSAN, kmemleak and fault injection
	$(Q)tests/vm/debug-kernel

# The driver's own cases, with the liar and random ioctls for a while, with coverage.
# VM_EXERCISE_SECONDS=600 for the long form.
debug-kernel-test: build/.deps-vm build/.deps-kmod ## Test the driver on that kernel
	$(Q)tests/kmod/coverage "$$(tests/vm/debug-kernel | tail -n 1)" driver-probe module-reload kmod-ioctl \
		kmod-events ioctl-matrix kmod-interrupts kmod-kernel-clients kmod-unbind killed-mid-call \
		mmio-requests hot-unplug power adversary ioctl-exerciser

vm-shell: build/.deps-vm build/.deps-kmod ## Boot a guest with a shell on this terminal (VM_ARGS as above)
	$(Q)tests/vm/run --shell $(VM_ARGS)

demo: build/.deps-build build/.deps-vm build/.deps-kmod all kmod build/tests/vm-agent ## Boot a guest and pass properties both ways
	$(Q)tests/vm/fetch-qemu
	$(Q)tests/vm/fetch-kernel 6.1
	$(Q)tests/vm/demo 6.1
