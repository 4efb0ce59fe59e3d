# SPDX-License-Identifier: MIT
#
# OpenHGCM, one Makefile for everything but the kernel modules' kbuild files. `make help` lists the
# targets. Each folder's module.mk says what it builds with the calls defined below; nothing here
# names a source file.
#
#   make                              build all of userland, libraries and services
#   make SAN=address,undefined        the same, instrumented, in build/san-address-undefined/
#   make SAN=thread COVERAGE=1        variants never share objects
#   make CC=clang-16 CXX=clang++-16   another compiler; objects are rebuilt when it changes

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all
SHELL := /bin/bash

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := g++
endif
AR ?= ar
PREFIX ?= /usr/local
DESTDIR ?=
V ?= 0
Q := $(if $(filter 1,$(V)),,@)

VERSION := 0.1.0
SOVERSION := 0

# --- variants -----------------------------------------------------------------------------------
comma := ,
VARIANT := $(strip $(if $(SAN),san-$(subst $(comma),-,$(SAN))) $(if $(FUZZ),fuzz) $(if $(COVERAGE),coverage))
empty :=
space := $(empty) $(empty)
B := build$(if $(VARIANT),/$(subst $(space),-,$(VARIANT)))

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror
CXX_WARNINGS := -Wnon-virtual-dtor -Woverloaded-virtual -Wold-style-cast
INCLUDES := -Ilib/include -Iservices-host/sdk/include -Ilib -Iservices-host -Iuserland -Ikmod/include
# Whether asio allocates with std::aligned_alloc depends on what is included before it: not here.
DEFINES := -D_GNU_SOURCE -DSPDLOG_COMPILED_LIB -DSPDLOG_FMT_EXTERNAL -DASIO_DISABLE_STD_ALIGNED_ALLOC -DHGCM_VERSION='"$(VERSION)"' \
	$(if $(FUZZ),,-D_FORTIFY_SOURCE=$(if $(SAN),0,2))
# Lines and functions for backtraces; OPT='-O0 -g' for a debugger's sake. Instrumented objects take clang
# twice as long with -O1, for nothing that short tests need; `make fuzz` asks for it.
OPT ?= $(if $(SAN)$(FUZZ),$(if $(findstring thread,$(SAN)),-O1,-O0) -g1,-O2 -g1)
HARDENING := -fstack-protector-strong
# GCC 12 takes std::stop_source for uninitialised when it inlines as little as with -O1.
# GCC warns that its thread sanitizer does not see fences; asio has some.
NO_TSAN_WARNING := $(if $(filter thread,$(SAN)),$(if $(findstring clang,$(CXX)),,-Wno-tsan))
SAN_FLAGS := $(NO_TSAN_WARNING) $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer$(if $(findstring clang,$(CXX)),, -Wno-maybe-uninitialized)) \
	$(if $(FUZZ),-fsanitize=fuzzer-no-link$(comma)address$(comma)undefined -fno-sanitize-recover=all) \
	$(if $(COVERAGE),--coverage)
COMMON_FLAGS = $(OPT) -fPIC -pthread -fvisibility=hidden $(HARDENING) $(WARNINGS) $(INCLUDES) $(DEFINES) $(SAN_FLAGS)
ALL_CFLAGS = -std=c11 $(COMMON_FLAGS) $(CFLAGS)
ALL_CXXFLAGS = -std=c++20 -fvisibility-inlines-hidden $(COMMON_FLAGS) $(CXX_WARNINGS) $(CXXFLAGS)
# Some thirty large programs: lld takes a quarter of the time.
ALL_LDFLAGS = -pthread -Wl,-z,relro,-z,now -Wl,--as-needed $(SAN_FLAGS) $(if $(FUZZ),-fuse-ld=lld) $(LDFLAGS)

