# SPDX-License-Identifier: MIT
# A guest machine in a process, for tests; needs vmmdev and hgcm-host at link time.
$(call static_library,hgcm-loopback,$(addprefix lib/loopback/,guest_driver.cpp machine.cpp \
	page_pool.cpp session.cpp))
