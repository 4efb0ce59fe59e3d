# SPDX-License-Identifier: MIT
# Guests: QEMU, kernels, and the tests that boot them. See README.md here.
.PHONY: vm-deps
vm-deps: build/.deps-vm ## Fetch QEMU into build/vm
	$(Q)tests/vm/fetch-qemu
