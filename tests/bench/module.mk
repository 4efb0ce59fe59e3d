# SPDX-License-Identifier: MIT
# Measurements: counts that are exact, and times as ratios within one run.
$(call test_program,hgcm-bench,tests/bench/hgcm_bench.cpp,,)
# Static, so that it runs under any mount.
ifeq ($(VARIANT),)
$(call test_program,fs-bench,tests/bench/fs_bench.cpp,,-static)
endif

.PHONY: bench bench-deps
bench-deps: vm-deps build/.deps-bench
	$(Q)tests/bench/fetch-virtiofsd

# BENCH_ARGS: see tests/bench/run --help.
bench: bench-deps all kmod $(B)/tests/hgcm-bench $(B)/tests/fs-bench $(B)/tests/vm-agent $(B)/tests/services/HgcmTestSvc.so ## Measure calls and file systems, ours beside others (BENCH_ARGS="--part fs --quick")
	$(Q)tests/bench/run $(BENCH_ARGS)
