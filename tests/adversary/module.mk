# SPDX-License-Identifier: MIT
# A device that lies, for tests of the guest's driver: tests/vm/cases/adversary.
ifeq ($(VARIANT),)
$(call test_program,adversary,$(sort $(wildcard tests/adversary/*.cpp)),$(VMMDEVD_LIBS),$(VMMDEVD_ARGS))
endif
