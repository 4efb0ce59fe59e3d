# SPDX-License-Identifier: MIT
$(call boost_test,hgcm-host,$(wildcard tests/hgcm-host/*.cpp),hgcm-host hgcm-status)
$(B)/tests/hgcm-host: $(patsubst %,$(B)/tests/services/%.so,HgcmTestSvc HgcmCEchoSvc HgcmHangSvc HgcmOldSvc)
$(call test_program,hgcm-host-bench,tests/hgcm-host/bench/round_trip.cpp,hgcm-host hgcm-status)