# Objects depend on this file, which changes only when the command line of the compiler does.
FLAGS_STAMP := $(B)/.flags
FLAGS_TEXT = $(CC) | $(CXX) | $(ALL_CFLAGS) | $(ALL_CXXFLAGS) | $(ALL_LDFLAGS)
.PHONY: FORCE
$(FLAGS_STAMP): FORCE
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(FLAGS_TEXT))' > $@

# --- dependencies: each group of Debian packages is installed by the targets that need it --------
DEPS_SCRIPT := tests/setup/install-packages
.PRECIOUS: build/.deps-%
build/.deps-%: $(DEPS_SCRIPT)
	@mkdir -p $(@D)
	$(Q)$(DEPS_SCRIPT) $*
	@touch $@

# --- rules --------------------------------------------------------------------------------------
ALL :=
UNIT_TESTS :=
FUZZ_TARGETS :=
MAN_PAGES :=
INSTALL_RULES :=
SERVICES :=
OBJECTS :=

objects = $(patsubst %,$(B)/obj/%.o,$(1))
archives = $(patsubst %,$(B)/lib/lib%.a,$(1))

# $(call static_library,NAME,SOURCES): build/lib/libNAME.a
define static_library_rule
$(B)/lib/lib$(1).a: $(call objects,$(2))
	@mkdir -p $$(@D)
	@echo "  AR      $$@"
	$$(Q)rm -f $$@ && $(AR) rcs $$@ $$(filter %.o,$$^)
OBJECTS += $(call objects,$(2))
ALL += $(B)/lib/lib$(1).a
endef
static_library = $(eval $(call static_library_rule,$(1),$(2)))

# $(call link_rule,OUTPUT,SOURCES,OUR STATIC LIBRARIES,LINKER ARGUMENTS)
define link_rule
$(1): $(call objects,$(2)) $(call archives,$(3))
	@mkdir -p $$(@D)
	@echo "  LINK    $$@"
	$$(Q)$$(CXX) $$(ALL_LDFLAGS) -o $$@ $$(filter %.o,$$^) \
		$(if $(3),-Wl$(comma)--start-group $(call archives,$(3)) -Wl$(comma)--end-group) $(4)
OBJECTS += $(call objects,$(2))
endef

# $(call shared_library,NAME,SOURCES,VERSION SCRIPT,LINKER ARGUMENTS): build/lib/libNAME.so.$(VERSION),
# with its soname libNAME.so.$(SOVERSION) and the link for the linker beside it.
define shared_library_rule
$(call link_rule,$(B)/lib/lib$(1).so.$(VERSION),$(2),,-shared -Wl$(comma)-soname$(comma)lib$(1).so.$(SOVERSION) -Wl$(comma)--version-script=$(3) $(4))
$(B)/lib/lib$(1).so.$(VERSION): $(3)
$(B)/lib/lib$(1).so: $(B)/lib/lib$(1).so.$(VERSION)
	$$(Q)ln -sf lib$(1).so.$(VERSION) $(B)/lib/lib$(1).so.$(SOVERSION)
	$$(Q)ln -sf lib$(1).so.$(SOVERSION) $$@
ALL += $(B)/lib/lib$(1).so
endef
shared_library = $(eval $(call shared_library_rule,$(1),$(2),$(3),$(4)))

# $(call program,NAME,SOURCES,OUR STATIC LIBRARIES,LINKER ARGUMENTS): build/bin/NAME
program = $(eval $(call link_rule,$(B)/bin/$(1),$(2),$(3),$(4)))$(eval ALL += $(B)/bin/$(1))

# $(call service,NAME,SOURCES,OUR STATIC LIBRARIES,LINKER ARGUMENTS): build/services/NAME.so, which
# exports VBoxHGCMSvcLoad and nothing else.
SERVICE_EXPORTS := services-host/sdk/service.map
service = $(eval $(call link_rule,$(B)/services/$(1).so,$(2),$(3),-shared -Wl$(comma)-soname$(comma)$(1).so -Wl$(comma)--version-script=$(SERVICE_EXPORTS) $(4)))$(eval $(B)/services/$(1).so: $(SERVICE_EXPORTS))$(eval ALL += $(B)/services/$(1).so)$(eval SERVICES += $(B)/services/$(1).so)

