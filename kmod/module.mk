# SPDX-License-Identifier: MIT
#
# The kernel modules: kbuild runs on a farm of links in build/kmod-obj/<release>/, so the source
# tree stays clean and kernels build side by side; results are build/kmod/<release>/*.ko.
#
#   make kmod                          for the newest 6.1 and 6.12 Debian headers installed
#   make kmod KERNELS=6.1.0-42-amd64   for the kernels named (releases under KERNEL_HEADERS)

KERNEL_HEADERS ?= /usr/src/linux-headers-
kmod_newest = $(lastword $(shell ls -d $(KERNEL_HEADERS)$(1)*-amd64 2>/dev/null | sed 's|^$(KERNEL_HEADERS)||' | sort -V))
KERNELS ?= $(call kmod_newest,6.1.) $(call kmod_newest,6.12.)

kmod_sources = $(shell find kmod -name '*.[chS]' -o -name Kbuild)
kmod_modules := vboxguest vboxguest-test vboxsf

# $(call kmod_build,RELEASE,ARGUMENTS): the kernel's own compiler choice, whatever CC is here. One at a
# time: the guest tests and sparse, which use the same objects, may run side by side.
define kmod_build
	@mkdir -p build/kmod-obj/$(1)
	+$(Q)exec 9> build/kmod-obj/$(1).lock && flock 9 && \
		find build/kmod-obj/$(1) -xtype l -delete && \
		cp -asf $(CURDIR)/kmod/. build/kmod-obj/$(1)/ && \
		env -u CC -u CXX -u CFLAGS -u LDFLAGS $(MAKE) --no-print-directory \
		-C $(KERNEL_HEADERS)$(1) M=$(CURDIR)/build/kmod-obj/$(1) MAKEOVERRIDES= V=$(V) $(2) modules
endef

.PHONY: kmod kmod-sparse kmod-checkpatch

# Resolved when a target needs it, after the headers were installed.
define kmod_for_each
	+$(Q)[ -n "$(strip $(KERNELS))" ] || \
		{ echo "no kernel headers under $(KERNEL_HEADERS)*-amd64" >&2; exit 1; }; \
	$(MAKE) --no-print-directory $(addprefix kmod-$(1)-,$(KERNELS))
endef

kmod: build/.deps-kmod ## Build the kernel modules (KERNELS=release...)
	$(call kmod_for_each,for)

kmod-sparse: build/.deps-kmod build/.deps-lint ## Check the kernel modules with sparse
	$(call kmod_for_each,sparse)

kmod-for-%:
	$(call kmod_build,$*)
	@mkdir -p build/kmod/$*
	@for m in $(kmod_modules); do \
		cmp -s build/kmod-obj/$*/$$m/$$m.ko build/kmod/$*/$$m.ko || \
		cp build/kmod-obj/$*/$$m/$$m.ko build/kmod/$*/$$m.ko; done
	@echo "  KMOD    $(patsubst %,build/kmod/$*/%.ko,$(kmod_modules))"

# Sparse and kbuild only warn; here a warning is a failure.
kmod-sparse-%:
	@mkdir -p build/kmod-obj
	$(call kmod_build,$*,C=2) 2>&1 | tee build/kmod-obj/sparse-$*.log; \
		[ $${PIPESTATUS[0]} -eq 0 ]
	@! grep -E '(warning|error):' build/kmod-obj/sparse-$*.log

.PHONY: dkms-test
dkms-test: build/.deps-kmod build/.deps-dkms ## Install the modules with DKMS for all kernels, in a temporary root
	$(Q)tests/kmod/dkms-test

# checkpatch is part of no package but the kernel's source.
build/kmod-tools/checkpatch.pl: | build/.deps-kmod
	@mkdir -p $(@D)
	$(Q)cd $(@D) && apt-get download -qq linux-source-6.1 && \
		dpkg --fsys-tarfile linux-source-6.1_*.deb | tar -xO --wildcards './usr/src/linux-source-6.1.tar.xz' | \
		tar -xJ --strip-components=2 --occurrence=1 linux-source-6.1/scripts/checkpatch.pl \
			linux-source-6.1/scripts/spelling.txt linux-source-6.1/scripts/const_structs.checkpatch && \
		rm -f linux-source-6.1_*.deb && touch checkpatch.pl

# Flags of pages have names of their own; ENOSYS is what the stock driver returns for two status
# codes; tests return at the first check that fails; headers of tracepoints have a layout of their own.
kmod-checkpatch: build/kmod-tools/checkpatch.pl ## Check the style of the kernel modules
	$(Q)perl build/kmod-tools/checkpatch.pl --strict --no-tree --no-summary --terse --ignore CAMELCASE,ENOSYS,MACRO_WITH_FLOW_CONTROL --file \
		$(filter-out %_trace.h,$(filter %.c %.h,$(kmod_sources))); \
		status=$$?; rm -f .checkpatch-camelcase.*; exit $$status
