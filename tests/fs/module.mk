# SPDX-License-Identifier: MIT
# File systems in guests, tried at length: make check-fs. See README.md here.

# Not among the programs that `make check` builds.
ifeq ($(VARIANT),)
$(eval $(call link_rule,build/tests/fs-posix,$(sort $(wildcard tests/fs/*_test.cpp)),,-lgtest -lgtest_main))
$(call with_test_header,gtest,$(wildcard tests/fs/*_test.cpp))
endif

# FS_ARGS: see tests/fs/run --help.
.PHONY: check-fs
check-fs: build/.deps-build build/.deps-vm build/.deps-kmod build/.deps-check-fs vm-deps all kmod build/tests/fs-posix build/tests/fs-exercise build/tests/vm-agent build/tests/services/HgcmTestSvc.so ## Try vboxsf, stock vboxsf and 9p at length in guests (FS_ARGS="--kernel 6.12 --target ours posix")
	$(Q)tests/vm/fetch-guest-utils
	$(Q)tests/vm/run --no-build --modules ours fs-virtualbox-tools
	$(Q)tests/fs/run $(FS_ARGS)