# $(call with_header,FILE_headers.h,SOURCES): compiles them with the large headers of libraries, which
# that file lists, read once. Sources still include what they use: it only saves time.
define with_header_rule
$(call objects,$(2)): COMMON_HEADER := $(B)/headers/$(1)
$(call objects,$(2)): $(B)/headers/$(1).gch
endef
with_header = $(eval $(call with_header_rule,$(1),$(2)))
with_test_header = $(call with_header,tests/support/$(1)_headers.h,$(filter tests/%_test.cpp,$(2)))

# $(call gtest,NAME,SOURCES,OUR STATIC LIBRARIES,LINKER ARGUMENTS): a GoogleTest program
# $(call boost_test,...): a Boost.Test program, whose sources do not define the module's main.
gtest = $(eval $(call link_rule,$(B)/tests/$(1),$(2),$(3),-lgtest -lgtest_main -lgmock $(4)))$(call with_test_header,gtest,$(2))$(eval UNIT_TESTS += gtest:$(B)/tests/$(1))
boost_test = $(eval $(call link_rule,$(B)/tests/$(1),$(2) tests/support/boost_main.cpp,$(3),-lboost_unit_test_framework $(4)))$(call with_test_header,boost,$(2))$(eval UNIT_TESTS += boost:$(B)/tests/$(1))

# $(call test_program,NAME,SOURCES,LIBS,ARGS): build/tests/NAME, run by a VM case or another test.
test_program = $(eval $(call link_rule,$(B)/tests/$(1),$(2),$(3),$(4)))$(eval TEST_PROGRAMS += $(B)/tests/$(1))
# $(call test_service,NAME,SOURCES,LIBS,ARGS): build/tests/services/NAME.so, a service for tests.
test_service = $(eval $(call link_rule,$(B)/tests/services/$(1).so,$(2),$(3),-shared -Wl$(comma)--version-script=$(SERVICE_EXPORTS) $(4)))$(eval TEST_PROGRAMS += $(B)/tests/services/$(1).so)

# $(call fuzz_target,NAME,SOURCES,OUR STATIC LIBRARIES,LINKER ARGUMENTS): a libFuzzer program with
# its corpus in tests/fuzz/corpus/NAME; only built with FUZZ=1.
fuzz_target = $(eval $(call link_rule,$(B)/fuzz/$(1),$(2),$(3),-fsanitize=fuzzer$(comma)address$(comma)undefined $(4)))$(eval FUZZ_TARGETS += $(B)/fuzz/$(1))

