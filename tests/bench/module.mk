# SPDX-License-Identifier: MIT
# Measurements: counts that are exact, and timings as ratios within one run.
$(call test_program,hgcm-bench,tests/bench/hgcm_bench.cpp,,)
