# SPDX-License-Identifier: MIT
$(call boost_test,vfio-user,$(wildcard tests/vfio-user/*_test.cpp),vfio-user hgcm-status,-lspdlog -lfmt)