include $(sort $(wildcard */module.mk */*/module.mk))

OBJECTS := $(sort $(OBJECTS))

# What has no such header of its own gets the standard library's.
PLAIN_OBJECTS := $(foreach d,lib services-host userland,$(B)/obj/$(d)/%.cpp.o)
$(PLAIN_OBJECTS): COMMON_HEADER := $(B)/headers/lib/standard_headers.h
$(filter $(PLAIN_OBJECTS),$(OBJECTS)): $(B)/headers/lib/standard_headers.h.gch

# Compiling the tests is most of the work of `make check`, running them is not; but what is measured
# with, services and fuzz targets, and what also runs in guests (emulated) is optimised.
ifneq ($(SAN),thread)
$(B)/obj/tests/%.o $(B)/headers/tests/%.gch: OPT = -O0 -g1
$(B)/obj/tests/bench/%.o $(B)/obj/tests/fuzz/%.o $(B)/obj/tests/services/%.o $(B)/obj/tests/vm/%.o \
	$(B)/obj/tests/adversary/%.o $(B)/obj/tests/hgcm-host/bench/%.o: OPT = $(if $(SAN)$(FUZZ),-O0 -g1,-O2 -g1)
endif
ifeq ($(SAN)$(FUZZ),)
$(B)/headers/tests/support/gtest_headers.h.gch $(foreach p,fs kmod lib userland,$(B)/obj/tests/$(p)/%.o): OPT = -O1 -g1
endif

$(B)/obj/%.cpp.o: %.cpp $(FLAGS_STAMP) | build/.deps-build $(if $(FUZZ),build/.deps-fuzz)
	@mkdir -p $(@D)
	@echo "  CXX     $<"
	$(Q)$(CXX) $(ALL_CXXFLAGS) $(addprefix -include ,$(COMMON_HEADER)) -MMD -MP -c -o $@ $<

$(B)/headers/%.h.gch: %.h $(FLAGS_STAMP) | build/.deps-build $(if $(FUZZ),build/.deps-fuzz)
	@mkdir -p $(@D)
	@echo "  CXX     $<"
	$(Q)cp $< $(@:.gch=) && $(CXX) $(ALL_CXXFLAGS) -x c++-header -o $@ $(@:.gch=)

$(B)/obj/%.c.o: %.c $(FLAGS_STAMP) | build/.deps-build $(if $(FUZZ),build/.deps-fuzz)
	@mkdir -p $(@D)
	@echo "  CC      $<"
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d)

# --- targets ------------------------------------------------------------------------------------
.PHONY: all help check fuzz tests-build fuzz-build clean install
all: $(ALL) ## Build libraries, programs and services (default)

TEST_OUTPUTS = $(foreach t,$(UNIT_TESTS),$(lastword $(subst :,$(space),$(t)))) $(TEST_PROGRAMS)
tests-build: all $(TEST_OUTPUTS) ## Build the test programs too
	@printf '%s\n' $(UNIT_TESTS) > $(B)/tests/manifest

fuzz-build: $(FUZZ_TARGETS)

.PHONY: fuzz-targets
fuzz-targets: build/.deps-fuzz ## Build the fuzz targets with clang, in build/fuzz/
	$(Q)$(MAKE) --no-print-directory FUZZ=1 CC=clang-16 CXX=clang++-16 fuzz-build

# `make check` and `make check PARTS=unit`: see tests/run --list.
check: build/.deps-build ## Run every test; the last line is the count
	$(Q)CC="$(CC)" CXX="$(CXX)" tests/run $(PARTS)

# Minutes per target: FUZZ_SECONDS=600 make fuzz
fuzz: build/.deps-fuzz ## Run each fuzz target for FUZZ_SECONDS (600)
	$(Q)OPT='-O1 -g1' FUZZ_SECONDS=$${FUZZ_SECONDS:-600} tests/run fuzz

help: ## Show this list
	@echo "Targets (variables: SAN=, COVERAGE=1, CC=, CXX=, DESTDIR=, PREFIX=, V=1):"
	@sed -nE 's/^([a-z][a-z0-9-]*):[^#]*## (.*)/  \1|\2/p' $(MAKEFILE_LIST) | sort -u | \
		while IFS='|' read -r target text; do printf '  %-18s %s\n' "$$target" "$$text"; done

# Where vmmdevd looks for them: beside its own bin/.
.PHONY: install-services
install-services: $(SERVICES)
	install -d $(DESTDIR)$(PREFIX)/lib/openhgcm/services
	install -m 755 $(SERVICES) $(DESTDIR)$(PREFIX)/lib/openhgcm/services
INSTALL_RULES += install-services

install: all $(INSTALL_RULES) ## Install under $(DESTDIR)$(PREFIX)

clean: ## Remove build products (keeps downloaded VM parts; `make distclean` removes all)
	rm -rf $(filter-out build/vm build/.deps-%,$(wildcard build/* build/.flags))

.PHONY: distclean
distclean: ## Remove build/ entirely
	rm -rf build
