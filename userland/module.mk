# SPDX-License-Identifier: MIT
# The guest tools. hgcm-tools is all of them but main(), for tests.
$(call static_library,hgcm-tools,userland/common/tool.cpp $(addprefix userland/guestprop/,commands.cpp \
	native.cpp vboxcontrol.cpp) $(addprefix userland/hgcmctl/,arguments.cpp hgcmctl.cpp) \
	$(addprefix userland/mount.vboxsf/,attach.cpp request.cpp shares.cpp))
$(call program,guestprop,userland/guestprop/main.cpp,hgcm-tools hgcm)
$(call program,hgcmctl,userland/hgcmctl/main.cpp,hgcm-tools hgcm)
$(call program,mount.vboxsf,userland/mount.vboxsf/main.cpp,hgcm-tools hgcm)

# So that it can be tried from the build directory.
$(B)/bin/VBoxControl: $(B)/bin/guestprop
	$(Q)ln -sf guestprop $@
ALL += $(B)/bin/VBoxControl

MAN_PAGES += userland/man/guestprop.1 userland/man/hgcmctl.1 userland/man/mount.vboxsf.8

.PHONY: install-userland
install-userland: $(B)/bin/guestprop $(B)/bin/hgcmctl $(B)/bin/mount.vboxsf
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)/sbin \
		$(DESTDIR)$(PREFIX)/share/man/man8 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 755 $(B)/bin/guestprop $(B)/bin/hgcmctl $(DESTDIR)$(PREFIX)/bin
	ln -sf guestprop $(DESTDIR)$(PREFIX)/bin/VBoxControl
	install -m 644 userland/man/guestprop.1 userland/man/hgcmctl.1 \
		$(DESTDIR)$(PREFIX)/share/man/man1
	ln -sf guestprop.1 $(DESTDIR)$(PREFIX)/share/man/man1/VBoxControl.1
	install -m 644 userland/completion/guestprop userland/completion/hgcmctl \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions
# mount(8) looks for helpers there and nowhere else.
	install -m 755 $(B)/bin/mount.vboxsf $(DESTDIR)/sbin
	install -m 644 userland/man/mount.vboxsf.8 $(DESTDIR)$(PREFIX)/share/man/man8
INSTALL_RULES += install-userland
