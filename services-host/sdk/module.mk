# SPDX-License-Identifier: MIT
# The plugin SDK is headers only; the status codes they use come with the library's headers. Its examples are built as test services: they are not installed.
$(call test_service,HgcmGreeterSvc,services-host/sdk/examples/greeter.cpp)
$(call test_service,HgcmMailboxSvc,services-host/sdk/examples/mailbox.cpp)

SDK_HEADERS := services-host/sdk/include/hgcm
.PHONY: install-sdk
install-sdk: install-lib
	install -d $(DESTDIR)$(PREFIX)/include/hgcm/service $(DESTDIR)$(PREFIX)/share/openhgcm/examples
	install -m 644 $(wildcard $(SDK_HEADERS)/*.h $(SDK_HEADERS)/*.hpp) $(DESTDIR)$(PREFIX)/include/hgcm
	install -m 644 $(wildcard $(SDK_HEADERS)/service/*.hpp) $(DESTDIR)$(PREFIX)/include/hgcm/service
	install -m 644 $(SERVICE_EXPORTS) $(DESTDIR)$(PREFIX)/share/openhgcm
	install -m 644 $(wildcard services-host/sdk/examples/*.cpp) $(DESTDIR)$(PREFIX)/share/openhgcm/examples
INSTALL_RULES += install-sdk
