# SPDX-License-Identifier: MIT
# Measurements: counts that are exact, and times as ratios within one run.
$(call test_program,hgcm-bench,tests/bench/hgcm_bench.cpp,,)

.PHONY: bench
# BENCH_ARGS: see tests/bench/run --help.
bench: vm-deps all kmod $(B)/tests/hgcm-bench $(B)/tests/vm-agent $(B)/tests/services/HgcmTestSvc.so ## Measure HGCM calls, ours against the stock driver
	$(Q)tests/bench/run $(BENCH_ARGS)
