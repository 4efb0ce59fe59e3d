# SPDX-License-Identifier: MIT
# Tests of the vboxguest module's interface to programs. They run in a guest, against our module or
# the kernel's own: tests/vm/cases/kmod-*.
ifeq ($(VARIANT),)
$(call test_program,kmod-ioctl,$(sort $(filter-out %/events_test.cpp,$(wildcard tests/kmod/*_test.cpp))) tests/kmod/driver.cpp,,-lgtest -lgtest_main)
$(call test_program,kmod-events,tests/kmod/events_test.cpp tests/kmod/driver.cpp,,-lgtest -lgtest_main)
$(call test_program,kmod-hold,tests/kmod/hold.cpp tests/kmod/driver.cpp,,-lgtest)
$(call with_test_header,gtest,$(wildcard tests/kmod/*_test.cpp))
endif
