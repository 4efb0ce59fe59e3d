# SPDX-License-Identifier: MIT
# The guest library. hgcm-status is apart because the host side uses it too; libhgcm contains it.
LIBHGCM_SOURCES := lib/src/async.cpp lib/src/client.cpp lib/src/driver.cpp \
	lib/src/guest_properties.cpp lib/src/interruptible.cpp lib/src/kernel_device.cpp \
	lib/src/status.cpp

$(call static_library,hgcm-status,lib/src/status.cpp)
$(call static_library,hgcm,$(LIBHGCM_SOURCES))
$(call shared_library,hgcm,$(LIBHGCM_SOURCES),lib/libhgcm.map)

.PHONY: install-lib
install-lib: $(B)/lib/libhgcm.a $(B)/lib/libhgcm.so
	install -d $(DESTDIR)$(PREFIX)/include/hgcm $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 644 lib/include/hgcm/*.h $(DESTDIR)$(PREFIX)/include/hgcm
	install -m 644 $(B)/lib/libhgcm.a $(DESTDIR)$(PREFIX)/lib
	install -m 755 $(B)/lib/libhgcm.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib
	ln -sf libhgcm.so.$(VERSION) $(DESTDIR)$(PREFIX)/lib/libhgcm.so.$(SOVERSION)
	ln -sf libhgcm.so.$(SOVERSION) $(DESTDIR)$(PREFIX)/lib/libhgcm.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' lib/libhgcm.pc.in \
		> $(DESTDIR)$(PREFIX)/lib/pkgconfig/libhgcm.pc
INSTALL_RULES += install-lib
